"""Triggers and exceptions racing with each other and with the sending: once is once, and called off is called off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django_scopes import scope

from audiences import ingest, segments
from campaigns import triggers
from delivery import claim, deciding, recording
from delivery.models import Delivery, Entry
from tenants import clock
from tenants.models import Tenant
from tests.delivery.steps import planned

pytestmark = pytest.mark.django_db(transaction=True)

RACERS, PEOPLE = 8, 40


@pytest.fixture
def together(tenant: Tenant) -> Iterator[Callable[..., list[Any]]]:
    """Run functions at the same moment, each with its own connection and the tenant's scope; return what they did."""

    def run(start: Barrier, function: Callable[[], Any]) -> Any:
        try:
            with scope(tenant=tenant):
                start.wait(timeout=30)
                return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(RACERS) as pool:

        def race(*functions: Callable[[], Any]) -> list[Any]:
            start = Barrier(len(functions))
            racers: list[Future[Any]] = [pool.submit(run, start, function) for function in functions]
            return [racer.result(timeout=120) for racer in racers]

        yield race


@pytest.fixture
def people(tenant: Tenant) -> list[str]:
    names = [f"u{number}" for number in range(PEOPLE)]
    traits = [
        {"type": "identify", "userId": name, "traits": {"email": f"{name}@example.test"}} for name in names
    ]
    ingest.store(tenant=tenant, calls=traits, now=clock.now(tenant))
    return names


def does(tenant: Tenant, event: str, names: list[str]) -> None:
    calls = [{"type": "track", "userId": name, "event": event} for name in names]
    ingest.store(tenant=tenant, calls=calls, now=clock.now(tenant))


def decide_all(tenant: Tenant) -> None:
    while Delivery.objects.filter(state="planned", decided_at=None).exists():
        chunk = claim.claim(tenant=tenant, channel="email", now=clock.now(tenant), size=7)
        if chunk.rows:
            deciding.settle_decisions(chunk, tenant=tenant, channel="email", now=clock.now(tenant))


@pytest.mark.parametrize("again", ["once", "after"])
def test_two_triggers_at_once_send_once(tenant, make_campaign, people, together, again):
    campaign = make_campaign(when="event", trigger=triggers.make("Cart Viewed"), again=again)
    planned(tenant)
    together(*[lambda: does(tenant, "Cart Viewed", people)] * RACERS)
    together(*[lambda: decide_all(tenant)] * RACERS)
    held = Delivery.objects.filter(campaign=campaign, state="planned").exclude(reserved_at=None)
    assert sorted(held.values_list("profile__external_id", flat=True)) == sorted(people)
    assert set(Delivery.objects.filter(state="skipped").values_list("reason", flat=True)) <= {"had_it"}
    assert Entry.objects.filter(campaign=campaign).count() == PEOPLE


def test_who_enters_a_segment_twice_at_once_enters_once(tenant, owner, make_campaign, people, together):
    rule = {"on": "event", "name": "Order Completed"}
    segment = segments.create(tenant=tenant, actor=owner, name="Bought", rule=rule)
    campaign = make_campaign(when="event", trigger=triggers.on_segment(segment, "entered"), again="always")
    together(*[lambda: does(tenant, "Order Completed", people)] * RACERS)
    assert Delivery.objects.filter(campaign=campaign).count() == PEOPLE


def test_an_exception_is_in_time_or_the_message_is_on_its_way_never_both(
    tenant, make_campaign, people, together
):
    """Half the people's exceptions come while their messages are marked for the hand-over."""
    make_campaign(
        when="event", trigger=triggers.make("Cart Viewed"), exceptions=[triggers.make("Order Completed")]
    )
    does(tenant, "Cart Viewed", people)
    chunk = claim.claim(tenant=tenant, channel="email", now=clock.now(tenant))
    decided = deciding.settle_decisions(chunk, tenant=tenant, channel="email", now=clock.now(tenant))
    rows = sorted(
        ((one.row, one.circumstances.address) for one in decided), key=lambda one: one[0].profile_id
    )
    assert len(rows) == PEOPLE

    def hand_over() -> set[int]:
        marked: set[int] = set()
        for start in range(0, PEOPLE, 4):
            marked |= recording.mark_intent(rows[start : start + 4], tenant=tenant, token=chunk.token)
        return marked

    def order() -> None:
        for start in reversed(range(0, PEOPLE, 4)):
            does(tenant, "Order Completed", people[start : start + 4])

    marked, _ = together(hand_over, order)
    states = dict(Delivery.objects.values_list("id", "state"))
    assert {id_ for id_, state in states.items() if state == "sending"} == marked
    assert set(states.values()) <= {"sending", "cancelled"}
