"""Live events: what just arrived, in the order it did, and what was refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import Client

from audiences import ingest
from tenants import clock
from tenants.models import Tenant

ClientOf = Callable[..., Client]
Store = Callable[..., ingest.Stored]


def track(event: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "u1", "event": event, **more}


def names(page: Any) -> list[str]:
    return [event.name for event in page.context["events"]]


def poll_of(page: Any) -> str | None:
    found = re.search(r'id="poll" hx-get="([^"]+)"', page.content.decode())
    return found[1].replace("&amp;", "&") if found else None


def test_events_are_shown_as_they_arrived(client_of: ClientOf, store: Store, tenant: Tenant) -> None:
    now = clock.now(tenant)
    store(track("First"), track("Late", timestamp=(now - timedelta(days=200)).isoformat()), track("Last"))
    assert names(client_of("analyst").get("/events/")) == ["Last", "Late", "First"]


def test_the_page_asks_for_newer_ones_and_gets_each_once(client_of: ClientOf, store: Store) -> None:
    browser = client_of("analyst")
    store(track("One"))
    poll = poll_of(browser.get("/events/"))
    assert poll
    assert browser.get(poll).status_code == 204
    store(track("Two"), track("Three"))
    newer = browser.get(poll)
    assert names(newer) == ["Three", "Two"]
    assert b'hx-swap-oob="outerHTML"' in newer.content
    again = poll_of(newer)
    assert again
    assert browser.get(again).status_code == 204


def test_a_paused_page_asks_for_nothing(client_of: ClientOf, store: Store) -> None:
    store(track("One"))
    assert poll_of(client_of("analyst").get("/events/?paused")) is None


def test_one_event_can_be_picked_also_in_what_is_newer(client_of: ClientOf, store: Store) -> None:
    browser = client_of("analyst")
    store(track("Search"), track("Order & Pay"), track("Search"))
    page = browser.get("/events/", {"name": "Order & Pay"})
    assert names(page) == ["Order & Pay"]
    poll = poll_of(page)
    store(track("Search"), track("Order & Pay"))
    assert poll
    assert names(browser.get(poll)) == ["Order & Pay"]


def test_without_events_the_page_says_how_to_send_one_and_notices_it(
    client_of: ClientOf, store: Store
) -> None:
    browser = client_of("analyst")
    page = browser.get("/events/")
    assert "curl http://testserver/v1/track" in page.content.decode()
    poll = poll_of(page)
    assert poll
    assert browser.get(poll).status_code == 204
    store(track("One"))
    assert browser.get(poll)["HX-Refresh"] == "true"


def test_a_page_that_grew_long_begins_anew(client_of: ClientOf, store: Store) -> None:
    store(track("One"))
    answer = client_of("analyst").get("/events/newer/?after=0&shown=500")
    assert answer["HX-Refresh"] == "true"


def test_another_tenants_events_are_not_shown(
    client_of: ClientOf, other_tenant: Tenant, store: Store
) -> None:
    ingest.store(tenant=other_tenant, calls=[track("Theirs"), {"type": "x"}], now=clock.now(other_tenant))
    store(track("Ours"))
    browser = client_of("analyst")
    assert names(browser.get("/events/")) == ["Ours"]
    assert not browser.get("/events/refused/").context["calls"]


def test_refused_calls_are_listed_with_place_and_reason(client_of: ClientOf, store: Store) -> None:
    store(
        *(
            {"type": "track", "userId": "u1", "event": "E", "properties": {"a": {"b": "\x00"}}}
            for _ in range(90)
        )
    )
    store(*({"type": "track", "userId": f"<b>{n}"} for n in range(30)))
    browser = client_of("analyst")
    page = browser.get("/events/refused/")
    text = page.content.decode()
    assert "properties.a.b" in text
    assert "&lt;b&gt;29" in text
    last = page.context["calls"][-1]
    assert len(page.context["calls"]) == 100
    assert len(browser.get("/events/refused/", {"before": last.pk}).context["calls"]) == 20
    assert 'bg-red-lt ms-2">120<' in browser.get("/events/").content.decode()
