"""Decisions made durable: one statement stores a chunk's, another who stands where in a campaign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from delivery import caps, claim, rates
from delivery.circumstances import Asked, Known, lock, look
from delivery.claim import IS_PLANNED, MEANT, Chunk
from delivery.decide import Decision, decide
from delivery.models import Delivery
from tenants import binary
from tenants.models import Tenant

STATES = {"send": Delivery.State.PLANNED, "hold_out": Delivery.State.HELD_OUT, "skip": Delivery.State.SKIPPED}

COLUMNS = claim.given(
    profile="bigint",
    state="text",
    version="bigint",
    content="bigint",
    arm="text",
    reason="text",
    decision="text",
)

# A row that reserved once keeps its reservation: a crash after this statement never reserves again. One whose person
# was merged since it was claimed is another's by now: it is decided again, as theirs, when the lease runs out.
STORE = f"""
UPDATE delivery_delivery d
SET state = r.state, version_id = r.version, content_id = r.content, arm = r.arm, reason = r.reason,
    decision = r.decision::jsonb, decided_at = t.now,
    reserved_at = CASE WHEN r.state = 'planned' THEN coalesce(d.reserved_at, t.now) ELSE d.reserved_at END,
    exposed_at = CASE WHEN r.state = 'held_out' THEN t.now END,
    settled_at = CASE WHEN r.state <> 'planned' THEN t.now END
FROM {COLUMNS}, (SELECT %s::timestamptz AS now) t
WHERE {MEANT} AND d.lease_token = r.token AND {IS_PLANNED} AND d.profile_id = r.profile
RETURNING d.id
"""

# Not settled, and nobody's: it is due again at the moment it waits for.
WAIT = f"""
UPDATE delivery_delivery d
SET due_at = r.until, first_due_at = coalesce(d.first_due_at, d.due_at), lease_until = NULL,
    attempts = greatest(d.attempts - 1, 0), decision = r.decision::jsonb, decided_at = t.now
FROM {claim.given(until="timestamptz", decision="text")}, (SELECT %s::timestamptz AS now) t
WHERE {MEANT} AND d.lease_token = r.token AND {IS_PLANNED}
"""

ENTER = """
INSERT INTO delivery_entry (tenant_id, campaign_id, profile_id, is_control, shares, first_at, last_at, count)
SELECT %s, r.campaign_id, r.profile_id, r.is_control, r.shares::jsonb, r.at, r.at,
       CASE WHEN r.at IS NULL THEN 0 ELSE 1 END
FROM unnest(%b::bigint[], %b::bigint[], %b::boolean[], %b::text[], %b::timestamptz[])
     AS r(campaign_id, profile_id, is_control, shares, at)
ON CONFLICT (tenant_id, campaign_id, profile_id) DO UPDATE
SET shares = delivery_entry.shares || excluded.shares, count = delivery_entry.count + excluded.count,
    first_at = coalesce(delivery_entry.first_at, excluded.first_at),
    last_at = coalesce(excluded.last_at, delivery_entry.last_at)
