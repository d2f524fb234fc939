"""Intent and outcome: the durable marks around a hand-over, each made only by the holder of the fencing number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from audiences import ingest
from delivery import claim, traces
from delivery.claim import Due
from delivery.models import Delivery
from tenants.models import Tenant

GROUP = 20  # rows of one connection between intent and record: what a crash can leave in doubt
HANDS_OVER_WITHIN_SECONDS = 90

# The profile and the campaign are locked against change, so that an unsubscribe or a pause is either seen here or
# waits for this statement: once it has been acknowledged, no row passes.
INTENT = """
WITH may AS MATERIALIZED (
    SELECT d.id, d.occasion_at
    FROM unnest(%(ids)s::bigint[], %(moments)s::timestamptz[], %(addresses)s::text[]) AS r(id, occasion_at, address)
    JOIN delivery_delivery d ON d.tenant_id = %(tenant)s AND d.id = r.id AND d.occasion_at = r.occasion_at
    JOIN audiences_profile p ON p.tenant_id = %(tenant)s AND p.id = d.profile_id
    JOIN campaigns_campaign c ON c.tenant_id = %(tenant)s AND c.id = d.campaign_id
    WHERE d.state = 'planned' AND d.lease_token = %(token)s AND c.state = 'live'
      AND p.merged_into_id IS NULL AND p.erased_at IS NULL AND lower(p.email) = lower(r.address)
      AND (c.message_class = 'transactional' OR p.consent ->> d.channel IS DISTINCT FROM 'unsubscribed')
      AND NOT EXISTS (SELECT 1 FROM audiences_suppression s
                      WHERE s.tenant_id = %(tenant)s AND s.channel = d.channel AND s.address = lower(r.address))
    ORDER BY p.id
    FOR SHARE OF p, c
)
UPDATE delivery_delivery d
SET state = 'sending', address = r.address,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM may JOIN unnest(%(ids)s::bigint[], %(addresses)s::text[]) AS r(id, address) ON r.id = may.id
WHERE d.tenant_id = %(tenant)s AND d.id = may.id AND d.occasion_at = may.occasion_at
RETURNING d.id
"""

# Profiles before deliveries, as a merge locks them: taken the other way round the two would wait for each other.
LOCK = """
SELECT id FROM audiences_profile WHERE tenant_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""

RECORD = """
WITH settled AS (
    UPDATE delivery_delivery d
    SET state = r.state, reason = r.reason, reply = r.reply, provider_id = r.provider_id, lease_until = NULL,
        sent_at = CASE WHEN r.state = 'sent' THEN %(now)s END, settled_at = %(now)s, exposed_at = %(now)s
    FROM unnest(%(ids)s::bigint[], %(moments)s::timestamptz[], %(states)s::text[], %(reasons)s::text[],
                %(replies)s::text[], %(provider_ids)s::text[]) AS r(id, occasion_at, state, reason, reply, provider_id)
    WHERE d.tenant_id = %(tenant)s AND d.id = r.id AND d.occasion_at = r.occasion_at
      AND d.lease_token = %(token)s AND d.state IN ('planned', 'sending')
    RETURNING d.id, d.profile_id, d.campaign_id
), entered AS (
    UPDATE delivery_entry e
    SET first_at = coalesce(e.first_at, %(now)s), last_at = %(now)s, count = e.count + 1
    FROM settled s
    WHERE e.tenant_id = %(tenant)s AND e.campaign_id = s.campaign_id AND e.profile_id = s.profile_id
)
SELECT id FROM settled
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one decided row."""

    row: Due
    message: traces.Message
    state: str
    reason: str = ""
    reply: str = ""
    provider_id: str = ""


def mark_intent(rows: Sequence[tuple[Due, str]], *, tenant: Tenant, token: int) -> set[int]:
    """Set rows (with their addresses) to `sending`; return the ids that may be handed over now.

    At most GROUP rows. The others lost their lease, or their person or campaign changed since the decision.
    """
    if len(rows) > GROUP:
        raise ValueError(f"At most {GROUP} rows may be in doubt at once.")
    parameters: dict[str, Any] = {
        "tenant": tenant.pk,
        "token": token,
        "ids": [row.id for row, _ in rows],
        "moments": [row.occasion_at for row, _ in rows],
        "addresses": [address for _, address in rows],
        "lease": HANDS_OVER_WITHIN_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(INTENT, parameters)
        return {pk for (pk,) in cursor.fetchall()}


@transaction.atomic
def record(results: Sequence[Result], *, tenant: Tenant, token: int, now: datetime) -> int:
    """Settle rows, with their traces in the same transaction; return how many were still ours to settle."""
    if not results:
        return 0
    parameters: dict[str, Any] = {
        "tenant": tenant.pk,
        "token": token,
        "now": now,
        "ids": [result.row.id for result in results],
        "moments": [result.row.occasion_at for result in results],
        "states": [result.state for result in results],
        "reasons": [result.reason for result in results],
        "replies": [result.reply[:500] for result in results],
        "provider_ids": [result.provider_id[:200] for result in results],
    }
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [tenant.pk, [result.row.profile_id for result in results]])
        cursor.execute(RECORD, parameters)
        ours = {pk for (pk,) in cursor.fetchall()}
    _leave_traces([result for result in results if result.row.id in ours], tenant=tenant, now=now)
    return len(ours)


def back_off(rows: list[Due], *, tenant: Tenant, token: int) -> None:
    """Give back rows that were certainly not taken, to be tried again later and later."""
    by_wait: dict[int, list[Due]] = {}
    for row in rows:
        by_wait.setdefault(wait_seconds(row.attempts), []).append(row)
    for wait, same in by_wait.items():
        claim.release(same, tenant=tenant, token=token, after_seconds=wait, was_tried=True)


def wait_seconds(attempts: int) -> int:
    """Return the pause after so many attempts: 15 s, doubling up to an hour."""
    return min(15 * 2 ** min(max(attempts, 1) - 1, 8), 3600)


def _leave_traces(results: list[Result], *, tenant: Tenant, now: datetime) -> None:
    names = {Delivery.State.SENT: "sent", Delivery.State.FAILED: "bounced"}
    events = [
        ingest.InternalEvent(
            call_id=f"{names[result.state]} {result.row.id}",  # type: ignore[index]
            profile_id=result.row.profile_id,
            name=traces.NAMES[result.message.channel][names[result.state]],  # type: ignore[index]
            occurred_at=now,
            properties=result.message.properties(),
        )
        for result in results
        if result.state in names and result.reason != "render"
    ]
    if events:
        ingest.record_internal(tenant=tenant, events=events, now=now)
