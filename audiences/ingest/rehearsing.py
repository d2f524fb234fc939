"""What storing would do, without storing: for a file that somebody wants to look at first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Raw

from audiences.ingest import people
from audiences.ingest.calls import EXTERNAL_ID, Call, Key, Origin, Reader
from audiences.ingest.clocks import Clock
from audiences.ingest.storing import Stored
from tenants import binary
from tenants.models import Tenant


def rehearse(
    *,
    tenant: Tenant,
    calls: Iterable[Raw | bytes | dict[str, Any]],
    now: datetime,
    first_met: Callable[[set[Key]], set[Key]],
) -> Stored:
    """Return what storing ``calls`` of an import would come to; ``profiles_created`` counts who is not known yet.

    ``first_met`` takes identities that nobody has and returns those that no batch before brought.
    """
    clock = Clock(now=now, trigger_age=timedelta(0), retention=timedelta(days=tenant.retention_days))
    understood, refused = Reader(clock=clock, origin=Origin.IMPORT, sent_at=None, context=None).read(calls)
    keys = {key for call in understood for key in call.who}
    known = people.find(tenant.pk, keys)
    named = _named(tenant.pk, known)
    unmet = first_met(
        (keys - known.keys()) | {_of_named(key) for call in understood for key in _beside(call)}
    )
    new = 0
    for call in understood:
        first, *others = call.who
        # An address means whoever had it without an external id; to those who have one it may be common.
        is_found = any(key not in unmet and key not in named and _of_named(key) in unmet for key in others)
        new += first in unmet and not is_found
        unmet.difference_update(call.who, map(_of_named, _beside(call)))
    return Stored(len(understood), 0, [refusal for refusal, _ in refused], new)


def _named(tenant_id: int, known: dict[Key, int]) -> set[Key]:
    """Return the identities that find somebody who has an external id."""
    sql = """SELECT id FROM audiences_profile
             WHERE tenant_id = %s AND id = ANY(%b::bigint[]) AND external_id IS NOT NULL"""
    ids = {id_ for (id_,) in binary.run(sql, [tenant_id, [*set(known.values())]])} if known else set()
    return {key for key, id_ in known.items() if id_ in ids}


def _beside(call: Call) -> tuple[Key, ...]:
    """Return the identities that a call tells beside an external id."""
    return call.who[1:] if call.who[0][0] == EXTERNAL_ID else ()


def _of_named(key: Key) -> Key:
    """Return what is noted of an identity once a row told it beside an external id."""
    return f"named {key[0]}", key[1]
