"""A marketer draws a place, sees who is there, asks for it in a rule, and lets it set a campaign off."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from django_scopes import scope
from playwright.sync_api import Page, expect

from audiences import ingest, places
from audiences.models import Place
from campaigns import drafts
from tenants import clock
from tenants.models import Tenant, User

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(tenant: Tenant) -> Tenant:
    """Thirty people in Soho, some blocks apart, and ten in Paris."""
    calls: list[dict[str, Any]] = [
        {
            "type": "identify",
            "userId": f"u{n}",
            "traits": {"email": f"u{n}@example.test"}
            | (
                {
                    "latitude": 40.7242 + n % 6 / 2_000,
                    "longitude": -74.0018 - n % 5 / 2_000,
                    "city": "New York",
                }
                if n < 30
                else {"latitude": 48.8566, "longitude": 2.3522, "city": "Paris", "country": "FR"}
            ),
        }
        for n in range(40)
    ]
    ingest.store(tenant=tenant, calls=calls, now=clock.now(tenant))
    return tenant


def draw(tenant: Tenant, name: str = "Soho", **more: Any) -> Place:
    words = {"latitude": 40.7242, "longitude": -74.0018, "radius_m": 200, "tags": ["shop"]} | more
    words |= {"dwell_minutes": 5, "cooldown_minutes": 60}
    return places.create(tenant=tenant, actor=None, now=clock.now(tenant), name=name, **words)


def test_a_place_is_drawn_while_it_is_typed(shop: Tenant, open_browser: Callable[..., Page]) -> None:
    page = open_browser("marketer")
    page.goto(reverse("place_list"))
    page.get_by_role("link", name="New place").first.click()
    page.get_by_label("Name").fill("Shop in Soho")
    expect(page.get_by_text("Once you have said where it is")).to_be_visible()
    page.get_by_label("Where").fill("40.7242, -74.0018")
    picture = page.get_by_role("img", name=re.compile("30 people in the picture"))
    page.get_by_label("Radius in metres").fill("40000")
    expect(picture.locator(".world-land")).to_be_visible()
    page.get_by_label("Radius in metres").fill("400")
    expect(picture.locator(".world-land")).to_have_count(0)
    expect(page.locator(".place-world .world-land")).to_be_visible()
    page.get_by_label("Where").fill("40.7242")
    expect(picture).to_have_count(0)
    page.get_by_label("Where").fill("40.7242, -74.0018")
    page.get_by_role("button", name="Save place").click()
    expect(page.get_by_role("heading", name="Shop in Soho")).to_be_visible()
    expect(page.get_by_text("30 people are there")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("“Shop in Soho” was deleted")).to_be_visible()


def test_a_rule_asks_who_is_near_it(shop: Tenant, open_browser: Callable[..., Page]) -> None:
    place = draw(shop)
    page = open_browser("marketer")
    page.goto(reverse("segment_new"))
    page.get_by_role("button", name="Location", exact=True).click()
    row = page.locator('.rule-condition[data-path="all[0]"]')
    row.get_by_label("Add a country").fill("FR")
    row.get_by_label("Add a country").press("Enter")
    glimpse = page.locator("#glimpse")
    expect(glimpse).to_contain_text("who is in France")
    expect(glimpse.locator(".stat-value")).to_have_text("10")
    row.get_by_label("How they are there").select_option("near")
    expect(glimpse).to_contain_text("who is at “Soho” (within 200 m)")
    row.get_by_label("Kilometres").fill("1.5")
    row.get_by_role("button", name="or…").click()
    row.get_by_label("Place").nth(1).select_option("")
    row.get_by_label("Latitude").fill("48.85")
    row.get_by_label("Longitude").fill("2.35")
    expect(glimpse).to_contain_text("within 1.5 km of “Soho” or 48.85, 2.35")
    expect(glimpse.locator(".stat-value")).to_have_text("40")
    row.get_by_label("How they are there").select_option("far")
    expect(glimpse.locator(".stat-value")).to_have_text("0")
    assert json.loads(page.locator("#id_rule").input_value())["all"] == [
        {
            "on": "near",
            "of": [{"place": str(place.public_id)}, {"latitude": 48.85, "longitude": 2.35}],
            "within_km": 1.5,
            "is": False,
        }
    ]


def test_entering_it_sets_a_campaign_off(
    shop: Tenant, owner: User, open_browser: Callable[..., Page]
) -> None:
    draw(shop)
    campaign = drafts.create(tenant=shop, actor=owner, name="Welcome")
    page = open_browser("marketer")
    page.goto(reverse("campaign_schedule", args=[campaign.public_id]))
    page.get_by_text("When something happens").click()
    page.get_by_text("They enter or leave a place").click()
    fields = page.locator(".only-kind-place")
    fields.get_by_label("They").select_option("left")
    fields.get_by_label("Place").select_option(label="Soho")
    page.get_by_role("button", name=re.compile("Save|Next|Continue")).first.click()
    page.wait_for_url(lambda url: "schedule" not in url)
    with scope(tenant=shop):
        trigger = campaign.versions.get().trigger
    assert (trigger["on"], trigger["did"], trigger["name"]) == ("place", "left", "Soho")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [pytest.param(1280, id="desk"), pytest.param(390, id="phone")])
def test_the_pages_keep_nobody_out(
    shop: Tenant,
    open_browser: Callable[..., Page],
    grave_faults: Callable[[Page], list[str]],
    width: int,
    scheme: str,
) -> None:
    place = draw(shop)
    draw(shop, "Next door", latitude=40.7255, radius_m=100)
    page = open_browser(width=width, scheme=scheme)
    for url in (
        reverse("place_list"),
        reverse("place_detail", args=[place.public_id]),
        reverse("place_edit", args=[place.public_id]),
    ):
        page.goto(url)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert grave_faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
