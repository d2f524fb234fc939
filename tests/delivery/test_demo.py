"""The demo's campaigns, each for a way in which words fit their reader, previewed, tried and sent in its languages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from babel.dates import format_date
from babel.numbers import format_currency

from audiences import ingest
from audiences.models import Profile
from campaigns import channels, languages, preview
from campaigns.liquid.speech import LEFT_TO_RIGHT
from campaigns.models import Campaign, Version
from config.demo import birthday, shared, shelf, story
from delivery.models import Delivery, FrequencyCap
from tenants import clock
from tenants.models import Tenant
from tests.delivery.conftest import Postbox, html_of, untracked

EIGHT = ("es", "ca", "eu", "ar", "ko", "ro", "ru", "fr")
LAUNCHED = {
    "Thank you for a large order",
    "Welcome among the regulars",
    "Left at the counter",
    "A night of records near you",
    "Since you are in Soho",
    "A look back at your orders",
    "First pick of the spring list",
    "An hour for listening",
    "Ten years of Second Spin",
    "This week in the shop",
    "Win them back",
}
CARTS = (5, 250, 42)
SOHO = {"latitude": 40.7242, "longitude": -74.0018}
PLACES = ((40.7242, -74.0018), (34.0869, -118.2702), (52.5, 13.4))


def test_a_password_that_is_gone_is_told(settings, tmp_path):
    settings.VAR = tmp_path
    told = story.Told("secret", "key", datetime(2026, 11, 22).date())
    told.keep()
    assert story.Told.read() == told
    (tmp_path / "demo-login").unlink()
    with pytest.raises(story.Forgotten, match="demo-login, which held its password, is gone"):
        story.Told.read()


@pytest.fixture
def shelf_server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The shop's own server, on a port of its own."""
    with ThreadingHTTPServer((shelf.HOST, 0), shelf.Shelf) as server:
        port = server.server_address[1]
        monkeypatch.setattr(shelf, "PORT", port)
        settings.SOURCES_MAY_REACH = [*settings.SOURCES_MAY_REACH, f"{shelf.HOST}/32:{port}"]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


Tell = Callable[..., None]


@pytest.fixture
def tell(tenant: Tenant) -> Tell:
    """Store a call of somebody's, so many days ago."""

    def store(kind: str, user: str, *, days: float = 0.0, **more: Any) -> None:
        now = clock.now(tenant)
        call = {"type": kind, "userId": user, "timestamp": (now - timedelta(days=days)).isoformat(), **more}
        assert ingest.store(tenant=tenant, calls=[call], now=now).accepted == 1

    return store


def order(tell: Tell, user: str, *, days: float, total: float = 42.5) -> None:
    tell("track", user, days=days, event="Order Completed", properties={"total": total, "items": 2})


def cart(tell: Tell, user: str, *, days: float = 0.0, value: float) -> None:
    tell("track", user, days=days, event="Checkout Started", properties={"value": value})


@pytest.fixture
def shop(
    tenant: Tenant, make_member: Callable[..., Any], tell: Tell, shelf_server: None, settings: Any
) -> Tenant:
    """The demo's campaigns, with a regular for each of eight languages, somebody lapsed and somebody new."""
    make_member("owner", email=story.OWNER)
    clock.set_to(tenant, datetime.now(clock.now(tenant).tzinfo).replace(hour=12) + timedelta(days=2))
    for number, tag in enumerate((*EIGHT, "lapsed", "new")):
        latitude, longitude = PLACES[number % len(PLACES)]
        traits = {
            "email": f"{tag}@example.test", "firstName": "Łucja", "timezone": "Europe/Berlin",
            "language": tag if tag in EIGHT else "en", "address": {"city": "Bilbao", "country": "ES"},
            "latitude": latitude, "longitude": longitude, "loyalty": "member" if number % 2 else "",
        }  # fmt: skip
        tell("identify", tag, traits=traits)
        for days in (150, 140, 130) if tag == "lapsed" else (40, 30) if tag == "new" else (90, 60, 30):
            order(tell, tag, days=days)
        if tag in EIGHT:
            order(tell, tag, days=20, total=130)
            for value in CARTS:
                cart(tell, tag, days=15, value=value)
    story.campaigns(tenant)
    FrequencyCap.objects.all().delete()
    Campaign.objects.update(control_percent=0)
    return tenant


