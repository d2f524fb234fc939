"""Profiles that were merged: their ids go on meaning somebody, the profile they were merged into."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from audiences import binary

# One step leads to the living: a merge points older tombstones at the new winner.
FOLLOW = """
SELECT id, coalesce(merged_into_id, id) FROM audiences_profile WHERE tenant_id = %s AND id = ANY(%b::bigint[])
"""
LOCK = """
SELECT id FROM audiences_profile WHERE tenant_id = %s AND id = ANY(%b::bigint[])
AND merged_into_id IS NULL AND erased_at IS NULL ORDER BY id FOR NO KEY UPDATE
"""


def lock_living(tenant_id: int, ids: Iterable[int]) -> dict[int, int]:
    """Lock the living profiles that ``ids`` mean, in id order, and return them by the id asked for.

    Erased and unknown ones are absent. Tombstones are never locked: a merge that holds their winner changes them.
    """
    asked = list(ids)
    while True:
        meant = dict(binary.run(FOLLOW, [tenant_id, asked]))
        with transaction.atomic():
            locked = {id_ for (id_,) in binary.run(LOCK, [tenant_id, sorted(set(meant.values()))])}
            if dict(binary.run(FOLLOW, [tenant_id, asked])) == meant:
                return {asked_id: id_ for asked_id, id_ in meant.items() if id_ in locked}
            transaction.set_rollback(
                True
            )  # somebody merged meanwhile: let go, so that locks are in order again
