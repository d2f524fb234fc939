"""Planning: one delivery row for each person of a scheduled campaign's audience, inserted set-wise in slices."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from audiences import freshness, partitions
from audiences.rules import sql
from campaigns import anniversaries, schedules
from campaigns.models import Campaign, Content, Version
from delivery import agenda
from delivery.models import Plan
from delivery.resting import Resting
from tenants.models import Tenant

SLICE = 100_000  # people looked at per statement: one transaction's worth of work to lose in a crash
IS_OPEN = Q(opened_at__isnull=False) | Q(recalls=True)

_plans = Resting("Plan")

LAST_OF_SLICE = """
SELECT max(id) FROM (
    SELECT id FROM audiences_profile
    WHERE tenant_id = %s AND id > %s AND merged_into_id IS NULL AND erased_at IS NULL
    ORDER BY id LIMIT %s
) slice
"""

# Whoever is due by their own clock is joined with their zone's moment; where once is enough, nobody is planned again.
INSERT = """
INSERT INTO delivery_delivery
    (tenant_id, campaign_id, profile_id, occasion, occasion_at, slot, channel, priority, due_at)
SELECT %s, %s, m.id, %s, %s, 'first', %s, %s, {due_at} FROM ({members}) m {joins} {once}
ON CONFLICT DO NOTHING
"""
BY_ZONE = """
JOIN audiences_profile p ON p.tenant_id = %s AND p.id = m.id
JOIN unnest(%s::text[], %s::timestamptz[]) AS z(name, due_at) ON z.name = coalesce(p.timezone, '')
"""
NOT_YET = """
WHERE NOT EXISTS (SELECT 1 FROM delivery_entry e
                  WHERE e.tenant_id = %s AND e.campaign_id = %s AND e.profile_id = m.id AND e.count > 0)
"""

ZONES = """
SELECT DISTINCT coalesce(timezone, '') FROM audiences_profile
WHERE tenant_id = %s AND id BETWEEN %s AND %s AND merged_into_id IS NULL AND erased_at IS NULL
"""

# For whom the hour had passed at the launch, and who therefore gets nothing: kept, so that it can be explained.
LEFT_OUT = """
INSERT INTO delivery_delivery
    (tenant_id, campaign_id, profile_id, occasion, occasion_at, slot, channel, priority, due_at, version_id, state,
     reason, decision, decided_at, settled_at)
SELECT %s, %s, m.id, %s, %s, 'first', %s, %s, t.now, t.version_id, 'skipped', 'hour_passed',
       jsonb_build_object('verdict', 'skip', 'reason', 'hour_passed', 'gates', jsonb_build_array(jsonb_build_array(
           'hour_passed', false, jsonb_build_object('zone', nullif(z.name, ''))))),
       t.now, t.now
FROM ({members}) m
JOIN audiences_profile p ON p.tenant_id = %s AND p.id = m.id
JOIN unnest(%s::text[]) AS z(name) ON z.name = coalesce(p.timezone, '')
CROSS JOIN (SELECT %s::timestamptz AS now, %s::bigint AS version_id) t
ON CONFLICT DO NOTHING
"""

# What an earlier version planned for an hour that has not come. Rows that fell due and wait for something else stay.
TO_RECALL = """
SELECT id, occasion_at FROM delivery_delivery
WHERE tenant_id = %s AND campaign_id = %s AND occasion = %s AND occasion_at = %s AND state = 'planned'
  AND due_at > %s AND decided_at IS NULL
"""
RECALL = f"""
WITH r AS MATERIALIZED ({TO_RECALL} LIMIT %s FOR UPDATE SKIP LOCKED)
DELETE FROM delivery_delivery d USING r
WHERE d.tenant_id = %s AND d.id = r.id AND d.occasion_at = r.occasion_at
"""


def advance(*, tenant: Tenant, now: datetime) -> bool:
    """Plan one slice of one open plan, or take one back, and return whether there was one.

    Plans another worker holds are passed by, and one that fails lets the next have its turn. A plan killed in mid
    slice goes on from its last committed one, and rows that are there already are left alone.
    """
    open_plans = Plan.objects.filter(done_at=None, campaign__state=Campaign.State.LIVE).filter(IS_OPEN)
    in_order = open_plans.order_by("occasion_at", "id").values_list("pk", flat=True)
    return any(_plans.tried(pk, partial(_advance, now=now)) for pk in in_order)


@transaction.atomic
def _advance(pk: int, *, now: datetime) -> bool:
    plan = (
        Plan.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(IS_OPEN, pk=pk, done_at=None, campaign__state=Campaign.State.LIVE)
        .select_related("campaign", "version__tenant")
        .first()
    )
    if plan is None:
        return False
    if plan.recalls:
        plan.audience -= _recall(plan, now=now)
        plan.recalls = _has_to_recall(plan, now=now)
    else:
        _plan_slice(plan, now=now)
    plan.save(update_fields=["audience", "planned_to", "recalls", "done_at"])
    return True


def _recall(plan: Plan, *, now: datetime) -> int:
    return _run(RECALL, [*_recalled(plan, now), SLICE, plan.tenant_id])


def _has_to_recall(plan: Plan, *, now: datetime) -> bool:
    """Also rows that somebody held just now."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({TO_RECALL})", _recalled(plan, now))
        (is_there,) = cursor.fetchone()
    return bool(is_there)


