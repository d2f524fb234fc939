"""Retention: months that nobody keeps go, and what rules say of "ever" stays the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from audiences import ingest, partitions, retention, tasks
from audiences.models import Event, EventTotal
from audiences.rules import schema
from audiences.rules.kinds.event import Event as Rule
from tenants import clock
from tenants.models import Tenant
from tests.audiences.rules.cases import CASES
from tests.audiences.rules.world import NOW, found_by_sql, found_in_memory, populate

pytestmark = pytest.mark.django_db


def outlives_its_events(rule: Any) -> bool:
    """Whether a rule asks for what totals keep: how often ever, or when the first and the last was."""
    nodes = [node for node in schema.parse(rule).walk() if isinstance(node, Rule)]
    return bool(nodes) and all(
        (node.which == "last" or not node.where) and (node.which or not node.has_time()) for node in nodes
    )


SURVIVORS = [pytest.param(rule, who, id=name) for name, rule, who in CASES if outlives_its_events(rule)]


@pytest.mark.parametrize("rule, who", SURVIVORS)
def test_what_was_ever_stays_known(rule: Any, who: str, tenant: Tenant, other_tenant: Tenant) -> None:
    people = populate(tenant, other_tenant)
    for name in partitions.months_before("audiences_event", NOW):
        retention.fold(name)
    assert not Event.objects.filter(occurred_at__lt=NOW.replace(day=1, hour=0)).exists()
    assert found_by_sql(rule, tenant, people) == set(who.split())
    assert found_in_memory(rule, tenant, people) == set(who.split())


@pytest.fixture
def now(tenant: Tenant, other_tenant: Tenant) -> datetime:
    """Return the one moment of two brands that keep their events for a month and for two."""
    for brand, days in ((tenant, 30), (other_tenant, 60)):
        brand.retention_days = days
        brand.save()
    return clock.now(tenant)


def ordered(tenant: Tenant, at: datetime, now: datetime, **properties: Any) -> None:
    call = {"type": "track", "userId": "u1", "event": "Order Completed", "properties": properties}
    assert ingest.store(tenant=tenant, calls=[call | {"timestamp": at.isoformat()}], now=now).accepted == 1


def test_a_month_goes_when_the_last_brand_lets_go_of_it(tenant: Tenant, now: datetime) -> None:
    then = now - timedelta(days=29)
    ordered(tenant, then, now, total=1)
    ordered(tenant, then + timedelta(hours=1), now, total=2)
    ordered(tenant, now, now, total=3)
    months = {moment.strftime("audiences_event_%Y_%m") for moment in (then, now)}
    assert not months & set(retention.drop_old_months())
    Tenant.objects.update(clock_offset=timedelta(days=95))
    assert months & set(retention.drop_old_months())
    assert retention.drop_old_months() == []
    total = EventTotal.objects.get()
    assert total.count + Event.objects.count() == 3
    assert total.first_at == then
    partitions.ensure_months("audiences_event", [then])
    assert retention.drop_old_months()  # an empty month goes too
    assert EventTotal.objects.get().count == total.count


def test_a_month_that_others_dropped_is_made_again(tenant: Tenant, now: datetime) -> None:
    then = now - timedelta(days=29)
    ordered(tenant, then, now)
    retention.fold(f"audiences_event_{then:%Y_%m}")  # behind the back of whoever has seen the month
    ordered(tenant, then, now, again=True)
    assert Event.objects.get().properties == {"again": True}


def test_the_daily_task_drops_months(tenant: Tenant, now: datetime) -> None:
    ordered(tenant, now, now)
    Tenant.objects.update(clock_offset=timedelta(days=95))
    tasks.prune()
    assert (Event.objects.count(), EventTotal.objects.get().count) == (0, 1)


def test_where_there_is_no_brand_nothing_is_dropped(db: None) -> None:
    partitions.ensure_months("audiences_event", [NOW])
    assert retention.drop_old_months() == []
