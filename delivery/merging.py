"""When two profiles turn out to be one person, what delivery keeps of the one moves to the other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from audiences.signals import Merge
from delivery import conversions
from tenants.models import Tenant

# Both were owed the same message: the row further along stays, the other keeps the tombstone's id, under an occasion
# of its own. Only open rows change their state; what was sent twice before anybody knew stays on record as sent.
SET_TWINS_APART = """
WITH pairs AS (
    SELECT w.id AS winner_row, l.id AS loser_row, w.occasion_at, m.loser_id,
           array_position(%(order)s::text[], l.state::text) > array_position(%(order)s::text[], w.state::text)
               AS loser_is_further
    FROM unnest(%(losers)s::bigint[], %(winners)s::bigint[]) AS m(loser_id, winner_id)
    JOIN delivery_delivery l ON l.tenant_id = %(tenant)s AND l.profile_id = m.loser_id
    JOIN delivery_delivery w ON w.tenant_id = %(tenant)s AND w.profile_id = m.winner_id
                            AND w.campaign_id = l.campaign_id AND w.occasion = l.occasion AND w.slot = l.slot
                            AND w.occasion_at = l.occasion_at
)
UPDATE delivery_delivery d
SET profile_id = p.loser_id, occasion = left(d.occasion, 70) || ' (merged)',
    state = CASE WHEN d.state = 'planned' THEN 'cancelled' ELSE d.state END,
    reason = CASE WHEN d.state = 'planned' THEN 'merged' ELSE d.reason END,
    settled_at = CASE WHEN d.state = 'planned' THEN %(now)s ELSE d.settled_at END,
    exposed_at = NULL
FROM pairs p
WHERE d.tenant_id = %(tenant)s AND d.occasion_at = p.occasion_at
  AND d.id = CASE WHEN p.loser_is_further THEN p.winner_row ELSE p.loser_row END
"""

MOVE_DELIVERIES = """
UPDATE delivery_delivery d SET profile_id = m.winner_id
FROM unnest(%(losers)s::bigint[], %(winners)s::bigint[]) AS m(loser_id, winner_id)
WHERE d.tenant_id = %(tenant)s AND d.profile_id = m.loser_id AND d.occasion NOT LIKE '%% (merged)'
"""

# The winner's arms stay; exposures add up, so that "once" stays once.
UNITE_ENTRIES = """
WITH gone AS (
    DELETE FROM delivery_entry e
    USING unnest(%(losers)s::bigint[], %(winners)s::bigint[]) AS m(loser_id, winner_id)
    WHERE e.tenant_id = %(tenant)s AND e.profile_id = m.loser_id
    RETURNING e.campaign_id, m.winner_id, e.is_control, e.shares, e.first_at, e.last_at, e.count
)
INSERT INTO delivery_entry AS e (tenant_id, campaign_id, profile_id, is_control, shares, first_at, last_at, count)
SELECT %(tenant)s, campaign_id, winner_id, (array_agg(is_control ORDER BY first_at))[1],
       (array_agg(shares ORDER BY first_at))[1], min(first_at), max(last_at), sum(count)
FROM gone GROUP BY campaign_id, winner_id
ON CONFLICT (tenant_id, campaign_id, profile_id) DO UPDATE
SET shares = excluded.shares || e.shares, first_at = least(e.first_at, excluded.first_at),
    last_at = greatest(e.last_at, excluded.last_at), count = e.count + excluded.count
"""

# How far along a delivery is.
ORDER = ["planned", "cancelled", "skipped", "failed", "held_out", "unknown", "sending", "sent"]


def move(*, tenant: Tenant, merges: list[Merge], now: datetime) -> None:
    """Move deliveries, entries and conversions of losers to winners; runs in the transaction that merges them."""
    parameters: dict[str, Any] = {
        "tenant": tenant.pk,
        "now": now,
        "losers": [merge.loser_id for merge in merges],
        "winners": [merge.winner_id for merge in merges],
        "order": ORDER,
    }
    with connection.cursor() as cursor:
        for statement in (SET_TWINS_APART, MOVE_DELIVERIES, UNITE_ENTRIES):
            cursor.execute(statement, parameters)
    everyone = {one for merge in merges for one in (merge.loser_id, merge.winner_id)}
    conversions.recount(tenant=tenant, profile_ids=sorted(everyone))