"""


@transaction.atomic
def settle_decisions(chunk: Chunk, *, tenant: Tenant, channel: str, now: datetime) -> list[Known]:
    """Decide a claimed chunk, store every decision, and return the rows that are to be sent.

    One short transaction; profiles are locked in id order, so that nothing about them changes meanwhile. Rows whose
    lease somebody else has taken are left to them; those whose campaign was paused meanwhile wait undecided.
    """
    with binary.together():
        # Intent is the durable mark. A decision that a crash of the database forgets before it is made anew.
        binary.send("SET LOCAL synchronous_commit TO off", [])
        caps.hold(tenant)
        lock(chunk.rows, tenant=tenant)
        asked = Asked(chunk.rows, tenant=tenant)
    known = look(chunk.rows, asked, tenant=tenant, channel=channel, now=now)
    held = [one.row for one in known if not one.brief.is_live]
    claim.release(held, tenant=tenant, token=chunk.token)
    decided = [(one, decide(one.circumstances, now=now)) for one in known if one.brief.is_live]
    _wait([pair for pair in decided if pair[1].until], tenant=tenant, token=chunk.token, now=now)
    decided = _let_through([pair for pair in decided if not pair[1].until], chunk, tenant=tenant, now=now)
    ours = _store(decided, tenant=tenant, channel=channel, token=chunk.token, now=now)
    kept = [(one, decision) for one, decision in decided if one.row.id in ours]
    _give_back([pair for pair in decided if pair[0].row.id not in ours], chunk, tenant=tenant)
    to_send = [one for one, decision in kept if decision.verdict == "send"]
    taken = [(one.row.profile_id, room) for one in to_send for room in one.circumstances.caps]
    caps.reserve(taken, asked.caps, tenant=tenant, now=now)
    _enter([pair for pair in kept if pair[1].verdict != "skip"], tenant=tenant, now=now)
    return to_send


def _let_through(
    decided: list[tuple[Known, Decision]], chunk: Chunk, *, tenant: Tenant, now: datetime
) -> list[tuple[Known, Decision]]:
    """Give back what the send rates have no room for, undecided; return the others."""
    asking = [
        rates.Asking(
            one.row.id, one.row.campaign_id, one.brief.version.per_minute, not one.brief.is_marketing
        )
        for one, decision in decided
        if decision.verdict == "send"
    ]
    held = rates.take(asking, chunk.carrier, tenant=tenant, now=now)
    if not held:
        return decided
    claim.release([one.row for one, _ in decided if one.row.id in held], tenant=tenant, token=chunk.token)
    return [(one, decision) for one, decision in decided if one.row.id not in held]


def _give_back(lost: list[tuple[Known, Decision]], chunk: Chunk, *, tenant: Tenant) -> None:
    """Let others have what was counted for rows that turned out not to be ours."""
    counted = sum(decision.verdict == "send" for _, decision in lost)
    rates.give_back(chunk.carrier, counted, tenant=tenant)


def _store(
    decided: Sequence[tuple[Known, Decision]], *, tenant: Tenant, channel: str, token: int, now: datetime
) -> set[int]:
    columns: list[Any] = [
        *claim.keys(one.row for one, _ in decided),
        [one.row.profile_id for one, _ in decided],
        [str(STATES[decision.verdict]) for _, decision in decided],
        [one.brief.version.pk for one, _ in decided],
        [one.content_id(channel) for one, _ in decided],
        [one.circumstances.choice.arm for one, _ in decided],
        [decision.reason for _, decision in decided],
        [_json(decision) for _, decision in decided],
    ]
    return {id_ for (id_,) in binary.run(STORE, [tenant.pk, token, *columns, now])}


def _wait(waiting: Sequence[tuple[Known, Decision]], *, tenant: Tenant, token: int, now: datetime) -> None:
    if not waiting:
        return
    columns: list[Any] = [
        *claim.keys(one.row for one, _ in waiting),
        [decision.until for _, decision in waiting],
        [_json(decision) for _, decision in waiting],
    ]
    binary.run(WAIT, [tenant.pk, token, *columns, now])


def _json(decision: Decision) -> str:
    return msgspec.json.encode(decision.as_json()).decode()


def _enter(pairs: Sequence[tuple[Known, Decision]], *, tenant: Tenant, now: datetime) -> None:
    """Keep who is in the control group and which share is whose; holding out is an exposure, sending is not yet."""
    if not pairs:
        return
    choices = [one.circumstances.choice for one, _ in pairs]
    columns = [
        [one.row.campaign_id for one, _ in pairs],
        [one.row.profile_id for one, _ in pairs],
        [choice.is_control for choice in choices],
        [json.dumps(dict([choice.share]) if choice.share else {}) for choice in choices],
        [now if decision.verdict == "hold_out" else None for _, decision in pairs],
    ]
    binary.run(ENTER, [tenant.pk, *columns])
