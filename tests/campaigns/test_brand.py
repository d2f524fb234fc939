"""Brand values: set on their page, shown by messages, missed before anything is launched."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.urls import reverse

from campaigns import contents, launching, versions
from campaigns.models import Content
from tenants import brand
from tenants.models import AuditEntry, Tenant

FORM = {
    "primary_color": "#FFCC00",
    "background_color": "",
    "text_color": "#222222",
    "logo_url": "https://nightingale.test/logo.png",
    "logo_alt": "",
    "website": "https://nightingale.test/",
    "support_email": "help@nightingale.test",
}


def text(response: Any) -> str:
    return html.unescape(response.content.decode())


def test_an_owner_sets_them_and_messages_have_them(client_of, tenant):
    client_of("owner").post(reverse("settings_brand"), FORM)
    seen = contents.brand(Tenant.objects.get(pk=tenant.pk))
    assert (seen["primary_color"], seen["on_primary_color"]) == ("#ffcc00", "#000000")
    assert (seen["background_color"], seen["website"]) == ("", "https://nightingale.test/")
    entry = AuditEntry.objects.get(thing="brand")
    assert entry.changes["text_color"] == ["", "#222222"]
    assert client_of("marketer").post(reverse("settings_brand"), FORM).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "says_why"),
    [
        pytest.param({"primary_color": "red"}, "Write a colour as #3f4bb8.", id="a word"),
        pytest.param({"primary_color": "#12345"}, "Write a colour as #3f4bb8.", id="a digit short"),
        pytest.param({"logo_url": "http://x.test/a.png"}, "begin with https://", id="in the open"),
        pytest.param({"logo_url": "javascript:alert(1)"}, "Enter a valid URL", id="a script"),
        pytest.param({"support_email": "help"}, "valid email", id="no address"),
    ],
)
def test_what_is_wrong_is_said(client_of, tenant, wrong, says_why):
    response = client_of("owner").post(reverse("settings_brand"), FORM | wrong)
    assert response.status_code == 422
    assert says_why in text(response)
    assert Tenant.objects.get(pk=tenant.pk).website == ""


def test_the_preview_is_a_mail_in_what_is_typed_and_warns_of_what_nobody_can_read(client_of):
    shown = text(client_of("owner").post(reverse("brand_preview"), FORM))
    assert "nightingale.test/logo.png" in shown
    assert "Your main colour on white: 1.5 to 1, hard to read" in shown
    assert "Words on a button: 13.9 to 1" in shown
    assert not Tenant.objects.exclude(website="").exists(), "nothing is stored by looking"


def test_what_the_brand_lacks_is_missed_before_the_launch_and_set_later(client_of, make_campaign):
    campaign = make_campaign(body="<p>{{ brand.website }} {{ brand.support_email | default: '-' }}</p>")
    said = str(Content.objects.get().problems)
    assert "brand.website has no value: set it under Settings, Brand" in said
    assert "support_email" not in said
    client_of("owner").post(reverse("settings_brand"), FORM)
    content = Content.objects.get(variant__version=versions.draft_of(campaign))
    assert (content.problems, content.needs) == ([], [])


def test_what_is_live_and_cannot_do_without_is_not_emptied(client_of, make_campaign, owner, now):
    client = client_of("owner")
    client.post(reverse("settings_brand"), FORM)
    campaign = make_campaign(body="<p>{{ brand.website }} {{ brand.support_email | default: '-' }}</p>")
    launching.launch(version=versions.draft_of(campaign), actor=owner, now=now)
    refused = client.post(reverse("settings_brand"), FORM | {"website": "", "support_email": ""})
    assert refused.status_code == 422
    assert "Messages that go on cannot do without it: Spring." in text(refused)
    assert refused.context["form"].errors.keys() == {"website"}, "the other has a default"
    assert Tenant.objects.get(website="https://nightingale.test/").support_email
    assert client.post(reverse("settings_brand"), FORM | {"support_email": ""}).status_code == 302


def test_nor_is_the_main_colour_where_only_what_stands_on_it_is_printed(client_of, make_campaign, owner, now):
    client = client_of("owner")
    client.post(reverse("settings_brand"), FORM)
    campaign = make_campaign(body="<p style='color: {{ brand.on_primary_color }}'>Hello</p>")
    launching.launch(version=versions.draft_of(campaign), actor=owner, now=now)
    assert client.post(reverse("settings_brand"), FORM | {"primary_color": ""}).status_code == 422


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        pytest.param("#000000", "#ffffff", 21.0, id="black and white"),
        pytest.param("#777777", "#ffffff", 4.48, id="the lightest grey that nearly does"),
        pytest.param("#ff0000", "#ffffff", 4.0, id="red"),
    ],
)
def test_contrast_is_as_wcag_has_it(one, other, ratio):
    assert brand.contrast(one, other) == brand.contrast(other, one) == pytest.approx(ratio, abs=0.005)
