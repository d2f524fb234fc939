"""The main job as a marketer does it: from a segment to a conversion, through the real queue and mail server."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django_scopes import scope
from playwright.sync_api import Page, expect

from audiences import ingest
from audiences.models import Profile
from tenants import clock
from tenants.models import Tenant, User
from tests.conftest import PASSWORD
from tests.journeys.editors import fill_editor

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

PEOPLE = 40
SUBJECTS = ("{{ profile.first_name }}, new records", "Fresh from the press")
BODY = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{ profile.first_name }}</mj-text>"
    "<mj-button href='SHOP'>See them</mj-button></mj-column></mj-section></mj-body></mjml>"
)


@pytest.fixture
def shoppers(tenant: Tenant, make_profile: Callable[..., Profile]) -> list[Profile]:
    """People of Paris, each with an order long ago, and some of Rome."""
    made = [make_profile(first_name=f"Ada{n}", city="Paris") for n in range(PEOPLE)]
    made += [make_profile(first_name=f"Bob{n}", city="Rome") for n in range(5)]
    orders = [order(person, datetime.now(UTC) - timedelta(days=200), 20) for person in made]
    ingest.store(tenant=tenant, calls=orders, now=clock.now(tenant))
    return made


def order(person: Profile, at: datetime, total: float) -> dict[str, Any]:
    return {
        "type": "track",
        "messageId": f"order {person.pk} {at.isoformat()}",
        "userId": person.external_id,
        "event": "Order Completed",
        "timestamp": at.isoformat(),
        "properties": {"revenue": total},
    }


def sign_in(page: Page, email: str) -> None:
    page.goto(reverse("account_login"))
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def make_segment(page: Page) -> None:
    """Parisians, built without typing code."""
    page.goto(reverse("segment_new"))
    page.get_by_label("Name", exact=True).or_(page.get_by_label("Name*")).first.fill("Parisians")
    page.get_by_role("button", name="About them").click()
    condition = page.get_by_role("group", name="condition 1")
    condition.get_by_label("Attribute").fill("city")
    condition.get_by_label("Attribute").press("Tab")
    condition.get_by_label("Value").fill("Paris")
    expect(page.locator("#glimpse")).to_contain_text("whose city is Paris")
    expect(page.locator("#glimpse")).to_contain_text(str(PEOPLE))
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_role("heading", name="Parisians")).to_be_visible()


def make_campaign(page: Page, shop: str) -> None:
    """A campaign with two variants for the segment, its preview looked at on the way."""
    page.goto(reverse("campaign_new"))
    page.get_by_label("Name").fill("New records")
    page.get_by_role("button", name="Create draft").click()
    page.get_by_label("Who gets it", exact=True).select_option(label="Parisians")
    expect(page.locator("[data-sent]")).to_have_text(str(PEOPLE))
    page.get_by_role("button", name="Save and continue").click()
    write(page, SUBJECTS[0], shop)
    expect(page.locator(".inbox-line strong")).to_have_text(re.compile(r"Ada\d+, new records"))
    page.get_by_role("button", name="Add variant").click()
    write(page, SUBJECTS[1], shop)
    expect(page.locator(".inbox-line strong")).to_have_text(SUBJECTS[1])
    page.get_by_role("link", name="Goal").click()
    page.get_by_label("Conversion event", exact=True).fill("Order Completed")
    page.get_by_role("button", name="Save and continue").click()


def write(page: Page, subject: str, shop: str) -> None:
    page.get_by_label("Subject", exact=True).fill(subject)
    fill_editor(page, BODY.replace("SHOP", shop))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved just now")).to_be_visible()


def launch(page: Page) -> None:
    page.get_by_role("link", name="Review").click()
    expect(page.get_by_role("heading", name="Ready to launch")).to_be_visible()
    page.get_by_role("button", name="Launch").click()
    page.get_by_role("dialog").get_by_role("button", name="Launch it").click()


def mail_of(page: Page, address: str) -> None:
    page.goto(reverse("inbox") + f"?q={address}")
    page.locator("#inbox-rows a").first.click()


def test_from_a_segment_to_a_conversion(
    open_browser: Callable[..., Page],
    house: None,
    shoppers: list[Profile],
    tenant: Tenant,
    owner: User,
    live_server: Any,
) -> None:
    page = open_browser(None)
    sign_in(page, owner.email)
    make_segment(page)
    shop = live_server.url.replace("localhost", "127.0.0.1") + "/healthz"  # another origin, this machine
    make_campaign(page, shop)
    launch(page)
    results = page.locator("#results")
    expect(results.get_by_role("heading", name="Finished")).to_be_visible(timeout=30_000)
    expect(results.get_by_role("link", name=f"Sent {PEOPLE}")).to_be_visible()
    campaign_page = page.url

    buyer, leaver = shoppers[0], shoppers[1]
    mail_of(page, str(buyer.email))
    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link", name="See them").click()
    expect(opened.value).to_have_url(shop)
    opened.value.close()
    with scope(tenant=tenant):
        bought = order(buyer, clock.now(tenant), 25)
        ingest.store(tenant=tenant, calls=[bought], now=clock.now(tenant))
    page.goto(campaign_page)
    expect(results.locator("[data-label=Clicked] a", has_text="1")).to_have_count(1)
    expect(results.locator("[data-label=Converted] a", has_text="1")).to_have_count(1)
    expect(results.locator("[data-label=Revenue]", has_text="25.00")).to_have_count(1)

    mail_of(page, str(leaver.email))
    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link", name=re.compile("unsubscribe", re.I)).click()
    opened.value.get_by_role("button", name="Unsubscribe").click()
    expect(opened.value.get_by_role("heading", name="You are unsubscribed")).to_be_visible()

    page.goto(campaign_page)
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Duplicate").click()
    launch(page)
    expect(results.get_by_role("heading", name="Finished")).to_be_visible(timeout=30_000)
    expect(results.get_by_role("heading", name="From the audience to what was sent")).to_be_visible()
    results.get_by_role("link", name="Unsubscribed").click()
    expect(page.get_by_role("link", name=f"{leaver.first_name}", exact=True)).to_be_visible()
