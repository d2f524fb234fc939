"""The order of variants in a browser: a cure that is offered, buttons from the keyboard, and dragging."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from audiences.models import Profile, Segment
from campaigns import drafts
from campaigns.models import Campaign
from tenants.models import Tenant, User

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

GOLD = {"on": "attribute", "name": "plan", "operator": "is", "value": "gold"}
SLOW = 30_000  # milliseconds that a busy machine may take


@pytest.fixture
def campaign(tenant: Tenant, owner: User, make_profile: Callable[..., Profile]) -> Campaign:
    """The rest is tried before the members, so that no member gets theirs."""
    for number in range(5):
        make_profile(email=f"u{number}@example.test", attributes={"plan": "gold" if number < 2 else "free"})
    made = drafts.create(tenant=tenant, actor=owner, name="Spring")
    version = made.versions.get()
    drafts.set_audience(version=version, actor=owner, segment=None, is_everyone=True, control_percent=0)
    members = Segment(tenant=tenant, name="Gold members", rule=GOLD)
    members.save()
    for name, segment in (("The rest", None), ("Members", members)):
        variant = (
            version.variants.get() if segment is None else drafts.add_variant(version=version, actor=owner)
        )
        drafts.change_variant(
            variant=variant, actor=owner, name=name, weight=50, segment=segment, is_default=False
        )
    return made


def test_members_are_put_before_the_rest(
    open_browser: Callable[..., Page], campaign: Campaign, grave_faults: Callable[[Page], list[str]]
) -> None:
    page = open_browser("marketer")
    page.set_default_timeout(SLOW)
    expect.set_options(timeout=SLOW)
    page.goto(reverse("campaign_variant", args=[campaign.public_id, "b"]))
    summary = page.locator(".variant-order summary")
    expect(summary).to_have_text("Order: The rest, then Members")
    expect(page.get_by_text("Nobody gets “Members”")).to_be_visible()
    summary.click()
    expect(page.get_by_text("2 fit · 2 get “The rest” first · 0 get it")).to_be_visible()
    assert grave_faults(page) == []

    page.get_by_role("button", name="Move “Members” before “The rest”").click()
    expect(summary).to_have_text("Order: Members, then The rest")
    expect(page.locator(".variants-tabs a").first).to_contain_text("Members")
    expect(page.get_by_text("5 fit · 2 get “Members” first · 3 get it")).to_be_visible()
    expect(page.get_by_text("Nobody gets “Members”")).to_have_count(0)

    down = page.get_by_role("button", name="Move Members down")
    down.focus()
    down.press("Enter")
    expect(summary).to_have_text("Order: The rest, then Members")
    expect(down).to_be_focused()
    expect(page.locator("#order-told")).to_have_text("Order: The rest, then Members.")

    rows = page.locator(".order-row")
    expect(page.get_by_text("2 fit · 2 get “The rest” first · 0 get it")).to_be_visible()
    rows.nth(1).locator(".order-grip").drag_to(rows.nth(0))
    expect(summary).to_have_text("Order: Members, then The rest")
    expect(rows.nth(0)).to_contain_text("Members")
