"""Profiles that are nobody any more: erased, or merged, and then their ids mean whom they were merged into."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from tenants import binary

# Nothing that finds or describes a person stays on a tombstone.
EMPTIED = """external_id = NULL, email = NULL, phone = NULL, first_name = NULL, last_name = NULL, language = NULL,
    timezone = NULL, country = NULL, region = NULL, city = NULL, latitude = NULL, longitude = NULL, located_at = NULL,
    attributes = '{}', consent = '{}'"""

# Whom they were merged with before is them too.
THEIRS = (
    "SELECT id, public_id FROM audiences_profile WHERE tenant_id = %s AND (id = %s OR merged_into_id = %s)"
)

# One step leads to the living: a merge points older tombstones at the new winner.
MEANT = """
SELECT id AS asked, coalesce(merged_into_id, id) AS id FROM audiences_profile
WHERE tenant_id = %s AND id = ANY(%b::bigint[])
"""
LIVING = f"""
WITH meant AS MATERIALIZED ({MEANT})
SELECT m.asked, p.id FROM meant m JOIN audiences_profile p ON p.tenant_id = %s AND p.id = m.id
WHERE p.merged_into_id IS NULL AND p.erased_at IS NULL
"""
LOCK = LIVING + "ORDER BY p.id FOR NO KEY UPDATE OF p"


def all_of(tenant_id: int, profile_id: int) -> dict[int, UUID]:
    """Return the profiles that somebody is and was, tombstones included: id -> public id."""
    return dict(binary.run(THEIRS, [tenant_id, profile_id, profile_id]))


def lock_living(tenant_id: int, ids: Iterable[int]) -> dict[int, int]:
    """Lock the living profiles that ``ids`` mean, in id order, and return them by the id asked for.

    Until the transaction ends, of which there has to be one; so does the savepoint that is set here. Erased and unknown
    ones are absent. Tombstones are never locked: a merge that holds their winner changes them.
    """
    asked = set(ids)
    while True:
        with binary.together():  # Django's own savepoint would be two more waits for the database
            binary.send("SAVEPOINT before_locks", [])
            locked = binary.send(LOCK, [tenant_id, list(asked), tenant_id])
        living = dict(locked.rows())
        missing = list(asked - living.keys())
        if not missing or not binary.run(LIVING, [tenant_id, missing, tenant_id]):
            return living
        # Somebody merged meanwhile: let go, so that locks are in order again.
        binary.run("ROLLBACK TO SAVEPOINT before_locks", [])
