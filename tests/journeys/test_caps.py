"""Frequency caps in a browser: made as a sentence, changed and removed, on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from campaigns import drafts
from delivery import cap_editing, caps
from tenants import clock
from tenants.models import Tenant, User

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

OpenBrowser = Callable[..., Page]


def test_a_cap_is_made_changed_and_removed(open_browser: OpenBrowser, tenant: Tenant) -> None:
    page = open_browser("publisher", width=390, height=844)
    page.goto("/settings/caps/")
    page.get_by_role("link", name="New cap").click()
    expect(page.get_by_label("Tag")).to_be_hidden()
    page.get_by_label("Which messages").select_option("Messages with a tag")
    page.get_by_label("Tag").fill("Promo")
    page.get_by_label("Period").select_option("A calendar day")
    expect(page.get_by_label("Length")).to_be_hidden()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".caps li")).to_contain_text("At most 3 messages tagged promo a day")
    page.get_by_role("link", name="Change").click()
    page.get_by_label("Period").select_option("A rolling period")
    page.get_by_label("Length").fill("2")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".caps li")).to_contain_text("At most 3 messages tagged promo in 2 days")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep as it is").click()
    assert len(caps.in_force(tenant)) == 1
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No caps yet")).to_be_visible()


@pytest.mark.parametrize(
    ("width", "scheme"), [(320, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]
)
def test_the_pages_fit_and_keep_nobody_out(
    open_browser: OpenBrowser,
    tenant: Tenant,
    owner: User,
    grave_faults: Callable[[Page], list[str]],
    width: int,
    scheme: str,
) -> None:
    now = clock.now(tenant)
    cap_editing.add(
        tenant=tenant,
        actor=owner,
        now=now,
        limit=3,
        kind="rolling",
        hours=168,
        scope="channel",
        value="email",
    )
    tag = "a rather long name for a tag, as they go"
    cap = cap_editing.add(tenant=tenant, actor=owner, now=now, limit=1, kind="day", scope="tag", value=tag)
    campaign = drafts.create(tenant=tenant, actor=owner, name="Spring")
    page = open_browser(width=width, height=844, scheme=scheme)
    for address in (
        "/settings/caps/",
        "/settings/caps/new/",
        reverse("cap_change", args=[cap.public_id]),
        reverse("campaign_schedule", args=[campaign.public_id]),
    ):
        answer = page.goto(address)
        assert answer
        assert answer.ok, address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        assert grave_faults(page) == []
