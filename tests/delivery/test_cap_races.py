"""Many at once for the same people: a cap grants what it allows, not one more and not one less."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django_scopes import scope

from audiences import ingest
from delivery import cap_editing, caps, claim, deciding
from delivery.models import CapUse, Delivery
from tenants import clock
from tenants.models import Tenant
from tests.delivery.steps import planned

pytestmark = pytest.mark.django_db(transaction=True)

RACERS, PEOPLE, LIMIT = 16, 50, 3
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
ROLLING = {"kind": "rolling", "hours": 168, "scope": "channel", "value": "email"}


@pytest.fixture
def beside(tenant: Tenant) -> Iterator[Callable[..., Future]]:
    """Run functions in threads, each with its own connection and the tenant's scope."""

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            with scope(tenant=tenant):
                return function(*arguments)
        finally:
            connection.close()

    with ThreadPoolExecutor(RACERS) as pool:
        yield lambda function, *arguments: pool.submit(run, function, *arguments)


def decide_all(tenant: Tenant, size: int) -> int:
    """Claim and decide until nothing is undecided; return how many chunks it took."""
    chunks = 0
    while Delivery.objects.filter(state="planned", decided_at=None).exists():
        now = clock.now(tenant)
        chunk = claim.claim(tenant=tenant, channel="email", now=now, size=size)
        if chunk.rows:
            deciding.settle_decisions(chunk, tenant=tenant, channel="email", now=now)
            chunks += 1
    return chunks


def reserved() -> Counter[int]:
    return Counter(Delivery.objects.exclude(reserved_at=None).values_list("profile_id", flat=True))


@pytest.mark.parametrize(
    "size", [pytest.param(PEOPLE, id="all at once"), pytest.param(7, id="a few at a time")]
)
@pytest.mark.parametrize(
    "cap",
    [
        pytest.param(ROLLING, id="rolling"),
        pytest.param({"kind": "day", "scope": "all"}, id="a day"),
        pytest.param({"kind": "week", "scope": "all"}, id="a week"),
    ],
)
def test_sixteen_racers_grant_exactly_what_the_cap_allows(
    make_profile, make_campaign, beside, tenant, owner, cap, size
):
    clock.set_to(tenant, NOON)
    people = [make_profile() for _ in range(PEOPLE)]
    cap_editing.add(tenant=tenant, actor=owner, now=NOON, limit=LIMIT, **cap)
    for n in range(RACERS):
        make_campaign(name=f"Campaign {n}")
    planned(tenant)
    assert Delivery.objects.count() == RACERS * PEOPLE
    racers = [beside(decide_all, tenant, size) for _ in range(RACERS)]
    assert sum(bool(racer.result(timeout=120)) for racer in racers) > 1
    assert reserved() == {person.pk: LIMIT for person in people}
    assert Delivery.objects.filter(reason="capped").count() == (RACERS - LIMIT) * PEOPLE
    assert all(len(use.times) == LIMIT for use in CapUse.objects.all())


def test_a_cap_made_in_mid_decision_waits_for_it_and_counts_what_it_reserved(
    make_profile, make_campaign, beside, tenant, owner, monkeypatch
):
    make_profile()
    make_campaign()
    planned(tenant)
    has_read, may_go_on = threading.Event(), threading.Event()
    rooms = caps.rooms

    def slow(*arguments: Any, **named: Any) -> Any:
        read = rooms(*arguments, **named)
        has_read.set()
        assert may_go_on.wait(30)
        return read

    monkeypatch.setattr(caps, "rooms", slow)
    deciding_one = beside(decide_all, tenant, 10)
    assert has_read.wait(30)
    now = clock.now(tenant)
    making = beside(lambda: cap_editing.add(tenant=tenant, actor=owner, now=now, limit=1, **ROLLING))
    with pytest.raises(TimeoutError):
        making.result(timeout=1)
    may_go_on.set()
    assert deciding_one.result(timeout=30) == 1
    made = making.result(timeout=30)
    assert CapUse.objects.get(cap=made).times == [Delivery.objects.get().reserved_at]


def test_a_cap_made_and_people_merged_in_mid_decision_miss_and_double_no_reservation(
    make_profile, make_campaign, beside, tenant, owner
):
    people = [make_profile() for _ in range(PEOPLE)]
    for n in range(RACERS):
        make_campaign(name=f"Campaign {n}")
    planned(tenant)

    def merge() -> None:
        for one, other in zip(people[:10], people[10:20], strict=True):
            call = {"type": "alias", "userId": one.external_id, "previousId": other.external_id}
            ingest.store(tenant=tenant, calls=[call], now=clock.now(tenant))

    racers = [beside(decide_all, tenant, 10) for _ in range(4)]
    merging = beside(merge)
    now = clock.now(tenant)
    before = cap_editing.add(tenant=tenant, actor=owner, now=now, limit=8, **ROLLING)
    for one in [*racers, merging]:
        one.result(timeout=120)
    kept = dict(CapUse.objects.filter(cap=before).values_list("profile_id", "times"))
    cap_editing.remove(cap=before, actor=owner, now=now)
    again = cap_editing.add(tenant=tenant, actor=owner, now=clock.now(tenant), limit=8, **ROLLING)
    assert kept == dict(CapUse.objects.filter(cap=again).values_list("profile_id", "times"))
    assert len(kept) == PEOPLE - 10
