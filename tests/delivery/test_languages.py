"""One campaign in eight languages, as it is previewed, tested and sent: through a real mail server, to the letter."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from django.test import Client
from django.urls import reverse

from audiences.models import Profile
from campaigns import contents, launching, preview
from campaigns.models import Campaign
from delivery import explain
from delivery.models import Delivery
from tenants import clock
from tenants.models import Tenant, User
from tests.delivery.conftest import Postbox, html_of, text_of, untracked

Run = Callable[..., int]


class Told(NamedTuple):
    """A mail's words in one language."""

    subject: str
    opening: str
    unsubscribe: str


TOLD = {
    "es": Told("¡{{ profile.first_name }}, hay novedades!", "Han llegado discos nuevos.", "Cancelar la suscripción"),
    "ca": Told("{{ profile.first_name }}, hi ha novetats", "Han arribat discos nous.", "Cancel·lar la subscripció"),
    "eu": Told("{{ profile.first_name }}, berriak ditugu", "Disko berriak iritsi dira.", "Harpidetza kendu"),
    "ar": Told("وصل الجديد يا {{ profile.first_name }}", "وصلت أسطوانات جديدة.", "إلغاء الاشتراك"),
    "ko": Told("{{ profile.first_name }} 님, 새 소식이 있어요", "새 음반이 도착했습니다.", "수신 거부"),
    "ro": Told("{{ profile.first_name }}, avem noutăți", "Au sosit discuri noi.", "Dezabonare"),
    "ru": Told("{{ profile.first_name }}, у нас новинки", "Поступили новые пластинки.", "Отписаться"),
    "fr": Told("{{ profile.first_name }}, du nouveau chez nous", "De nouveaux disques sont arrivés.", "Se désabonner"),
}  # fmt: skip
ENGLISH = Told("{{ profile.first_name }}, there is news", "New records have come in.", "Unsubscribe")
BODIES = {
    "mjml": "<mjml><mj-body><mj-section><mj-column><mj-text>OPENING</mj-text>"
    '<mj-button href="https://shop.test/new">OPENING</mj-button></mj-column></mj-section></mj-body></mjml>',
    "html": "<html><head><title>News</title></head><body><p>OPENING"
    ' <a href="https://shop.test/new">OPENING</a></p></body></html>',
}


def fields(told: Told, body_format: str) -> dict[str, str]:
    return {
        "subject": told.subject,
        "preheader": "",
        "body_format": body_format,
        "body": BODIES[body_format].replace("OPENING", told.opening),
        "text": "",
    }


@pytest.fixture(params=["mjml", "html"])
def campaign(request: pytest.FixtureRequest, make_campaign: Callable[..., Campaign], owner: User) -> Campaign:
    made = make_campaign(is_launched=False, language="en")
    variant = made.versions.get().variants.get()
    for tag, told in {"": ENGLISH, **TOLD}.items():
        contents.save(
            variant=variant, channel="email", language=tag, fields=fields(told, request.param), actor=owner
        )
    return made


def launch(campaign: Campaign, owner: User) -> None:
    launching.launch(version=campaign.versions.get(), actor=owner, now=clock.now(campaign.tenant))


