"""Intent and outcome: the durable marks around a hand-over, each made only by the holder of the fencing number."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from audiences import ingest, returning, suppression, tombstones
from delivery import claim, traces
from delivery.claim import IS_OPEN, IS_PLANNED, MEANT, Due
from delivery.models import Delivery
from tenants import binary
from tenants.models import Tenant

T = TypeVar("T")
GROUP = 20  # rows of one connection between intent and record: what a crash can leave in doubt
LONGEST_PAUSE_SECONDS = 5.0

# The profile and the campaign are locked against change, so that an unsubscribe or a pause is either seen here or
# waits for this statement: once it has been acknowledged, no row passes. Profiles in id order, like everyone.
INTENT = f"""
WITH asked AS MATERIALIZED (
    SELECT r.*, d.profile_id, d.campaign_id, d.channel
    FROM {claim.given(decided_for="bigint", address="text", key="text")} JOIN delivery_delivery d ON {MEANT}
    WHERE d.lease_token = r.token AND {IS_PLANNED} AND d.profile_id = r.decided_for
), may AS MATERIALIZED (
    SELECT a.tenant_id, a.token, a.id, a.occasion_at, a.address, a.planned
    FROM asked a
    JOIN audiences_profile p ON p.tenant_id = a.tenant_id AND p.id = a.profile_id
    JOIN campaigns_campaign c ON c.tenant_id = a.tenant_id AND c.id = a.campaign_id
    WHERE c.state = 'live' AND c.id = ANY(%b::bigint[])
      AND p.merged_into_id IS NULL AND p.erased_at IS NULL AND lower(p.email) = lower(a.address)
      AND (c.message_class = 'transactional'
           OR p.consent ->> a.channel IS DISTINCT FROM 'unsubscribed'
              AND (c.topic = '' OR p.consent ->> ('topic:' || c.topic) IS DISTINCT FROM 'unsubscribed'))
      AND NOT EXISTS (SELECT 1 FROM audiences_suppression s
                      WHERE s.tenant_id = a.tenant_id AND s.channel = a.channel AND s.address = a.key)
    ORDER BY p.id
    FOR SHARE OF p, c
)
UPDATE delivery_delivery d
SET state = 'sending', address = r.address, lease_until = clock_timestamp() + make_interval(secs => %s)
FROM may r
WHERE {MEANT} AND d.lease_token = r.token AND {IS_PLANNED}
RETURNING d.id
"""

RECORD = f"""
WITH settled AS (
    UPDATE delivery_delivery d
    SET state = r.state, reason = r.reason, reply = r.reply, provider_id = r.provider_id, lease_until = NULL,
        sent_at = CASE WHEN r.state = 'sent' THEN t.now END, settled_at = t.now, exposed_at = t.now
    FROM {claim.given(state="text", reason="text", reply="text", provider_id="text")},
         (SELECT %s::timestamptz AS now) t
    WHERE {MEANT} AND d.lease_token = r.token AND {IS_OPEN}
    RETURNING d.tenant_id, d.id, d.profile_id, d.campaign_id, d.exposed_at
), entered AS (
    UPDATE delivery_entry e
    SET first_at = coalesce(e.first_at, s.exposed_at), last_at = s.exposed_at, count = e.count + 1
    FROM settled s
    WHERE e.tenant_id = s.tenant_id AND e.campaign_id = s.campaign_id AND e.profile_id = s.profile_id
)
SELECT id FROM settled
"""

GIVE_UP = f"""
UPDATE delivery_delivery d SET state = 'skipped', reason = 'error', reply = %s, lease_until = NULL, settled_at = %s
FROM {claim.given()} WHERE {MEANT} AND d.lease_token = r.token AND {IS_PLANNED}
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
    dead_address: str = ""  # where nobody is any more, by the provider's word


def mark_intent(rows: Sequence[tuple[Due, str]], *, tenant: Tenant, token: int) -> set[int]:
    """Set rows (with their addresses) to `sending`; return the ids that may be handed over now.

    At most GROUP rows. The others lost their lease, or their person or campaign changed since the decision: also who
    was merged meanwhile is decided anew, as whom they are now.
    """
    if len(rows) > GROUP:
        raise ValueError(f"At most {GROUP} rows may be in doubt at once.")
    if not rows:
        return set()
    people, addresses = [row.profile_id for row, _ in rows], [address for _, address in rows]
    keys = [suppression.key_of(address) for address in addresses]
    asked = [*claim.keys(row for row, _ in rows), people, addresses, keys]
    campaigns = list({row.campaign_id for row, _ in rows})
    marked = binary.run(INTENT, [tenant.pk, token, *asked, campaigns, settings.HAND_OVER_SECONDS])
    return {id_ for (id_,) in marked}


