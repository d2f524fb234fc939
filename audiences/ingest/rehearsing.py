"""What storing would do, without storing: for a file that somebody wants to look at first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from audiences.ingest import people
from audiences.ingest.calls import Key, Origin, Reader
from audiences.ingest.clocks import Clock
from audiences.ingest.storing import Stored
from tenants.models import Tenant


def rehearse(
    *,
    tenant: Tenant,
    calls: Iterable[dict[str, Any]],
    now: datetime,
    first_met: Callable[[set[Key]], set[Key]],
) -> Stored:
    """Return what storing ``calls`` of an import would come to; ``profiles_created`` counts who is not known yet.

    ``first_met`` takes identities that nobody has and returns those that no batch before brought.
    """
    clock = Clock(now=now, trigger_age=timedelta(0), retention=timedelta(days=tenant.retention_days))
    understood, refused = Reader(clock=clock, origin=Origin.IMPORT, sent_at=None, context=None).read(calls)
    keys = {key for call in understood for key in call.who}
    unmet = first_met(keys - people.find(tenant.pk, keys).keys())
    new = 0
    for call in understood:
        new += unmet.issuperset(call.who)
        unmet.difference_update(call.who)
    return Stored(len(understood), 0, [refusal for refusal, _ in refused], new)
