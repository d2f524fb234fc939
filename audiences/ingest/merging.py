"""Two profiles were one person: all that hangs on the one moves to the other, and a tombstone stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audiences.retention import ADDED
from audiences.tombstones import EMPTIED
from tenants import binary

if TYPE_CHECKING:
    from audiences.signals import Merge

GIVEN = "unnest(%b::bigint[], %b::bigint[]) m(loser, winner)"
MOVED = ("audiences_identity", "audiences_event", "audiences_consentchange")

ADD_TOTALS = f"""
INSERT INTO audiences_eventtotal AS t (tenant_id, profile_id, name, count, first_at, last_at, last_properties)
SELECT l.tenant_id, m.winner, l.name, sum(l.count), min(l.first_at), max(l.last_at),
       (array_agg(l.last_properties ORDER BY l.last_at DESC))[1]
FROM {GIVEN} JOIN audiences_eventtotal l ON l.tenant_id = %s AND l.profile_id = m.loser
GROUP BY 1, 2, 3
{ADDED}"""

BURY = f"""
UPDATE audiences_profile p SET merged_into_id = m.winner, {EMPTIED}
FROM {GIVEN} WHERE p.tenant_id = %s AND p.id = m.loser
"""


def move(tenant_id: int, merges: list[Merge]) -> None:
    """Move identities, events, totals and proofs of consent of each loser to its winner and make it a tombstone.

    Both are locked by the caller, winners are no losers, and the winners' own rows are written by the caller.
    """
    if not merges:
        return
    pairs = [[merge.loser_id for merge in merges], [merge.winner_id for merge in merges]]
    for table in MOVED:
        sql = f"""UPDATE {table} t SET profile_id = m.winner FROM {GIVEN}
                  WHERE t.tenant_id = %s AND t.profile_id = m.loser"""
        binary.run(sql, [*pairs, tenant_id])
    binary.run(ADD_TOTALS, [*pairs, tenant_id])
    sql = "DELETE FROM audiences_eventtotal WHERE tenant_id = %s AND profile_id = ANY(%b::bigint[])"
    binary.run(sql, [tenant_id, pairs[0]])
    sql = f"""UPDATE audiences_profile p SET merged_into_id = m.winner FROM {GIVEN}
              WHERE p.tenant_id = %s AND p.merged_into_id = m.loser"""
    binary.run(sql, [*pairs, tenant_id])  # whoever was merged into a loser went on with it
    binary.run(BURY, [*pairs, tenant_id])
