"""When two profiles turn out to be one person, what delivery keeps of the one moves to the other."""

from __future__ import annotations

from datetime import datetime

from audiences.signals import Merge
from delivery import caps
from tenants import binary
from tenants.models import Tenant

# Several of these people were owed the same message: the row furthest along stays, the winner's own if they are as
# far. The others keep a tombstone's id and an occasion of their own. Only open rows change their state; what was sent
# twice before anybody knew stays on record as sent.
SET_TWINS_APART = """
WITH twins AS (
    SELECT d.id, d.occasion_at, m.loser_id, row_number() OVER (
               PARTITION BY m.winner_id, d.campaign_id, d.occasion, d.slot, d.occasion_at
               ORDER BY array_position(%b::text[], d.state::text) DESC, d.profile_id = m.winner_id DESC, d.id) AS place
    FROM (SELECT loser_id AS profile_id, loser_id, winner_id
          FROM unnest(%b::bigint[], %b::bigint[]) AS l(loser_id, winner_id)
          UNION ALL
          SELECT winner_id, min(loser_id), winner_id
          FROM unnest(%b::bigint[], %b::bigint[]) AS w(loser_id, winner_id) GROUP BY winner_id) m
    JOIN delivery_delivery d ON d.tenant_id = %s AND d.profile_id = m.profile_id
)
UPDATE delivery_delivery d
SET profile_id = t.loser_id, occasion = left(d.occasion, 50) || ' (merged ' || d.id || ')',
    state = CASE WHEN d.state = 'planned' THEN 'cancelled' ELSE d.state END,
    reason = CASE WHEN d.state = 'planned' THEN 'merged' ELSE d.reason END,
    settled_at = CASE WHEN d.state = 'planned' THEN %s ELSE d.settled_at END,
    exposed_at = NULL
FROM twins t
WHERE d.tenant_id = %s AND d.id = t.id AND d.occasion_at = t.occasion_at AND t.place > 1
RETURNING d.id
"""

MOVE_DELIVERIES = """
UPDATE delivery_delivery d SET profile_id = m.winner_id
FROM unnest(%b::bigint[], %b::bigint[]) AS m(loser_id, winner_id)
WHERE d.tenant_id = %s AND d.profile_id = m.loser_id AND d.id <> ALL(%b::bigint[])
"""

# The winner's arms stay; exposures add up, so that "once" stays once.
UNITE_ENTRIES = """
WITH gone AS (
    DELETE FROM delivery_entry e
    USING unnest(%b::bigint[], %b::bigint[]) AS m(loser_id, winner_id)
    WHERE e.tenant_id = %s AND e.profile_id = m.loser_id
    RETURNING e.campaign_id, m.winner_id, e.is_control, e.shares, e.first_at, e.last_at, e.count
)
INSERT INTO delivery_entry AS e (tenant_id, campaign_id, profile_id, is_control, shares, first_at, last_at, count)
SELECT %s, campaign_id, winner_id, (array_agg(is_control ORDER BY first_at))[1],
       (array_agg(shares ORDER BY first_at))[1], min(first_at), max(last_at), sum(count)
FROM gone GROUP BY campaign_id, winner_id
ON CONFLICT (tenant_id, campaign_id, profile_id) DO UPDATE
SET shares = excluded.shares || e.shares, first_at = least(e.first_at, excluded.first_at),
    last_at = greatest(e.last_at, excluded.last_at), count = e.count + excluded.count
"""

# What both got was got by one person: their times unite, and each cap keeps the newest as ever.
UNITE_CAP_USES = """
WITH gone AS (
    DELETE FROM delivery_capuse u
    USING unnest(%b::bigint[], %b::bigint[]) AS m(loser_id, winner_id)
    WHERE u.tenant_id = %s AND u.profile_id = m.loser_id
    RETURNING u.cap_id, m.winner_id, u.times
), theirs AS (
    SELECT g.cap_id, g.winner_id, array_agg(at ORDER BY at) AS times
    FROM gone g, unnest(g.times) AS at GROUP BY g.cap_id, g.winner_id
)
INSERT INTO delivery_capuse AS u (tenant_id, profile_id, cap_id, times)
SELECT %s, winner_id, cap_id, times FROM theirs
ON CONFLICT (tenant_id, profile_id, cap_id) DO UPDATE SET times = (
    SELECT array_agg(kept.at ORDER BY kept.at) FROM (
        SELECT at FROM unnest(u.times || excluded.times) AS at ORDER BY at DESC LIMIT (
            SELECT c."limit" FROM delivery_frequencycap c WHERE c.tenant_id = u.tenant_id AND c.id = u.cap_id)) kept)
"""

# How far along a delivery is. What one of them was skipped for need not hold for the person they are together: the
# row that waits is decided by what is known of both.
ORDER = ["skipped", "planned", "cancelled", "failed", "held_out", "unknown", "sending", "sent"]


def move(*, tenant: Tenant, merges: list[Merge], now: datetime) -> None:
    """Move deliveries and entries of losers to winners; runs in the transaction that merges them.

    A tombstone keeps what was set apart from it before, under the id it had.
    """
    caps.hold(tenant)
    losers = [merge.loser_id for merge in merges]
    winners = [merge.winner_id for merge in merges]
    pairs = [losers, winners]
    apart = binary.run(SET_TWINS_APART, [ORDER, *pairs, *pairs, tenant.pk, now, tenant.pk])
    binary.run(MOVE_DELIVERIES, [*pairs, tenant.pk, [id_ for (id_,) in apart]])
    binary.run(UNITE_ENTRIES, [*pairs, tenant.pk, tenant.pk])
    binary.run(UNITE_CAP_USES, [*pairs, tenant.pk, tenant.pk])