def version_of(campaign: Campaign) -> Version:
    return campaign.versions.order_by("-number")[0]


def shown_to(variant: Any, person: Profile, now: datetime) -> preview.Preview:
    shown = preview.of_saved(variant=variant, channel="email", profile=person, now=now)
    assert (shown.problems, shown.refused) == ([], None), (variant.version.campaign, variant, person)
    assert shown.message is not None
    return shown


def test_every_variant_of_each_reads_in_eight_languages(shop: Tenant) -> None:
    people = {tag: Profile.objects.get(email=f"{tag}@example.test") for tag in EIGHT}
    now = clock.now(shop)
    assert set(Campaign.objects.values_list("name", flat=True)) >= LAUNCHED
    for campaign in Campaign.objects.all():
        for variant in version_of(campaign).variants.all():
            written = {content.language for content in variant.contents.all()}
            for tag, person in people.items():
                shown = shown_to(variant, person, now)
                language = tag if tag in written else ""
                way = "rtl" if languages.is_right_to_left(language) else "ltr"
                assert shown.language == language
                assert f'lang="{language or "en"}" dir="{way}"' in shown.message["html"]
                assert "{{" not in str(shown.message)
    _look_at_the_birthday(people, now)


def _look_at_the_birthday(people: dict[str, Profile], now: datetime) -> None:
    """Its words are the reader's, and its dates and money are as they write them."""
    (variant,) = version_of(Campaign.objects.get(name=birthday.NAME)).variants.all()
    assert {*EIGHT, ""} == birthday.TOLD.keys() == {content.language for content in variant.contents.all()}
    for tag, person in people.items():
        shown = shown_to(variant, person, now)
        told = birthday.TOLD[tag]
        assert shown.message["subject"] == told.subject
        for words in (told.headline, told.button, told.closing, shared.SIGNATURES[tag]):
            assert words in shown.message["html"]
        first = format_date((now - timedelta(days=90)).date(), "long", locale=tag)
        for value in (first, format_currency(130, "USD", locale=tag), format_currency(10, "USD", locale=tag)):
            assert value in shown.message["html"].replace(LEFT_TO_RIGHT, ""), (tag, value)
        assert ("direction:rtl" in shown.message["html"]) == (tag == "ar")


def arrived(postbox: Postbox, address: str, subject: str) -> EmailMessage:
    (mail,) = [mail for to, mail in postbox.mails if to == address and mail["Subject"] == subject]
    return mail


def test_each_is_previewed_tried_and_sent_as_the_same_mail(
    shop: Tenant, tell: Tell, postbox: Postbox, run: Callable[..., int]
) -> None:
    email, alike = channels.get("email"), set()

    def compare() -> None:
        """What was sent since is what a preview shows and a test sends, but for tracking."""
        now = clock.now(shop)
        for row in Delivery.objects.filter(state="sent").exclude(pk__in=seen).order_by("pk"):
            seen.add(row.pk)
            person = Profile.objects.get(pk=row.profile_id)
            shown = shown_to(row.content.variant, person, now)
            subject = shown.message["subject"]
            sent = arrived(postbox, str(person.email), subject)
            assert untracked(html_of(sent)) == untracked(shown.message["html"]), (row.campaign, person)
            if (row.campaign.name, row.content.language) in alike:
                continue  # a test of each in each language will do
            alike.add((row.campaign.name, row.content.language))
            email.send_test(shown.message, tenant=shop, to="me@example.test")
            tried = postbox.mails[-1][1]
            assert tried["Subject"] == f"[Test] {subject}"
            assert untracked(html_of(tried)) == untracked(html_of(sent))

    seen: set[int] = set()
    run()
    compare()
    order(tell, "new", days=0)
    order(tell, "ar", days=0, total=180)
    for tag, value in zip(("es", "ar", "ko"), CARTS, strict=True):
        cart(tell, tag, value=value)
    for _ in range(2):
        clock.move_forward(shop, timedelta(minutes=10))
        tell("screen", "eu", name="In the shop", context={"location": SOHO})
    clock.move_forward(shop, timedelta(days=29))
    run()
    compare()
    assert {name for name, _ in alike} == LAUNCHED
    assert {language for name, language in alike if name == birthday.NAME} == {*EIGHT, ""}
    assert not Delivery.objects.exclude(state__in=["sent", "cancelled"]).exists()
