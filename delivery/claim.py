"""Claiming: a chunk of due rows of one tenant and channel gets a lease and a number that fences off latecomers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from tenants.models import Tenant

CHUNK = 500
LEASE_SECONDS = 120  # longer than a chunk takes; whoever is later than that finds its number outdated
PRIORITIES = (1, 2, 3, 4, 5)

# Priorities one by one, so that each is a short walk along the index and none looks at rows of the future.
CLAIM = """
WITH due AS (
    SELECT d.id, d.occasion_at
    FROM delivery_delivery d
    WHERE d.tenant_id = %(tenant)s AND d.channel = %(channel)s AND d.priority = %(priority)s
      AND d.state = 'planned' AND d.due_at <= %(now)s
      AND (d.lease_until IS NULL OR d.lease_until < clock_timestamp())
      AND d.campaign_id IN (SELECT id FROM campaigns_campaign WHERE tenant_id = %(tenant)s AND state = 'live')
    ORDER BY d.due_at
    LIMIT %(room)s
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE delivery_delivery d
SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s), lease_token = %(token)s,
    attempts = d.attempts + 1
FROM due
WHERE d.tenant_id = %(tenant)s AND d.id = due.id AND d.occasion_at = due.occasion_at
RETURNING d.id, d.occasion_at, d.profile_id, d.campaign_id, d.occasion, d.due_at, d.attempts, d.reserved_at
"""

RELEASE = """
UPDATE delivery_delivery d
SET state = 'planned', lease_until = clock_timestamp() + make_interval(secs => %s),
    attempts = greatest(d.attempts - %s, 0)
FROM unnest(%s::bigint[], %s::timestamptz[]) AS r(id, occasion_at)
WHERE d.tenant_id = %s AND d.id = r.id AND d.occasion_at = r.occasion_at
  AND d.state IN ('planned', 'sending') AND d.lease_token = %s
"""

WITH_WORK = """
SELECT t.id FROM tenants_tenant t
WHERE EXISTS (SELECT 1 FROM delivery_plan p JOIN campaigns_campaign c ON c.id = p.campaign_id
              WHERE p.tenant_id = t.id AND p.done_at IS NULL AND c.state = 'live')
   OR EXISTS (SELECT 1 FROM campaigns_version v JOIN campaigns_campaign c ON c.id = v.campaign_id
              WHERE v.tenant_id = t.id AND v.launched_at IS NOT NULL AND c.state = 'live'
                AND coalesce(v.starts_at, v.launched_at) <= clock_timestamp() + t.clock_offset
                AND NOT EXISTS (SELECT 1 FROM delivery_plan p
                                WHERE p.tenant_id = t.id AND p.campaign_id = v.campaign_id AND p.occasion = 'once'))
   OR EXISTS (SELECT 1 FROM delivery_delivery d JOIN campaigns_campaign c ON c.id = d.campaign_id
              WHERE d.tenant_id = t.id AND d.state = 'planned' AND d.channel = ANY(%s) AND d.priority BETWEEN 1 AND 5
                AND d.due_at <= clock_timestamp() + t.clock_offset AND c.state = 'live'
                AND (d.lease_until IS NULL OR d.lease_until < clock_timestamp()))
ORDER BY t.id
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A claimed row, as the decision needs it."""

    id: int
    occasion_at: datetime
    profile_id: int
    campaign_id: int
    occasion: str
    due_at: datetime
    attempts: int
    reserved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Chunk:
    token: int  # only its holder may settle the rows
    rows: list[Due]


def tenants_with_work(channels: list[str]) -> list[int]:
    """Return the ids of tenants with something to plan or to send at their present time."""
    with connection.cursor() as cursor:
        cursor.execute(WITH_WORK, [channels])
        return [pk for (pk,) in cursor.fetchall()]


def claim(*, tenant: Tenant, channel: str, now: datetime, size: int = CHUNK) -> Chunk:
    """Lease up to ``size`` due rows, the most important first; at most one of a profile. The state stays planned."""
    rows: list[Due] = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('delivery_lease_token')")
        (token,) = cursor.fetchone()
        for priority in PRIORITIES:
            if len(rows) >= size:
                break
            parameters: dict[str, Any] = {
                "tenant": tenant.pk,
                "channel": channel,
                "priority": priority,
                "now": now,
            }
            parameters |= {"room": size - len(rows), "lease": LEASE_SECONDS, "token": token}
            cursor.execute(CLAIM, parameters)
            rows += sorted((Due(*row) for row in cursor.fetchall()), key=lambda row: row.due_at)
    first = {row.profile_id: row for row in reversed(rows)}
    release([row for row in rows if first[row.profile_id] is not row], tenant=tenant, token=token)
    return Chunk(token=token, rows=list(reversed(first.values())))


def release(
    rows: list[Due], *, tenant: Tenant, token: int, after_seconds: float = 0, was_tried: bool = False
) -> None:
    """Give rows back, to be claimed again after so many seconds of raw time; ``was_tried`` keeps the attempt."""
    if rows:
        ids, moments = [row.id for row in rows], [row.occasion_at for row in rows]
        with connection.cursor() as cursor:
            cursor.execute(RELEASE, [after_seconds, 0 if was_tried else 1, ids, moments, tenant.pk, token])
