"""The worst cases are people of the audience, found for the reason their card gives, with the words they would get."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django_scopes import scope

from audiences import segments
from audiences.buckets import COUNT, bucket
from audiences.models import Profile, Segment
from audiences.rules import sql
from campaigns import arms, contents, overlaps, shortfalls, speakers, worst_cases
from campaigns.models import Campaign, Version
from campaigns.shortfalls import Written
from campaigns.worst_cases import Shown, Typed
from delivery.channels.email import preview as mail
from tenants.models import Tenant, User
from tests.campaigns.conftest import add, url, words, write

NAMED = "<p>Dear {{ profile.first_name }}</p>"
IN_BERLIN = {"all": [{"on": "attribute", "name": "city", "operator": "is", "value": "Berlin"}]}


@pytest.fixture
def version(
    make_campaign: Callable[..., Campaign], make_segment: Callable[..., Segment], owner: User
) -> Version:
    """For Berlin: a variant that needs a name, in two languages more, and a default."""
    version = make_campaign(segment=make_segment(IN_BERLIN)).versions.get()
    first = version.variants.get()
    add(version, owner, "<p>Hello</p>", is_default=True)
    write(first, owner, NAMED)
    write(first, owner, "<p>Caro {{ profile.first_name }}</p>", language="pt")
    version.refresh_from_db()
    return version


def typed(version: Version, body: str = NAMED, *, language: str = "") -> Typed:
    variant = version.variants.get(key="a")
    variant.version = version
    compiled = contents.compile_fields(
        channel="email", fields=words(body), version=version, language=language
    )
    return Typed(variant, "email", language, compiled)


def found(case: str, of: Typed, now: datetime) -> Shown:
    return worst_cases.show(next(each for each in worst_cases.cases(of) if each.key == case), of, now=now)


PEOPLE: dict[str, dict[str, Any]] = {
    "plain": {"first_name": "Ada", "last_name": "Lovelace"},
    "long": {"first_name": "Friedrich Wilhelm", "last_name": "von Steuben-Lossow"},
    "longer, elsewhere": {"first_name": "Wolfgang Theophilus", "last_name": "von und zu Mozart-Weber", "city": "Wien"},
    "longest, unsubscribed": {"first_name": "Maximilian Alexander Friedrich", "last_name": "von Steuben-Lossow-Mayer",
                              "consent": {"email": "unsubscribed"}},
    "short": {"first_name": "Y", "last_name": "Li"},
    "nameless": {"first_name": None},
    "blank": {"first_name": " "},
    "portuguese": {"first_name": "Inês", "language": "pt-BR"},
    "arabic": {"first_name": "Layla", "language": "ar-EG"},
    "arabic letters": {"first_name": "ليلى", "language": "ar"},
}  # fmt: skip
CASES = {
    "longest": ("long", "a", "", "Dear Friedrich Wilhelm"),
    "shortest": ("short", "a", "", "Dear Y"),
    "lacks-1": ("nameless", "b", "", "Hello"),
    "language-en": ("plain", "a", "", "Dear Ada"),
    "language-pt": ("portuguese", "a", "pt", "Caro Inês"),
    "right-to-left": ("arabic letters", "a", "", "Dear ليلى"),
    "variant-a": ("plain", "a", "", "Dear Ada"),
    "variant-b": ("nameless", "b", "", "Hello"),
}


@pytest.fixture
def people(make_profile: Callable[..., Profile]) -> dict[str, Profile]:
    return {name: make_profile(**({"city": "Berlin"} | fields)) for name, fields in PEOPLE.items()}


def test_each_is_found_and_gets_what_they_would_get(
    version: Version, people: dict[str, Profile], now: datetime
) -> None:
    of = typed(version)
    assert [case.key for case in worst_cases.cases(of)] == list(CASES)
    for case, (who, variant, language, says) in CASES.items():
        shown = found(case, of, now)
        assert shown.person == people[who], case
        assert shown.variant is not None, case
        assert (shown.variant.key, shown.language) == (variant, language), case
        assert shown.preview is not None, case
        assert shown.preview.message is not None, case
        assert says in shown.preview.message["html"], case


def test_words_are_those_typed_and_needs_with_them(
    version: Version, people: dict[str, Profile], now: datetime
) -> None:
    """What nobody has any more is lacked by everybody: they get the default."""
    shown = found("longest", typed(version, "<p>Typed for {{ profile.first_name }}</p>"), now)
    assert shown.preview is not None
    assert shown.preview.message is not None
    assert "Typed for Friedrich" in shown.preview.message["html"]
    of = typed(version, "<p>{{ profile.plan }}</p>")
    lacking = {case.title: case.key for case in worst_cases.cases(of) if case.lacks}
    assert list(lacking) == ["Lacks Plan", "Lacks First name"]
    shown = found(lacking["Lacks Plan"], of, now)
    assert (shown.person, shown.variant and shown.variant.key) == (people["plain"], "b")


def test_nobody_like_that_is_invented_and_said_to_be(version: Version, now: datetime) -> None:
    of = typed(version)
    for case in CASES:
        shown = found(case, of, now)
        assert shown.person is None, case
        assert shown.preview is not None, case
        assert shown.preview.message is not None, case
    assert "ليلى" in str(found("right-to-left", of, now).preview)
    assert found("language-pt", of, now).language == "pt"
    assert "first_name" not in found("lacks-1", of, now).invented


def test_who_lacks_something_gets_nothing_where_there_is_no_default(
    campaign: Campaign, people: dict[str, Profile], now: datetime, client_of: Callable[..., Client]
) -> None:
    shown = found("lacks-1", typed(campaign.versions.get()), now)
    assert (shown.person, shown.variant, shown.preview) == (people["nameless"], None, None)
    asked = words(NAMED) | {"channel": "email"}
    page = client_of("marketer").post(url("campaign_worst_case", campaign, "a", "lacks-1"), asked)
    assert "no variant takes them" in page.content.decode()


def test_who_lacks_what_a_later_variant_needs_is_no_earlier_ones(
    campaign: Campaign,
    make_segment: Callable[..., Segment],
    people: dict[str, Profile],
    owner: User,
    now: datetime,
) -> None:
    version = campaign.versions.get()
    add(version, owner, "<p>{{ profile.plan }}</p>", segment=make_segment(IN_BERLIN))
    keys = {case.lacks: case.key for case in worst_cases.cases(typed(version))}
    assert found(keys["profile.plan"], typed(version), now).person == people["nameless"]
    assert found("lacks-1", typed(version, "<p>For all</p>"), now).person is None


def test_other_tenants_people_are_no_ones_worst_case(
    campaign: Campaign, other_tenant: Tenant, make_profile: Callable[..., Profile], now: datetime
) -> None:
    with scope(tenant=other_tenant):
        make_profile(of=other_tenant, first_name="Maximilian", last_name="von Steuben")
    assert found("longest", typed(campaign.versions.get()), now).person is None


def test_who_is_kept_back_is_not_shown(
    make_campaign: Callable[..., Campaign], people: dict[str, Profile], now: datetime
) -> None:
    of = typed(make_campaign(control=50).versions.get())
    salt = arms.load(of.version).control_salt
    names = {who: f"{who.first_name or ''} {who.last_name or ''}".strip() for who in people.values()}
    told = [
        who
        for who in people.values()
        if not who.consent and names[who] and bucket(who.pk, salt) >= COUNT // 2
    ]
    longest = max(told, key=lambda who: len(names[who]), default=None)
    assert found("longest", of, now).person == longest


def test_pages_hold_the_cards_and_each_card_its_mail(
    version: Version, people: dict[str, Profile], client_of: Callable[..., Client]
) -> None:
    asked = words(NAMED, subject="A subject that is longer than what a telephone shows of it") | {
        "channel": "email"
    }
    marketer = client_of("marketer")
    page = marketer.post(url("campaign_worst_cases", version.campaign, "a"), asked).content.decode()
    for case in CASES:
        assert url("campaign_worst_case", version.campaign, "a", case) in page
    card = marketer.post(url("campaign_worst_case", version.campaign, "a", "longest"), asked).content.decode()
    assert "Friedrich Wilhelm von Steuben-Lossow" in card
    assert "58 characters; a phone shows about 50" in card
    assert 'sandbox="allow-same-origin"' in card
    gone = marketer.post(url("campaign_worst_case", version.campaign, "a", "lacks-9"), asked)
    assert gone.status_code == 404


def test_words_with_problems_say_so_on_their_cards_and_the_others_are_shown(
    version: Version, people: dict[str, Profile], client_of: Callable[..., Client]
) -> None:
    asked = words("<p>{{ profile.first_name </p>") | {"channel": "email"}
    marketer = client_of("marketer")
    card = marketer.post(url("campaign_worst_case", version.campaign, "a", "longest"), asked).content.decode()
    assert "cannot be sent yet" in card
    card = marketer.post(
        url("campaign_worst_case", version.campaign, "a", "variant-b"), asked
    ).content.decode()
    assert "mail-frame" in card


def test_asking_who_speaks_what_gives_up_after_a_while(
    version: Version,
    people: dict[str, Profile],
    client_of: Callable[..., Client],
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever somebody waits for it: the words that are translated, their needs, their order, their languages."""
    bounded = "1 / (current_setting('statement_timeout') <> '0')::int = 1"
    endless = sql.Query(f"SELECT length(pg_sleep(3600)::text)::bigint WHERE {bounded}", [])
    monkeypatch.setattr(speakers, "sql", SimpleNamespace(members=lambda *_, **__: endless))
    for module in (segments, shortfalls, worst_cases):
        monkeypatch.setattr(module, "PATIENCE", timedelta(milliseconds=1))
    of = typed(version)
    assert found("longest", of, now).took_too_long
    assert found("right-to-left", of, now).took_too_long
    with pytest.raises(segments.TooSlow):
        shortfalls.count(Written(of.variant, "email", "", ["profile.first_name"]), now=now)
    with pytest.raises(segments.TooSlow):
        overlaps.counted(version, now=now)
    marketer = client_of("marketer")
    panel = marketer.get(url("campaign_languages", version.campaign, "a"))
    assert "Too many people to say while you wait" in panel.content.decode()
    card = marketer.post(
        url("campaign_worst_case", version.campaign, "a", "longest"), words(NAMED) | {"channel": "email"}
    )
    assert "finding somebody in the audience took too long" in card.content.decode()


LOOKS = {
    "nothing wrong": ("Hello", "Dear Ada, welcome. (Yes.)", '<a href="#">Go</a>', []),
    "a name that was nothing": ("Hello", "Dear , welcome", "", ["Something seems to be missing at “Dear ,”."]),
    "in the subject": ("For you .", "", "", ["Something seems to be missing at “you .”."]),
    "quotes around nothing": ("Hello", "You liked “ ”", "", ["Something seems to be missing at ““ ””."]),
    "a price is no hole": ("Hello", "Now .50 off, was 1 .5", "", []),
    "a link without words": ("Hello", "", '<a href="#"><img src="x"></a>', ["A link has no words."]),
    "a picture that says what it is": ("Hello", "", '<a href="#"><img alt="Go" src="x"></a>', []),
}  # fmt: skip


@pytest.mark.parametrize(("subject", "text", "html", "warnings"), LOOKS.values(), ids=LOOKS)
def test_what_looks_wrong_is_pointed_out(
    subject: str, text: str, html: str, warnings: list[str], tenant: Tenant
) -> None:
    message = {"subject": subject, "text": text, "html": html}
    assert mail.shown(message, tenant=tenant, to="").warnings == warnings
