"""People, live events and imports in a browser: looked for, watched, brought in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from audiences import ingest, tasks
from audiences.models import Import, Profile
from tenants import clock
from tenants.models import Tenant
from tests.journeys.editors import questions_of

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

OpenBrowser = Callable[..., Page]


@pytest.fixture
def store(tenant: Tenant) -> Callable[..., ingest.Stored]:
    def store(*calls: dict[str, Any]) -> ingest.Stored:
        return ingest.store(tenant=tenant, calls=calls, now=clock.now(tenant))

    return store


def track(event: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "u1", "event": event, "properties": properties}


def test_an_event_appears_by_itself_and_what_is_open_stays_open(
    open_browser: OpenBrowser, store: Callable[..., ingest.Stored]
) -> None:
    page = open_browser("analyst")
    page.goto("/events/")
    expect(page.get_by_text("Waiting for your first event")).to_be_visible()
    store(track("Order Completed", total=12.5))
    page.locator("#arrivals summary").click()
    store(track("Search", words="jazz"))
    expect(page.locator("#arrivals > li").first).to_contain_text("Search")
    expect(page.locator("pre.raw").last).to_contain_text('"total": 12.5')
    page.get_by_role("link", name="Pause").click()
    expect(page.get_by_text("Paused.")).to_be_visible()
    store(track("Wishlist Added"))
    page.wait_for_timeout(2500)
    expect(page.locator("#arrivals > li")).to_have_count(2)
    page.get_by_role("link", name="Resume").click()
    expect(page.locator("#arrivals > li")).to_have_count(3)
    page.get_by_label("Event").select_option("Search")
    expect(page.locator("#arrivals > li")).to_have_count(1)
    page.get_by_role("link", name="Pause").click()
    page.get_by_label("Event").select_option("Order Completed")
    expect(page.locator("#arrivals > li")).to_contain_text("Order Completed")
    expect(page.get_by_text("Paused.")).to_be_visible()
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Keys").click()
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_somebody_is_found_by_typing_and_unsubscribed(
    open_browser: OpenBrowser, store: Callable[..., ingest.Stored]
) -> None:
    people = [
        {"type": "identify", "userId": f"u{n}", "traits": {"firstName": f"Person {n}"}} for n in range(120)
    ]
    store(*people, {"type": "identify", "userId": "ada", "traits": {"firstName": "Ada", "lastName": "King"}})
    page = open_browser("marketer", width=390, height=844)
    page.goto("/people/")
    for _ in range(3):
        page.locator("#people tr").last.scroll_into_view_if_needed()
        page.wait_for_timeout(400)
    expect(page.locator("#people tr")).to_have_count(121)
    page.get_by_label("Search people").fill("ada k")
    expect(page.locator("#people tr")).to_have_count(1)
    page.get_by_role("link", name="Ada King").click()
    page.get_by_role("button", name="Unsubscribe Email").click()
    page.get_by_role("dialog").get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_text("email is unsubscribed now")).to_be_visible()
    assert Profile.objects.get(external_id="ada").consent == {"email": "unsubscribed"}


def test_a_file_is_brought_in_step_by_step(open_browser: OpenBrowser, tenant: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("E-Mail;Level\na@example.test;gold\nwrong;x\n")
    page = open_browser("marketer")
    page.goto("/imports/")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    questions, mapping = questions_of(page), page.url
    page.get_by_label("Name of the attribute for Level").fill("lost")
    page.goto("/imports/")
    assert questions == ["beforeunload"]
    page.goto(mapping)
    page.get_by_label("Name of the attribute for Level").fill("tier")
    page.get_by_role("button", name="Rehearse").click()
    expect(page.get_by_text("Counting rows")).to_be_visible()
    tasks.run_import(Import.objects.get().pk)
    expect(page.get_by_text("E-Mail: is not an email address")).to_be_visible()
    assert not Profile.objects.exists()
    page.get_by_role("button", name="Import 1 row").click()
    expect(page.get_by_text("Counting rows")).to_be_visible()
    tasks.run_import(Import.objects.get().pk)
    expect(page.get_by_text("1 row is stored")).to_be_visible()
    assert Profile.objects.get().attributes == {"tier": "gold"}
    assert questions == ["beforeunload"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_keep_nobody_out(
    open_browser: OpenBrowser,
    store: Callable[..., ingest.Stored],
    grave_faults: Callable[[Page], list[str]],
    scheme: str,
) -> None:
    store(
        {
            "type": "identify",
            "userId": "u1",
            "traits": {"plan": "pro", "tags": ["a"]},
            "consent": {"email": "unsubscribed", "topic:news": "opted_in"},
        },
        track("Order Completed", total=12.5),
        {"type": "track", "userId": "u1"},
    )
    page = open_browser(scheme=scheme)
    profile = f"/people/{Profile.objects.get().public_id}/"
    for url in ["/people/", profile, "/events/", "/events/refused/", "/imports/"]:
        page.goto(url)
        page.wait_for_timeout(300)
        assert grave_faults(page) == [], url


def test_what_somebody_says_about_a_name_is_kept_as_they_choose_it(
    open_browser: OpenBrowser, store: Callable[..., ingest.Stored], grave_faults: Callable[[Page], list[str]]
) -> None:
    store({"type": "identify", "userId": "u1", "traits": {"diagnosis": "x", "plan": "pro"}})
    page = open_browser("marketer")
    page.goto("/settings/data/")
    page.get_by_label("Sensitivity of diagnosis").select_option("Sensitive")
    expect(page.get_by_text("diagnosis: saved.")).to_be_visible()
    page.get_by_label("Label of diagnosis").fill("Diagnosis")
    page.get_by_label("Label of diagnosis").press("Enter")
    page.wait_for_timeout(500)
    page.reload()
    expect(page.get_by_label("Label of diagnosis")).to_have_value("Diagnosis")
    expect(page.get_by_label("Sensitivity of diagnosis")).to_have_value("sensitive")
    expect(page.get_by_label("Sensitivity of plan")).to_have_value("ordinary")
    assert grave_faults(page) == []
