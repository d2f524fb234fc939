"""Receipts: a call that counted leaves one for 30 days, and the same call again changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db import IntegrityError, transaction

from audiences import binary

KEPT = timedelta(days=30)  # raw time

INSERT = """
INSERT INTO audiences_receipt (tenant_id, digest) SELECT %s, encode(d, 'hex')::uuid FROM unnest(%b::bytea[]) d
"""


def claim(tenant_id: int, digests: Iterable[bytes]) -> set[bytes]:
    """Write receipts and return the digests that had none before."""
    asked = sorted(
        set(digests)
    )  # in order: two batches with the same calls wait for one another in one direction
    try:
        with transaction.atomic():
            binary.run(INSERT, [tenant_id, asked])  # mostly all are new, and so it costs a third less
        return set(asked)
    except IntegrityError:
        sql = INSERT + "ON CONFLICT DO NOTHING RETURNING uuid_send(digest)"
        return {digest for (digest,) in binary.run(sql, [tenant_id, asked])}


def give_back(tenant_id: int, digests: Iterable[bytes]) -> None:
    """Forget calls of this transaction that were refused after all: sent again, corrected, they shall count."""
    sql = """DELETE FROM audiences_receipt WHERE tenant_id = %s
             AND digest = ANY(SELECT encode(d, 'hex')::uuid FROM unnest(%b::bytea[]) d)"""
    binary.run(sql, [tenant_id, list(digests)])
