"""What clocks show where they are put forward or back, in both evaluators; and which names of zones SQL is given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from audiences import facts
from audiences.models import Profile
from audiences.rules import explain, memory, sql
from tenants.models import Tenant
from tests.audiences.rules.world import local_time

BERLIN_SPRING, BERLIN_AUTUMN = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)
HALF_PAST_MIDNIGHT = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
EARLY, LATE = local_time("02:00", "02:45"), local_time("02:45", "03:30")


@pytest.mark.parametrize(
    "rule, now, holds",
    [
        pytest.param(EARLY, BERLIN_SPRING.replace(hour=0, minute=59), False, id="the hour that is skipped is not yet"),
        pytest.param(EARLY, BERLIN_SPRING.replace(hour=1), False, id="and never comes"),
        pytest.param(LATE, BERLIN_SPRING.replace(hour=1), True, id="hours that end after it begin when it is skipped"),
        pytest.param(EARLY, BERLIN_AUTUMN.replace(hour=0, minute=30), True, id="the hour that comes twice"),
        pytest.param(EARLY, BERLIN_AUTUMN.replace(hour=0, minute=50), False, id="ends"),
        pytest.param(EARLY, BERLIN_AUTUMN.replace(hour=1, minute=30), True, id="and comes again"),
        pytest.param(local_time("23:00", "01:00", weekdays=["saturday"]), HALF_PAST_MIDNIGHT, True,
                     id="half past midnight on Sunday is Saturday's night"),
        pytest.param(local_time(weekdays=["saturday"]), HALF_PAST_MIDNIGHT, False, id="but no Saturday"),
    ],
)  # fmt: skip
def test_clocks_that_change(rule: Any, now: datetime, holds: bool, tenant: Tenant) -> None:
    Profile.objects.create(tenant=tenant, timezone="Europe/Berlin")
    Profile.objects.create(tenant=tenant)  # by the brand's zone, which is Berlin's too
    ids = [profile.pk for profile in Profile.objects.all()]
    assert sql.count(rule, tenant_id=tenant.pk, now=now) == (2 if holds else 0)
    known = facts.load(tenant_id=tenant.pk, ids=ids, rules=[rule], now=now)
    assert [memory.matches(rule, one, now=now) for one in known.values()] == [holds, holds]


def test_the_brands_zone_counts_for_those_without_one(tenant: Tenant, other_tenant: Tenant) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(timezone="Asia/Tokyo")
    Tenant.objects.filter(pk=other_tenant.pk).update(timezone="UTC")
    who = Profile.objects.create(tenant=tenant)
    now, rule = datetime(2026, 6, 15, 12, tzinfo=UTC), local_time("21:00", "21:01")
    assert sql.count(rule, tenant_id=tenant.pk, now=now) == 1
    known = facts.load(tenant_id=tenant.pk, ids=[who.pk], rules=[rule], now=now)[who.pk]
    assert explain.explain(rule, known, now=now).seen == "Monday, 21:00 in Asia/Tokyo, the brand's zone"
    bare = facts.load(tenant_id=tenant.pk, ids=[who.pk], now=now)[who.pk]
    with pytest.raises(facts.NotLoaded):
        memory.matches(rule, bare, now=now)


def test_all_zones_agree_with_the_databases_own_clocks(tenant: Tenant) -> None:
    """Where PostgreSQL knows a zone, it shows the same hour: neither side's list is stale in today's rules."""
    now = datetime(2026, 6, 15, 12, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names WHERE utc_offset = '05:45' ORDER BY name")
        nepal = [name for (name,) in cursor.fetchall() if "/" in name and not name.startswith("posix")]
    Profile.objects.bulk_create(Profile(tenant=tenant, timezone=name) for name in nepal)
    assert nepal
    assert sql.count(local_time("17:45", "17:46"), tenant_id=tenant.pk, now=now) == len(nepal)
