"""Calls that come in requests of their own, at one moment: those that wait share the next transaction.

Each request is still answered once its call is stored for good. Alone it waits for nobody; the busier it gets, the more
calls a transaction stores, and the less each costs.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audiences.ingest.calls import Origin
from audiences.ingest.storing import Stored, store
from tenants.models import Tenant

MOST = 100  # calls in one transaction


@dataclass(eq=False, slots=True)
class _Waiting:
    """A request's call, and what became of it. ``stored`` stays None if the call has to be stored alone."""

    call: dict[str, Any]
    now: datetime
    is_taken: bool = False
    stored: Stored | None = None


@dataclass(slots=True)
class _Lane:
    """A tenant's calls of one origin in this process. Whoever holds the lock stores for all that wait."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: list[_Waiting] = field(default_factory=list)

    def take(self, mine: _Waiting) -> list[_Waiting]:
        """Return my call and others that wait, none twice."""
        others = [one for one in self.waiting if one is not mine]
        taken, self.waiting = [mine, *others[: MOST - 1]], others[MOST - 1 :]
        for one in taken:
            one.is_taken = True
        return taken


_lanes: defaultdict[tuple[int, Origin], _Lane] = defaultdict(_Lane)
_lanes_lock = threading.Lock()


def store_one(*, tenant: Tenant, call: dict[str, Any], now: datetime, origin: Origin) -> Stored:
    """Store one call as ``store`` does, in a transaction with others of the tenant's that wait at this moment.

    What goes wrong with several together is tried again alone, each in its own request. Raises TooMuchAtOnce.
    """
    with _lanes_lock:
        lane = _lanes[tenant.pk, origin]
        mine = _Waiting(call, now)
        lane.waiting.append(mine)
    with lane.lock:
        if not mine.is_taken:
            with _lanes_lock:
                taken = lane.take(mine)
            _store_all(taken, tenant=tenant, origin=origin)
    return mine.stored or store(tenant=tenant, calls=[call], now=now, origin=origin)


def _store_all(taken: list[_Waiting], *, tenant: Tenant, origin: Origin) -> None:
    try:
        stored = store(
            tenant=tenant,
            calls=[one.call for one in taken],
            now=max(one.now for one in taken),
            origin=origin,
            are_alone=True,
        )
    except Exception:
        if len(taken) == 1:
            raise
        return  # it may be any one's fault: each finds out alone
    for place, one in enumerate(taken):
        one.stored = stored.of(place)
