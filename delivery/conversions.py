"""Conversions: an event is credited to the latest exposure before it, inside its campaign's conversion window."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from audiences import ingest
from audiences.rules import memory
from audiences.signals import RecordedEvent
from campaigns.arms import CONTROL
from delivery import traces
from tenants import binary
from tenants.models import Tenant

MOST_REVENUE = 9 * 10**13  # of one conversion, what its column holds; where more is counted, it stays there
BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)


def bounded(revenue: str) -> str:
    """Return SQL for a sum as the column can hold it."""
    return f"greatest(least({revenue}, {MOST_REVENUE}), -{MOST_REVENUE})"


# One statement for a batch: each event finds its exposure through the index on a profile's deliveries.
CREDIT = f"""
INSERT INTO delivery_conversion AS c
    (tenant_id, campaign_id, version_id, profile_id, delivery_id, arm, goal, exposed_at,
     event_id, converted_at, events, revenue)
SELECT %(tenant)s, campaign_id, version_id, profile_id, delivery_id, arm, goal, exposed_at,
       (array_agg(event_id ORDER BY at, event_id))[1], min(at), count(*), {bounded("sum(revenue)")}
FROM (
    SELECT DISTINCT ON (e.event_id, d.campaign_id)
           e.event_id, e.at, e.revenue, v.goal, d.campaign_id, d.version_id, d.profile_id, d.id AS delivery_id,
           d.arm, d.exposed_at
    FROM unnest(%(events)s::bigint[], %(versions)s::bigint[], %(profiles)s::bigint[], %(moments)s::timestamptz[],
                %(revenues)s::numeric[]) AS e(event_id, version_id, profile_id, at, revenue)
    JOIN campaigns_version v ON v.tenant_id = %(tenant)s AND v.id = e.version_id
    JOIN delivery_delivery d ON d.tenant_id = %(tenant)s AND d.profile_id = e.profile_id
                            AND d.version_id = e.version_id AND d.exposed_at <= e.at
                            AND d.exposed_at >= %(since)s
                            AND d.exposed_at > e.at - make_interval(hours => v.conversion_hours)
    ORDER BY e.event_id, d.campaign_id, d.exposed_at DESC
) credited
GROUP BY campaign_id, version_id, profile_id, delivery_id, arm, goal, exposed_at
ON CONFLICT (tenant_id, campaign_id, goal, delivery_id) DO UPDATE
SET events = c.events + excluded.events, revenue = {bounded("c.revenue + excluded.revenue")},
    event_id = CASE WHEN excluded.converted_at < c.converted_at THEN excluded.event_id ELSE c.event_id END,
    converted_at = least(c.converted_at, excluded.converted_at)
RETURNING c.profile_id, c.delivery_id, c.arm, c.goal, c.converted_at, c.revenue, c.xmax = 0
"""

FORGET = """
DELETE FROM delivery_conversion WHERE tenant_id = %s AND profile_id = ANY(%s) AND exposed_at >= %s
RETURNING delivery_id, goal
"""

# What came of exposures whose events may be gone by now stays as it is, with whoever has the message.
KEEP = """
UPDATE delivery_conversion c SET profile_id = d.profile_id
FROM delivery_delivery d
WHERE c.tenant_id = %s AND c.profile_id = ANY(%s) AND d.tenant_id = c.tenant_id AND d.id = c.delivery_id
  AND d.profile_id <> c.profile_id
"""

AFTER_EXPOSURE = """
SELECT e.id, e.profile_id, e.name, e.occurred_at, e.properties
FROM unnest(%(profiles)s::bigint[]) AS p(id)
JOIN LATERAL (SELECT min(d.exposed_at) AS first_at FROM delivery_delivery d
              WHERE d.tenant_id = %(tenant)s AND d.profile_id = p.id
                AND d.exposed_at >= %(since)s) exposed ON exposed.first_at IS NOT NULL
JOIN audiences_event e ON e.tenant_id = %(tenant)s AND e.profile_id = p.id AND e.name = ANY(%(names)s)
                      AND e.occurred_at >= exposed.first_at
