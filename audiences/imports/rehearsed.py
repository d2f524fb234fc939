"""Whom a rehearsal has met so far: kept beside how far it is, so that it goes on where it was, if killed."""

from __future__ import annotations

import hashlib

from audiences.ingest.calls import Key
from audiences.models import Import
from tenants import binary

NOTE = """
INSERT INTO audiences_rehearsedidentity (tenant_id, import_file_id, digest)
SELECT %s, %s, d FROM unnest(%b::uuid[]) d ON CONFLICT DO NOTHING RETURNING uuid_send(digest)
"""
FORGET = "DELETE FROM audiences_rehearsedidentity WHERE tenant_id = %s AND import_file_id = %s"


def first_met(import_: Import, keys: set[Key]) -> set[Key]:
    """Note identities, and return those that the rehearsal has not met before."""
    by_digest = {_digest(key): key for key in keys}
    rows = binary.run(NOTE, [import_.tenant_id, import_.pk, binary.uuids(sorted(by_digest))])
    return {by_digest[digest] for (digest,) in rows}


def forget(import_: Import) -> None:
    binary.run(FORGET, [import_.tenant_id, import_.pk])


def _digest(key: Key) -> bytes:
    return hashlib.blake2b(" ".join(key).encode(), digest_size=16).digest()