@pytest.mark.parametrize("tag", TOLD)
def test_a_campaign_in_eight_languages(
    campaign: Campaign,
    tag: str,
    make_profile: Callable[..., Profile],
    tenant: Tenant,
    owner: User,
    client_of: Callable[..., Client],
    postbox: Postbox,
    run: Run,
) -> None:
    """What is previewed, sent as a test and really sent is the same, in the person's language, and says which it is."""
    person = make_profile(email="ada@example.test", first_name="Łucja", language=tag)
    now, told, version = clock.now(tenant), TOLD[tag], campaign.versions.get()
    shown = preview.of_saved(variant=version.variants.get(), channel="email", profile=person, now=now)
    assert shown.message is not None
    asked = fields(told, str(version.variants.get().contents.all()[0].fields["body_format"])) | {
        "channel": "email", "language": tag, "as": str(person.public_id),
    }  # fmt: skip
    client = client_of("marketer")
    answer = client.post(reverse("campaign_test", args=[campaign.public_id, "a"]), asked)
    assert json.loads(answer["HX-Trigger"])["tact:toast"]["kind"] == "success", answer["HX-Trigger"]
    launch(campaign, owner)
    run()

    sent = postbox.to("ada@example.test")
    tried = next(mail for to, mail in postbox.mails if to != "ada@example.test")
    subject = told.subject.replace("{{ profile.first_name }}", "Łucja")
    assert sent["Subject"] == shown.message["subject"] == subject
    assert tried["Subject"] == f"[Test] {subject}"
    assert sent["Content-Language"] == tried["Content-Language"] == tag
    raw = sent.as_bytes().split(b"\n\n")[0]
    assert raw.isascii()
    assert b"Subject: =?utf-8?" in raw

    html, way = html_of(sent), "rtl" if tag == "ar" else "ltr"
    assert untracked(html) == untracked(html_of(tried)) == untracked(shown.message["html"])
    assert f'<html lang="{tag}" dir="{way}"' in html
    assert f'<body lang="{tag}" dir="{way}"' in html
    assert re.search(rf'<div [^>]*lang="{tag}" dir="{way}"|<div lang="{tag}" dir="{way}"', html)
    assert html.count(told.opening) == 2
    assert f">{told.unsubscribe}</a>" in html

    text = text_of(sent)
    assert told.opening in text
    assert f"{told.unsubscribe}: " in text
    assert text.splitlines()[0] == shown.message["text"].splitlines()[0]


@pytest.mark.parametrize("tag", ["ca", "ar"])
def test_mjml_is_laid_out_the_way_its_language_is_written(campaign: Campaign, tag: str) -> None:
    content = campaign.versions.get().variants.get().contents.get(language=tag)
    html = content.parts["html"]["text"]
    if content.fields["body_format"] == "mjml":
        assert ("direction:rtl" in html, "text-align:right" in html) == (tag == "ar", tag == "ar")
    else:
        assert "direction" not in html


FALLS = {
    "their region's is not written": ("fr-CA", "fr", "French, for French (Canada) is not written"),
    "their own": ("ko", "ko", "Korean"),
    "nothing that will do": ("pl", "", "English, for Polish is not written"),
    "not known": (None, "", "English, for theirs is not known"),
}


@pytest.mark.parametrize(("speaks", "gets", "why"), FALLS.values(), ids=FALLS)
def test_what_was_chosen_is_kept_and_told(
    campaign: Campaign,
    speaks: str | None,
    gets: str,
    why: str,
    make_profile: Callable[..., Profile],
    tenant: Tenant,
    owner: User,
    postbox: Postbox,
    run: Run,
) -> None:
    person = make_profile(email="ada@example.test", first_name="Ada", language=speaks)
    launch(campaign, owner)
    before = explain.why(campaign, person, now=clock.now(tenant))
    run()
    row = Delivery.objects.get(profile=person)
    assert row.content.language == gets
    gates = {name: saw for name, passed, saw in row.decision["gates"]}
    assert gates["arm"] == {"arm": "a", "language": why}
    assert before.now is not None
    for steps in (before.now.steps, explain.why(campaign, person, now=clock.now(tenant)).deliveries[0].steps):
        assert ("language", why) in next(step.saw for step in steps if step.name == "arm")


def test_nothing_is_said_of_languages_where_there_is_one(
    make_campaign: Callable[..., Campaign], make_profile: Callable[..., Profile], postbox: Postbox, run: Run
) -> None:
    make_campaign()
    person = make_profile(email="ada@example.test", language="pl")
    run()
    gates = {name: saw for name, passed, saw in Delivery.objects.get(profile=person).decision["gates"]}
    assert gates["arm"] == {"arm": "a"}
    assert postbox.to("ada@example.test")["Content-Language"] is None