"""


GOALS = """
SELECT id, conversion_event AS event, conversion_filter::text AS condition, revenue_property FROM campaigns_version
WHERE tenant_id = %s AND launched_at IS NOT NULL AND conversion_event <> ''
"""


class Goal(NamedTuple):
    """What a version waits for."""

    version_id: int
    condition: dict[str, Any] | None  # on the event's properties
    revenue_property: str


Goals = Mapping[str, Sequence[Goal]]  # by the event's name


@dataclass(frozen=True, slots=True)
class Happened:
    """An event as crediting sees it."""

    id: int
    profile_id: int
    name: str
    occurred_at: datetime
    properties: dict[str, Any]


class Credited(NamedTuple):
    """A conversion that an event has made, or added to."""

    profile_id: int
    delivery_id: int
    arm: str
    goal: str
    converted_at: datetime
    revenue: Decimal
    is_new: bool

    @property
    def key(self) -> tuple[int, str]:
        return self.delivery_id, self.goal


def credit(
    *,
    tenant: Tenant,
    events: Iterable[RecordedEvent | Happened],
    goals: Goals,
    now: datetime,
    since: datetime = BEFORE_ALL,
    told: Container[tuple[int, str]] = (),
) -> int:
    """Credit new events that reach one of ``goals`` to exposures; return the conversions touched.

    Each event must be passed once ever, or to exposures ``since`` a moment whose conversions were forgotten.
    A new conversion of a message leaves a trace, unless it was ``told`` of before: (delivery, goal). The people are
    locked by the caller. Costs nothing where no event's name is anybody's goal.
    """
    pairs = [
        (event, goal)
        for event in events
        for goal in goals.get(event.name, [])
        if goal.condition is None
        or memory.matches_properties(goal.condition, event.properties, now=event.occurred_at)
    ]
    if not pairs:
        return 0
    parameters: dict[str, Any] = {
        "tenant": tenant.pk,
        "since": since,
        "events": [event.id for event, _ in pairs],
        "versions": [goal.version_id for _, goal in pairs],
        "profiles": [event.profile_id for event, _ in pairs],
        "moments": [event.occurred_at for event, _ in pairs],
        "revenues": [revenue(event.properties, goal.revenue_property) for event, goal in pairs],
    }
    with connection.cursor() as cursor:
        cursor.execute(CREDIT, parameters)
        credited = [Credited(*row) for row in cursor.fetchall()]
    new = [one for one in credited if one.is_new and one.arm != CONTROL and one.key not in told]
    if new:
        _leave_traces(new, tenant=tenant, now=now)
    return len(credited)


def _leave_traces(credited: list[Credited], *, tenant: Tenant, now: datetime) -> None:
    found = traces.of_people(
        tenant_id=tenant.pk,
        profile_ids=[one.profile_id for one in credited],
        delivery_ids=[one.delivery_id for one in credited],
    )
    messages = {message.delivery_id: message for message in found}
    events = [
        ingest.InternalEvent(
            call_id=f"converted {one.delivery_id} {one.goal}",
            profile_id=one.profile_id,
            name=traces.CONVERTED,
            occurred_at=one.converted_at,
            properties=messages[one.delivery_id].properties(goal=one.goal, revenue=float(one.revenue)),
        )
        for one in credited
    ]
    ingest.record_known_new(tenant=tenant, events=events, now=now)


def recount(*, tenant: Tenant, profile_ids: list[int], now: datetime) -> None:
    """Credit all that some profiles did anew, as after a merge: their events and exposures have come together.

    Exposures older than the events that the tenant keeps have their conversions as they are.
    """
    goals = by_event(binary.run(GOALS, [tenant.pk]))
    since = now - timedelta(days=tenant.retention_days)
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [tenant.pk, profile_ids, since])
        told = set(cursor.fetchall())
        cursor.execute(KEEP, [tenant.pk, profile_ids])
        if not goals:
            return
        asked: dict[str, Any] = {
            "tenant": tenant.pk,
            "profiles": profile_ids,
            "since": since,
            "names": list(goals),
        }
        cursor.execute(AFTER_EXPOSURE, asked)
        rows = cursor.fetchall()
    credit(
        tenant=tenant,
        events=[Happened(id_, who, name, at, msgspec.json.decode(held)) for id_, who, name, at, held in rows],
        goals=goals,
        now=now,
        since=since,
        told=told,
    )


def revenue(properties: dict[str, Any], name: str) -> float:
    """Return the number an event carries under ``name``; 0 if it carries none. Numbers sent as text count."""
    value = properties.get(name) if name else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0
    try:
        number = float(value)
    except ValueError:
        return 0.0
    return number if abs(number) < 1e12 else 0.0


def by_event(rows: Iterable[tuple[Any, ...]]) -> Goals:
    """Return versions' goals, rows as GOALS has them, by the event's name."""
    by_name: dict[str, list[Goal]] = {}
    for version_id, event, condition, revenue_property in rows:
        rule = None if condition is None else msgspec.json.decode(condition)
        by_name.setdefault(event, []).append(Goal(version_id, rule, revenue_property))
    return by_name
