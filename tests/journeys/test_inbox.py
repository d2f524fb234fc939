"""The inbox in a browser: a mail is looked at, its links lead out, and what is hostile in it does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from delivery import providers
from delivery.channels.email.mime import Skeleton
from delivery.channels.email.smtp import Accepted, Connection, Message, Server
from tenants.models import Tenant
from tests.sandbox import Running, running

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

SHOP = Skeleton(from_address="news@shop.example", from_name="Shop", is_one_click=False)


@pytest.fixture
def sandbox(tmp_path: Path, settings: Any) -> Iterator[Running]:
    with running(tmp_path) as server:
        settings.SANDBOX_SMTP_PORT = server.port
        settings.SANDBOX_INBOX = server.folder
        yield server


def send(tenant: Tenant, *mails: tuple[str, str, str]) -> None:
    """Send (recipient, subject, html) as the tenant does."""
    messages = [
        Message(
            number,
            "news@shop.example",
            to,
            SHOP.fill(
                to_address=to,
                subject=subject,
                text="Hello in text",
                html=html,
                message_id=f"{number}@shop.example",
                date=datetime.now(UTC),
            ),
        )
        for number, (to, subject, html) in enumerate(mails)
    ]
    with Connection.open(Server(**providers.smtp_server(tenant))) as connection:
        assert all(isinstance(outcome, Accepted) for outcome in connection.send(messages))


def test_mail_is_found_by_typing_and_older_mail_by_scrolling(
    tenant: Tenant, sandbox: Running, open_browser: Callable[..., Page]
) -> None:
    send(tenant, *[(f"p{number}@example.org", f"Offer {number}", "<p>Hi</p>") for number in range(120)])
    page = open_browser("analyst")
    page.goto(reverse("inbox"))
    rows = page.locator("#inbox-rows tr:has(a)")
    expect(rows).to_have_count(50)
    while rows.count() < 120:
        before = rows.count()
        page.mouse.wheel(0, 100_000)
        expect(rows.nth(before)).to_be_visible()
    expect(page.get_by_role("link", name="Offer 0", exact=True)).to_be_visible()
    page.get_by_role("searchbox").fill("p77@")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Offer 77").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Offer 77")
    page.go_back()
    expect(rows).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Inbox")


@pytest.mark.parametrize("width", [pytest.param(1280, id="desk"), pytest.param(390, id="phone")])
def test_a_mail_loads_its_pictures_and_leads_out_by_its_links(
    width: int,
    tenant: Tenant,
    sandbox: Running,
    open_browser: Callable[..., Page],
    live_server: Any,
    grave_faults: Any,
) -> None:
    outside = live_server.url + reverse("account_reset_password")
    picture = f'<img alt="" src="{live_server.url}/healthz">'
    send(
        tenant,
        (
            "ann@example.org",
            "Come back",
            f'<p style="color: red"><a href="{outside}">Shop now</a>{picture}</p>',
        ),
    )
    page = open_browser(width=width)
    page.goto(reverse("inbox"))
    assert grave_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_request("**/healthz"):
        page.get_by_role("link", name="Come back").click()
    frame = page.frame_locator("iframe")
    expect(frame.locator("p")).to_have_css("color", "rgb(255, 0, 0)")
    assert grave_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="Shop now").click()
    opened.value.wait_for_url(outside)
    page.get_by_role("link", name="Text", exact=True).click()
    expect(page.get_by_text("Hello in text")).to_be_visible()
    for tab in ("Headers", "Source"):
        page.get_by_role("link", name=tab, exact=True).click()
        expect(page.get_by_text("news@shop.example").first).to_be_visible()
        assert grave_faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_hostile_mail_runs_nothing_and_changes_nothing(
    tenant: Tenant, sandbox: Running, open_browser: Callable[..., Page], live_server: Any
) -> None:
    hostile = (
        "<p id=words>Innocent</p>"
        "<script>document.getElementById('words').textContent = 'ran'</script>"
        "<img alt='' src='data:,x' onerror=\"document.getElementById('words').textContent = 'ran'\">"
        f"<form action='{live_server.url}/accounts/logout/' method=post><button>Go on</button></form>"
    )
    send(tenant, ("ann@example.org", "Innocent", hostile))
    page = open_browser()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.goto(reverse("inbox"))
    page.get_by_role("link", name="Innocent").click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Go on").click()
    page.wait_for_timeout(300)
    expect(frame.locator("#words")).to_have_text("Innocent")
    assert posts == []
