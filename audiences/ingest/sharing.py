"""Requests that bring calls at one moment: those that wait share the next transaction.

Each is still answered once its calls are stored for good. Alone it waits for nobody; the busier it gets, the more calls
a transaction stores, and the less each costs.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field

from audiences.ingest.calls import Origin
from audiences.ingest.reading import Parcel, places
from audiences.ingest.storing import Stored, store_all
from tenants.models import Tenant

MOST = 500  # calls in one transaction, but for a request that brings more
ABREAST = 2  # transactions of a lane: the calls of one are read while the other waits for the database


@dataclass(eq=False, slots=True)
class _Waiting:
    """A request's calls, and what became of them. ``stored`` stays None if they have to be stored alone."""

    parcel: Parcel
    is_taken: bool = False
    is_done: threading.Event = field(default_factory=threading.Event)
    stored: Stored | None = None


@dataclass(slots=True)
class _Lane:
    """A tenant's requests of one kind in this process. Whoever has a turn stores for all that wait."""

    turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(ABREAST))
    waiting: list[_Waiting] = field(default_factory=list)

    def take(self, mine: _Waiting) -> list[_Waiting]:
        """Return mine and others that wait, the first to come first, as far as one transaction takes them."""
        taken, calls = [mine], len(mine.parcel.calls)
        for other in self.waiting:
            if other is not mine and calls + len(other.parcel.calls) <= MOST:
                taken.append(other)
                calls += len(other.parcel.calls)
        for one in taken:
            one.is_taken = True
        self.waiting = [one for one in self.waiting if not one.is_taken]
        return taken


# One call alone does not wait for hundreds.
_lanes: defaultdict[tuple[int, Origin, bool], _Lane] = defaultdict(_Lane)
_lanes_lock = threading.Lock()


def store_shared(parcel: Parcel, *, tenant: Tenant, origin: Origin) -> Stored:
    """Store a parcel as ``store`` does, in a transaction with others of the tenant's that wait at this moment.

    What goes wrong with several together is tried again alone, each in its own request. Raises TooMuchAtOnce.
    """
    mine = _Waiting(parcel)
    with _lanes_lock:
        lane = _lanes[tenant.pk, origin, len(parcel.calls) > 1]
        lane.waiting.append(mine)
    with lane.turns:
        with _lanes_lock:
            taken = [] if mine.is_taken else lane.take(mine)
        if taken:
            _store(taken, tenant=tenant, origin=origin)
    mine.is_done.wait()
    return mine.stored or store_all([parcel], tenant=tenant, origin=origin)


def _store(taken: list[_Waiting], *, tenant: Tenant, origin: Origin) -> None:
    parcels = [one.parcel for one in taken]
    try:
        stored = store_all(parcels, tenant=tenant, origin=origin)
        for one, where in zip(taken, places(parcels), strict=True):
            one.stored = stored.of(where)
    except Exception:
        if len(taken) == 1:
            raise
        # It may be any one's fault: each finds out alone.
    finally:
        for one in taken:
            one.is_done.set()
