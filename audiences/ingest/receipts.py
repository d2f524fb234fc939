"""Receipts: a call that counted leaves one for 30 days, and the same call again changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from audiences import binary

KEPT = timedelta(days=30)  # raw time

# In order, so that two batches with the same calls wait for one another in one direction only.
CLAIM = """
INSERT INTO audiences_receipt (tenant_id, digest)
SELECT %s, encode(d, 'hex')::uuid FROM unnest(%b::bytea[]) d
ON CONFLICT DO NOTHING RETURNING uuid_send(digest)
"""


def claim(tenant_id: int, digests: Iterable[bytes]) -> set[bytes]:
    """Write receipts and return the digests that had none before."""
    return {digest for (digest,) in binary.run(CLAIM, [tenant_id, sorted(set(digests))])}


def give_back(tenant_id: int, digests: Iterable[bytes]) -> None:
    """Forget calls of this transaction that were refused after all: sent again, corrected, they shall count."""
    sql = """DELETE FROM audiences_receipt WHERE tenant_id = %s
             AND digest = ANY(SELECT encode(d, 'hex')::uuid FROM unnest(%b::bytea[]) d)"""
    binary.run(sql, [tenant_id, list(digests)])
