"""Locks of a tenant's that many share, and that one who changes what they rest on holds alone."""

from __future__ import annotations

from tenants import binary


def hold(lock: int, tenant_id: int, *, alone: bool) -> None:
    """Lock until this transaction ends; in a block of ``binary.together`` the lock is there after the block."""
    how = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    binary.send(f"SELECT {how}(%s::int, %s::int)", [lock, tenant_id % 2**31])