@transaction.atomic(savepoint=False)
def record(results: Sequence[Result], *, tenant: Tenant, token: int, now: datetime) -> int:
    """Settle rows, with their traces and dead addresses in the same transaction; return how many were still ours.

    The month of ``now`` has to be there (ingest.ensure_months). Profiles are locked before deliveries, as a merge
    locks them: taken the other way round the two would wait for each other.
    """
    if not results:
        return 0
    living = tombstones.lock_living(tenant.pk, {result.row.profile_id for result in results})
    ours = _settle(results, tenant=tenant, token=token, now=now)
    _leave_traces([result for result in results if result.row.id in ours], living, tenant=tenant, now=now)
    _suppress_dead([result for result in results if result.dead_address], living, tenant=tenant, now=now)
    return len(ours)


@transaction.atomic
def record_and_mark(
    results: Sequence[Result], rows: Sequence[tuple[Due, str]], *, tenant: Tenant, token: int, now: datetime
) -> set[int]:
    """Record one group and mark the intent of the next, made durable together; return the ids that may go now.

    The next group's profile ids must all be above the recorded one's: locks are taken in id order.
    """
    record(results, tenant=tenant, token=token, now=now)
    return mark_intent(rows, tenant=tenant, token=token)


def insist(write: Callable[[], T], *, for_seconds: float) -> T:
    """Return what ``write`` returns, tried again while the database stumbles (deadlock, restart).

    What was handed over is known only to us until it is recorded. The last error is raised. Inside a transaction
    there is nothing to try again.
    """
    pause, until = 0.05, time.monotonic() + for_seconds
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() + pause > until:
                raise
            connection.close_if_unusable_or_obsolete()
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def back_off(rows: list[Due], *, tenant: Tenant, token: int) -> None:
    """Give back rows that were certainly not taken, to be tried again later and later."""
    by_wait: dict[int, list[Due]] = {}
    for row in rows:
        by_wait.setdefault(wait_seconds(row.attempts), []).append(row)
    for wait, same in by_wait.items():
        claim.release(same, tenant=tenant, token=token, after_seconds=wait, was_tried=True, was_intended=True)


def wait_seconds(attempts: int) -> int:
    """Return the pause after so many attempts: 15 s, doubling up to an hour."""
    return min(15 * 2 ** min(max(attempts, 1) - 1, 8), 3600)


def give_up(row: Due, why: str, *, tenant: Tenant, token: int, now: datetime) -> None:
    """Settle a row that fails on our side again and again, before intent; ``why`` is for whoever mends it."""
    binary.run(GIVE_UP, [why[:500], now, tenant.pk, token, *claim.keys([row])])


def _settle(results: Sequence[Result], *, tenant: Tenant, token: int, now: datetime) -> set[int]:
    columns = [
        *claim.keys(result.row for result in results),
        [str(result.state) for result in results],
        [result.reason for result in results],
        [result.reply[:500] for result in results],
        [result.provider_id[:200] for result in results],
    ]
    return {id_ for (id_,) in binary.run(RECORD, [tenant.pk, token, *columns, now])}


NAMES = {Delivery.State.SENT: "sent", Delivery.State.FAILED: "bounced"}


def _leave_traces(results: list[Result], living: dict[int, int], *, tenant: Tenant, now: datetime) -> None:
    """Store what was sent and refused as events; once each, because a row is settled once."""
    events = [
        ingest.InternalEvent(
            call_id=f"{name} {result.row.id}",
            profile_id=living[result.row.profile_id],
            name=traces.NAMES[result.message.channel][name],
            occurred_at=now,
            properties=result.message.properties(),
        )
        for result in results
        if (name := NAMES.get(result.state)) and result.row.profile_id in living  # type: ignore[call-overload]
    ]
    if events:
        ingest.record_known_new(tenant=tenant, events=events, now=now)


def _suppress_dead(dead: list[Result], living: dict[int, int], *, tenant: Tenant, now: datetime) -> None:
    """Suppress dead addresses; of somebody erased meanwhile only as a hash: whoever erases them has looked already.

    In order, so that two who record the same addresses wait in one direction.
    """
    for result in sorted(dead, key=lambda result: result.dead_address):
        suppression.add(
            tenant=tenant,
            channel=result.message.channel,
            address=result.dead_address,
            reason="bounced",
            detail=result.reply,
            now=now,
        )
        if result.row.profile_id not in living:
            theirs = {("email", result.dead_address.lower())}
            returning.remember(tenant_id=tenant.pk, addresses=theirs, consent={}, now=now)
