"""Reading what came: the calls in it that are understood, and the next parcel while another is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Generic, TypeVar

from msgspec import Raw

from audiences.ingest.calls import Call, Context, Origin, Reader, Refusal
from audiences.ingest.clocks import Clock
from tenants.models import Tenant

PART = 250  # calls that are asked about at a time
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Parcel:
    """Calls that came together, each a dict or its JSON."""

    calls: Sequence[Raw | bytes | dict[str, Any]]
    now: datetime  # when they came, by the tenant's clock
    sent_at: datetime | None = None  # when they were sent, by the client's: with it that clock is corrected
    context: Context | None = None  # of the calls that bring none of their own


def places(parcels: Sequence[Parcel]) -> list[range]:
    """Return the places of each parcel's calls, counted through all of them."""
    ends = accumulate(len(parcel.calls) for parcel in parcels)
    return [range(end - len(parcel.calls), end) for parcel, end in zip(parcels, ends, strict=True)]


@dataclass(frozen=True, slots=True)
class Reading:
    """Parcels, the calls in them that were understood, and the others."""

    parcels: Sequence[Parcel]
    understood: list[Call]
    refused: list[tuple[Refusal, bytes]]

    @property
    def now(self) -> datetime:
        return max(parcel.now for parcel in self.parcels)


def read(
    parcels: Sequence[Parcel],
    *,
    tenant: Tenant,
    origin: Origin,
    ask: Callable[[list[Call]], None] = lambda calls: None,
) -> Reading:
    """Read calls as ``Reader`` does and ``ask`` whom they mean: of some before the next are read."""
    understood: list[Call] = []
    refused: list[tuple[Refusal, bytes]] = []
    asked = 0
    for parcel, where in zip(parcels, places(parcels), strict=True):
        reader = _reader(parcel, tenant=tenant, origin=origin)
        for place in range(0, len(parcel.calls), PART):
            part, denied = reader.read(parcel.calls[place : place + PART], first=where.start + place)
            understood += part
            refused += denied
            if len(understood) >= asked + PART:
                ask(understood[asked:])
                asked = len(understood)
    if asked < len(understood):
        ask(understood[asked:])
    return Reading(parcels, understood, refused)


class Ahead(Generic[Value]):
    """What an iterator yields, one taken ahead of its turn."""

    def __init__(self, values: Iterator[Value]) -> None:
        self._values = values
        self._next: Future[Value | None] | None = None

    def look(self) -> Future[Value | None]:
        """Take the next, unless that is done already. What goes wrong with it is raised in its turn."""
        if self._next is None:
            self._next = Future()
            try:
                self._next.set_result(next(self._values, None))
            except Exception as error:
                self._next.set_exception(error)
        return self._next

    def take(self) -> Value | None:
        """Return the next, None after the last."""
        upcoming, self._next = self.look(), None
        return upcoming.result()


def _reader(parcel: Parcel, *, tenant: Tenant, origin: Origin) -> Reader:
    clock = Clock(
        now=parcel.now,
        trigger_age=timedelta(hours=tenant.trigger_age_hours),
        retention=timedelta(days=tenant.retention_days),
    )
    return Reader(clock=clock, origin=origin, sent_at=parcel.sent_at, context=parcel.context)
