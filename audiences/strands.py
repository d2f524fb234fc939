"""A person's timeline, woven of strands by time: what they did, how they changed, what they were sent.

The apps above us register strands of their own at start, we never import them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from audiences import messages
from audiences.models import ConsentChange, Event, Profile

PER_PAGE = 50


class Place(NamedTuple):
    """Where a timeline goes on: before this row of this strand. Rows of one moment go by strand, then by id."""

    at: datetime
    rank: int
    id: int


@dataclass(frozen=True, slots=True)
class Strand:
    """Rows about a person, each at a moment. ``template`` shows one: its context is ``shown``, as ``show`` makes it."""

    name: str
    chip: str  # what people choose it by, with others of that name
    rows: Callable[[Profile], QuerySet[Any]]
    at: str  # the column that says when
    template: str
    show: Callable[[Any], Any] = lambda row: row


@dataclass(frozen=True, slots=True)
class Happening:
    place: Place
    template: str
    shown: Any


@dataclass(frozen=True, slots=True)
class Woven:
    """A page of a timeline, newest first, and where older ones begin, None if there are none."""

    happenings: list[Happening]
    older: Place | None

    @property
    def older_strand(self) -> str:
        return _strands[self.older.rank].name if self.older else ""


def register(strand: Strand) -> None:
    """Weave ``strand`` into every person's timeline. Call it from ``AppConfig.ready()``."""
    if strand.name not in {each.name for each in _strands}:
        _strands.append(strand)


def chips() -> list[str]:
    """Return what a timeline can be narrowed to."""
    return list(dict.fromkeys(strand.chip for strand in _strands))


def place(at: datetime, strand: str, id_: int) -> Place | None:
    """Return the place of a row, None if there is no such strand."""
    ranks = {each.name: rank for rank, each in enumerate(_strands)}
    return Place(at, ranks[strand], id_) if strand in ranks else None


def weave(profile: Profile, *, chip: str = "", before: Place | None = None, limit: int = PER_PAGE) -> Woven:
    """Return a page of a person's timeline; of one ``chip``'s strands, or all. One query for each strand."""
    found = [
        happening
        for rank, strand in enumerate(_strands)
        if chip in ("", strand.chip)
        for happening in _of(strand, rank, profile, before, limit + 1)
    ]
    found.sort(key=lambda happening: happening.place, reverse=True)
    return Woven(found[:limit], found[limit - 1].place if len(found) > limit else None)


def _of(strand: Strand, rank: int, profile: Profile, before: Place | None, limit: int) -> Iterator[Happening]:
    rows = strand.rows(profile)
    if before is not None:
        earlier = Q(**{f"{strand.at}__lt": before.at})
        if rank == before.rank:
            earlier |= Q(**{strand.at: before.at, "id__lt": before.id})
        elif rank < before.rank:
            earlier |= Q(**{strand.at: before.at})
        rows = rows.filter(earlier)
    for row in rows.order_by(f"-{strand.at}", "-id")[:limit]:
        yield Happening(Place(getattr(row, strand.at), rank, row.pk), strand.template, strand.show(row))


# --- Our own ------------------------------------------------------------------------------------------------------


def _events(profile: Profile) -> QuerySet[Event]:
    return Event.objects.filter(tenant_id=profile.tenant_id, profile=profile)


def _of_messages() -> set[str]:
    return {name for channel in messages.channels() for name in channel.events.values()}


_strands: list[Strand] = [
    Strand(
        "did",
        "Events",
        lambda profile: _events(profile).filter(is_internal=False),
        "occurred_at",
        "audiences/_happened_event.html",
    ),
    Strand(
        "became",
        "Changes",
        lambda profile: _events(profile).filter(is_internal=True).exclude(name__in=_of_messages()),
        "occurred_at",
        "audiences/_happened_event.html",
    ),
    Strand(
        "said",
        "Changes",
        lambda profile: ConsentChange.objects.filter(profile=profile),
        "at",
        "audiences/_happened_consent.html",
    ),
    Strand(
        "got",
        "Messages",
        lambda profile: _events(profile).filter(is_internal=True, name__in=_of_messages()),
        "occurred_at",
        "audiences/_happened_event.html",
    ),
]