def _recalled(plan: Plan, now: datetime) -> list[Any]:
    return [plan.tenant_id, plan.campaign_id, plan.occasion, plan.occasion_at, now]


def _plan_slice(plan: Plan, *, now: datetime) -> None:
    partitions.ensure_months("delivery_delivery", [plan.occasion_at])
    if not plan.planned_to:
        freshness.refresh()
    last = _last_of_slice(plan)
    if last:
        plan.audience += _insert(plan, last=last, now=now)
        plan.planned_to = last
    else:
        plan.done_at = timezone.now()


def _last_of_slice(plan: Plan) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(LAST_OF_SLICE, [plan.tenant_id, plan.planned_to, SLICE])
        (last,) = cursor.fetchone()
    return last


def _insert(plan: Plan, *, last: int, now: datetime) -> int:
    version, campaign = plan.version, plan.campaign
    members = sql.members(
        anniversaries.audience(version, plan.occasion),
        tenant_id=plan.tenant_id,
        now=now,
        between=(plan.planned_to + 1, last),
    )
    row: list[Any] = [
        plan.tenant_id, campaign.pk, plan.occasion, plan.occasion_at, channel_of(version), campaign.priority,
    ]  # fmt: skip
    is_once = version.when == Version.When.REPEAT and version.again == Version.Again.ONCE
    once, known = (NOT_YET, [plan.tenant_id, campaign.pk]) if is_once else ("", [])
    if not schedules.is_by_person(version):
        due = agenda.rehearsed(plan, plan.opens_at, now)
        statement = INSERT.format(due_at="%s", members=members.sql, joins="", once=once)
        return _run(statement, [*row, due, *members.params, *known])
    dues = _dues(plan, last=last)
    due_in = {name: agenda.rehearsed(plan, at, now) for name, at in dues.items() if at}
    zones = [plan.tenant_id, list(due_in), list(due_in.values())]
    statement = INSERT.format(due_at="z.due_at", members=members.sql, joins=BY_ZONE, once=once)
    planned = _run(statement, [*row, *members.params, *zones, *known])
    if passed := [name for name, at in dues.items() if not at and version.when != Version.When.REPEAT]:
        left_out = [*row, *members.params, plan.tenant_id, passed, now, version.pk]
        planned += _run(LEFT_OUT.format(members=members.sql), left_out)
    return planned


def _dues(plan: Plan, *, last: int) -> dict[str, datetime | None]:
    """Return when the slice's people are due, by their zone as it is stored; empty for none."""
    zone = ZoneInfo(plan.version.tenant.timezone)
    occasion = schedules.find(plan.version, plan.occasion, zone=zone)
    assert occasion is not None, "a plan is of an occasion that its version has"
    with connection.cursor() as cursor:
        cursor.execute(ZONES, [plan.tenant_id, plan.planned_to + 1, last])
        names = [name for (name,) in cursor.fetchall()]
    return schedules.dues(plan.version, occasion, names, zone=zone)


def _run(statement: str, parameters: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def channel_of(version: Version) -> str:
    """Return the channel that a version's first content speaks on."""
    return channels_of([version.pk])[version.pk]


def channels_of(version_ids: Collection[int]) -> dict[int, str]:
    """Return the channels that versions' first contents speak on, by version."""
    contents = Content.objects.filter(variant__version__in=version_ids)
    first = contents.order_by("variant__version_id", "variant__position", "id").distinct(
        "variant__version_id"
    )
    return dict(first.values_list("variant__version_id", "channel"))
