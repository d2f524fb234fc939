"""What storing would do, without storing: for a file that somebody wants to look at first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from audiences.ingest import people
from audiences.ingest.calls import Call, Key, Origin, Reader, Refusal
from audiences.ingest.clocks import Clock
from audiences.ingest.storing import Stored
from tenants.models import Tenant


def rehearse(*, tenant: Tenant, calls: Iterable[dict[str, Any]], now: datetime, seen: set[Key]) -> Stored:
    """Return what storing ``calls`` of an import would come to; ``profiles_created`` counts who is not known yet.

    ``seen`` carries the identities met from one batch to the next and is added to.
    """
    understood, refused = _read(tenant, calls, now)
    known = people.find(tenant.pk, {key for call in understood for key in call.who})
    new = 0
    for call in understood:
        new += not any(key in known or key in seen for key in call.who)
        seen.update(call.who)
    return Stored(len(understood), 0, [refusal for refusal, _ in refused], new)


def met(*, tenant: Tenant, calls: Iterable[dict[str, Any]], now: datetime) -> set[Key]:
    """Return the identities that rehearsing ``calls`` has added to ``seen``."""
    understood, _ = _read(tenant, calls, now)
    return {key for call in understood for key in call.who}


def _read(
    tenant: Tenant, calls: Iterable[dict[str, Any]], now: datetime
) -> tuple[list[Call], list[tuple[Refusal, bytes]]]:
    clock = Clock(now=now, trigger_age=timedelta(0), retention=timedelta(days=tenant.retention_days))
    return Reader(clock=clock, origin=Origin.IMPORT, sent_at=None, context=None).read(calls)
