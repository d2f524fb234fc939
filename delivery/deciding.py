"""Decisions made durable: one statement stores a chunk's, another who stands where in a campaign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from delivery.circumstances import Known, gather
from delivery.claim import Chunk
from delivery.decide import Decision, decide
from delivery.models import Delivery
from tenants.models import Tenant

STATES = {"send": Delivery.State.PLANNED, "hold_out": Delivery.State.HELD_OUT, "skip": Delivery.State.SKIPPED}

# A row that reserved once keeps its reservation: a crash after this statement never reserves again.
STORE = """
UPDATE delivery_delivery d
SET state = r.state, version_id = r.version_id, content_id = r.content_id, arm = r.arm, reason = r.reason,
    decision = r.decision::jsonb, decided_at = %(now)s,
    reserved_at = CASE WHEN r.state = 'planned' THEN coalesce(d.reserved_at, %(now)s) ELSE d.reserved_at END,
    exposed_at = CASE WHEN r.state = 'held_out' THEN %(now)s END,
    settled_at = CASE WHEN r.state <> 'planned' THEN %(now)s END
FROM unnest(%(ids)s::bigint[], %(moments)s::timestamptz[], %(states)s::text[], %(versions)s::bigint[],
            %(contents)s::bigint[], %(arms)s::text[], %(reasons)s::text[], %(decisions)s::text[])
     AS r(id, occasion_at, state, version_id, content_id, arm, reason, decision)
WHERE d.tenant_id = %(tenant)s AND d.id = r.id AND d.occasion_at = r.occasion_at
  AND d.state = 'planned' AND d.lease_token = %(token)s
RETURNING d.id
"""

ENTER = """
INSERT INTO delivery_entry (tenant_id, campaign_id, profile_id, is_control, shares, first_at, last_at, count)
SELECT %(tenant)s, r.campaign_id, r.profile_id, r.is_control, r.shares::jsonb, r.at, r.at,
       CASE WHEN r.at IS NULL THEN 0 ELSE 1 END
FROM unnest(%(campaigns)s::bigint[], %(profiles)s::bigint[], %(controls)s::boolean[], %(shares)s::text[],
            %(moments)s::timestamptz[]) AS r(campaign_id, profile_id, is_control, shares, at)
ON CONFLICT (tenant_id, campaign_id, profile_id) DO UPDATE
SET shares = delivery_entry.shares || excluded.shares, count = delivery_entry.count + excluded.count,
    first_at = coalesce(delivery_entry.first_at, excluded.first_at),
    last_at = coalesce(excluded.last_at, delivery_entry.last_at)
"""


@transaction.atomic
def settle_decisions(chunk: Chunk, *, tenant: Tenant, channel: str, now: datetime) -> list[Known]:
    """Decide a claimed chunk, store every decision, and return the rows that are to be sent.

    One short transaction; profiles are locked in id order, so that nothing about them changes meanwhile. Rows whose
    lease somebody else has taken are left to them.
    """
    known = gather(chunk.rows, tenant=tenant, channel=channel, now=now)
    decided = [(one, decide(one.circumstances, now=now)) for one in known]
    ours = _store(decided, tenant=tenant, channel=channel, token=chunk.token, now=now)
    kept = [(one, decision) for one, decision in decided if one.row.id in ours]
    _enter([pair for pair in kept if pair[1].verdict != "skip"], tenant=tenant, now=now)
    return [one for one, decision in kept if decision.verdict == "send"]


def _store(
    decided: Sequence[tuple[Known, Decision]], *, tenant: Tenant, channel: str, token: int, now: datetime
) -> set[int]:
    parameters: dict[str, Any] = {
        "tenant": tenant.pk,
        "token": token,
        "now": now,
        "ids": [one.row.id for one, _ in decided],
        "moments": [one.row.occasion_at for one, _ in decided],
        "states": [str(STATES[decision.verdict]) for _, decision in decided],
        "versions": [one.brief.version.pk for one, _ in decided],
        "contents": [_content_id(one, channel) for one, _ in decided],
        "arms": [one.circumstances.choice.arm for one, _ in decided],
        "reasons": [decision.reason for _, decision in decided],
        "decisions": [json.dumps(decision.as_json()) for _, decision in decided],
    }
    with connection.cursor() as cursor:
        cursor.execute(STORE, parameters)
        return {pk for (pk,) in cursor.fetchall()}


def _content_id(one: Known, channel: str) -> int | None:
    way = one.circumstances.choice.way
    words = way.content(channel) if way else None
    return words.id if words else None


def _enter(pairs: Sequence[tuple[Known, Decision]], *, tenant: Tenant, now: datetime) -> None:
    """Keep who is in the control group and which share is whose; holding out is an exposure, sending is not yet."""
    if not pairs:
        return
    choices = [one.circumstances.choice for one, _ in pairs]
    parameters: dict[str, Any] = {
        "tenant": tenant.pk,
        "campaigns": [one.row.campaign_id for one, _ in pairs],
        "profiles": [one.row.profile_id for one, _ in pairs],
        "controls": [choice.is_control for choice in choices],
        "shares": [json.dumps(dict([choice.share]) if choice.share else {}) for choice in choices],
        "moments": [now if decision.verdict == "hold_out" else None for _, decision in pairs],
    }
    with connection.cursor() as cursor:
        cursor.execute(ENTER, parameters)
