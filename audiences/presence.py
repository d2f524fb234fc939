"""Who is at which of the brand's places: kept as locations come in, so that entering and leaving is noticed once.

Only tenants with places have any of this. A location that is less exact than a place is wide says nothing about it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from audiences import tombstones
from audiences.models import Place, PlacePresence
from audiences.rules import distances, sql
from audiences.signals import Merge
from tenants import binary
from tenants.models import Tenant

EVENTS = {"entered": "Place Entered", "left": "Place Left"}
SLICE = 500  # people looked at in one transaction

_STAY = "place_id, profile_id, arrived_at, entered_at, told_at, left_at, is_quiet"
STAYS = f"SELECT {_STAY} FROM audiences_placepresence WHERE tenant_id = %s AND profile_id = ANY(%b::bigint[])"
KEEP = f"""
INSERT INTO audiences_placepresence AS k (tenant_id, {_STAY})
SELECT %s, s.* FROM unnest(%b::bigint[], %b::bigint[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[],
    %b::timestamptz[], %b::boolean[]) s
ON CONFLICT (tenant_id, profile_id, place_id) DO UPDATE SET arrived_at = EXCLUDED.arrived_at,
    entered_at = EXCLUDED.entered_at, told_at = EXCLUDED.told_at, left_at = EXCLUDED.left_at,
    is_quiet = EXCLUDED.is_quiet
"""
FILL = """
INSERT INTO audiences_placepresence (tenant_id, place_id, profile_id, arrived_at, entered_at, is_quiet)
SELECT p.tenant_id, %s, p.id, coalesce(p.located_at, %s), %s, false
FROM audiences_profile p WHERE p.tenant_id = %s AND p.id IN ({members}) ON CONFLICT DO NOTHING
"""
# Where both were at a place, the later stay goes on.
UNITE = f"""
WITH gone AS (
    DELETE FROM audiences_placepresence s USING unnest(%b::bigint[], %b::bigint[]) AS m(loser_id, winner_id)
    WHERE s.tenant_id = %s AND s.profile_id = m.loser_id RETURNING s.*, m.winner_id
)
INSERT INTO audiences_placepresence AS k (tenant_id, {_STAY})
SELECT DISTINCT ON (place_id, winner_id)
    tenant_id, place_id, winner_id, arrived_at, entered_at, told_at, left_at, is_quiet
FROM gone ORDER BY place_id, winner_id, arrived_at DESC
ON CONFLICT (tenant_id, profile_id, place_id) DO UPDATE SET arrived_at = EXCLUDED.arrived_at,
    entered_at = EXCLUDED.entered_at, told_at = GREATEST(k.told_at, EXCLUDED.told_at), left_at = EXCLUDED.left_at,
    is_quiet = EXCLUDED.is_quiet
WHERE k.arrived_at < EXCLUDED.arrived_at
"""
LOCATED = """
SELECT id, latitude, longitude, located_at FROM audiences_profile WHERE tenant_id = %s AND id = ANY(%b::bigint[])
"""
WAITING = """
SELECT s.profile_id, s.arrived_at + l.dwell_minutes * interval '1 minute'
FROM audiences_placepresence s JOIN audiences_place l ON l.tenant_id = s.tenant_id AND l.id = s.place_id
WHERE s.tenant_id = %s AND s.entered_at IS NULL AND s.left_at IS NULL
  AND s.arrived_at + l.dwell_minutes * interval '1 minute' <= %s
ORDER BY 1 LIMIT %s
"""
FORGET = """
DELETE FROM audiences_placepresence s USING audiences_place l
WHERE l.tenant_id = s.tenant_id AND l.id = s.place_id AND s.left_at + l.cooldown_minutes * interval '1 minute' < %s
"""


@dataclass(frozen=True, slots=True)
class Fix:
    """Where somebody was at a moment, by what a call told; ``accuracy`` in metres, None if it was not said."""

    profile_id: int
    at: datetime
    latitude: float
    longitude: float
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody entered a place, or left it after ``dwell``."""

    profile_id: int
    place: Place
    at: datetime
    dwell: timedelta | None = None  # of who left

    @property
    def did(self) -> str:
        return "entered" if self.dwell is None else "left"


@dataclass(slots=True)
class Stay:
    """A row of PlacePresence in memory."""

    place_id: int
    profile_id: int
    arrived_at: datetime
    entered_at: datetime | None = None
    told_at: datetime | None = None
    left_at: datetime | None = None
    is_quiet: bool = False

    def arrive(self, at: datetime) -> None:
        """Begin anew, if they had left."""
        if self.left_at is not None:
            self.arrived_at, self.entered_at, self.left_at, self.is_quiet = at, None, None, False

    def enter(self, place: Place, at: datetime, *, is_quiet: bool = False) -> Visit | None:
        """Count them as entered if they have stayed long enough by ``at``; return what that raises."""
        entered_at = self.arrived_at + timedelta(minutes=place.dwell_minutes)
        if self.entered_at is not None or self.left_at is not None or at < entered_at:
            return None
        cooldown = timedelta(minutes=place.cooldown_minutes)
        self.entered_at = entered_at
        self.is_quiet = is_quiet or (self.told_at is not None and entered_at < self.told_at + cooldown)
        if self.is_quiet:
            return None
        self.told_at = entered_at
        return Visit(self.profile_id, place, entered_at)

    def leave(self, place: Place, at: datetime) -> Visit | None:
        """Let them be gone from ``at`` on; return what that raises."""
        if self.left_at is not None:
            return None
        self.left_at = at
        if self.entered_at is None or self.is_quiet:
            return None
        return Visit(self.profile_id, place, at, at - self.arrived_at)


class _Map:
    """A tenant's places, found by latitude."""

    def __init__(self, tenant_id: int) -> None:
        self.places = {place.pk: place for place in Place.objects.filter(tenant_id=tenant_id)}
        self._in_order = sorted(self.places.values(), key=lambda place: place.latitude)
        self._latitudes = [place.latitude for place in self._in_order]
        widest = max((place.radius_m for place in self._in_order), default=0)
        self._reach = distances.degrees(widest)

    def about(self, fix: Fix) -> Iterator[Place]:
        """Yield the places that a location lies in."""
        first = bisect_left(self._latitudes, fix.latitude - self._reach)
        last = bisect_right(self._latitudes, fix.latitude + self._reach)
        return (place for place in self._in_order[first:last] if covers(place, fix.latitude, fix.longitude))


def covers(place: Place, latitude: float, longitude: float) -> bool:
    """Whether a point lies in a place, its border included: as rules have it."""
    return distances.metres(latitude, longitude, place.latitude, place.longitude) <= place.radius_m


def follow(*, tenant_id: int, fixes: Sequence[Fix], is_quiet: bool = False) -> list[Visit]:
    """Follow people, whose profiles the caller has locked, to where they were, each oldest first.

    Return whom that lets enter and leave places; with ``is_quiet`` nobody enters with notice. Three statements, one
    where there are no places.
    """
    map_ = _Map(tenant_id)
    if not map_.places:
        return []
    stays = _stays(tenant_id, {fix.profile_id for fix in fixes})
    before = {_row(stay) for stay in stays}
    held: defaultdict[int, dict[int, Stay]] = defaultdict(dict)
    for stay in stays:
        held[stay.profile_id][stay.place_id] = stay
    visits = [visit for fix in fixes for visit in _follow(fix, map_, held[fix.profile_id], is_quiet=is_quiet)]
    now = [stay for theirs in held.values() for stay in theirs.values()]
    _keep(tenant_id, [stay for stay in now if _row(stay) not in before])
    return visits


def _follow(fix: Fix, map_: _Map, held: dict[int, Stay], *, is_quiet: bool) -> Iterator[Visit]:
    """Yield what one location raises; ``held`` are that person's stays, by place."""
    inside = {place.pk for place in map_.about(fix)}
    for place in [map_.places[id_] for id_ in sorted(inside | held.keys()) if id_ in map_.places]:
        if fix.accuracy is not None and fix.accuracy > place.radius_m:
            continue
        if place.pk in inside:
            held.setdefault(place.pk, Stay(place.pk, fix.profile_id, fix.at)).arrive(fix.at)
        stay = held[place.pk]
        entered = stay.enter(
            place, fix.at, is_quiet=is_quiet
        )  # before they leave: nobody may have looked since
        left = None if place.pk in inside else stay.leave(place, fix.at)
        yield from filter(None, (entered, left))


def unite(*, tenant_id: int, merges: Sequence[Merge]) -> None:
    """Give winners the stays of their losers, and end those that are not where the winner is now: a merge is no move.

    One statement where none of them was at any place.
    """
    winners = {merge.winner_id for merge in merges}
    if not _stays(tenant_id, winners | {merge.loser_id for merge in merges}):
        return
    pairs = [[merge.loser_id for merge in merges], [merge.winner_id for merge in merges]]
    binary.run(UNITE, [*pairs, tenant_id])
    _settle(tenant_id, [stay for stay in _stays(tenant_id, winners) if stay.left_at is None])


def _settle(tenant_id: int, stays: list[Stay]) -> None:
    located = {
        id_: rest for id_, *rest in binary.run(LOCATED, [tenant_id, [stay.profile_id for stay in stays]])
    }
    places = Place.objects.filter(tenant_id=tenant_id).in_bulk([stay.place_id for stay in stays])
    gone = []
    for stay in stays:
        latitude, longitude, at = located[stay.profile_id]
        if latitude is None or longitude is None or not covers(places[stay.place_id], latitude, longitude):
            stay.left_at = at or stay.arrived_at
            gone.append(stay)
    _keep(tenant_id, gone)


def who(place: Place) -> dict[str, Any]:
    """Return the rule of those who are at a place by their last location."""
    point = {"latitude": place.latitude, "longitude": place.longitude}
    return {"on": "near", "of": [point], "within_km": place.radius_m / 1_000}


def begin(place: Place, *, now: datetime) -> None:
    """Forget who was at a place, and let those be there who are now: that a place was drawn is no entering."""
    PlacePresence.objects.filter(place=place).delete()
    query = sql.members(who(place), tenant_id=place.tenant_id, now=now)
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(members=query.sql), [place.pk, now, now, place.tenant_id, *query.params])


def look_around(
    *,
    tenant: Tenant,
    now: datetime,
    months: Callable[[list[datetime]], None],
    tell: Callable[[list[Visit]], None],
) -> int:
    """Let those enter who have stayed long enough by ``now``, and return how many did.

    ``months`` hears beforehand when they will have entered, ``tell`` of who did, in a transaction for each SLICE. May
    run beside itself.
    """
    entered = 0
    while due := binary.run(WAITING, [tenant.pk, now, SLICE]):
        months([at for _, at in due])
        entered += _enter(tenant, {profile_id for profile_id, _ in due}, now=now, tell=tell)
    return entered


@transaction.atomic
def _enter(tenant: Tenant, asked: set[int], *, now: datetime, tell: Callable[[list[Visit]], None]) -> int:
    living = tombstones.lock_living(tenant.pk, asked)
    if lost := [id_ for id_ in asked if living.get(id_) != id_]:  # erased; who was merged took theirs along
        PlacePresence.objects.filter(tenant=tenant, profile_id__in=lost).delete()
    places = _Map(tenant.pk).places
    stays = _stays(tenant.pk, living.values())
    waiting = [stay for stay in stays if stay.entered_at is None and stay.place_id in places]
    visits = [stay.enter(places[stay.place_id], now) for stay in waiting]
    _keep(tenant.pk, waiting)
    told = [visit for visit in visits if visit]
    if told:
        tell(told)
    return len(told)


def forget(*, raw_now: datetime) -> None:
    """Forget stays that are over and that no cooldown asks for any more, in all tenants."""
    binary.run(FORGET, [raw_now])


def _stays(tenant_id: int, profile_ids: Iterable[int]) -> list[Stay]:
    return [Stay(*row) for row in binary.run(STAYS, [tenant_id, list(profile_ids)])]


def _row(stay: Stay) -> tuple[Any, ...]:
    return (
        stay.place_id,
        stay.profile_id,
        stay.arrived_at,
        stay.entered_at,
        stay.told_at,
        stay.left_at,
        stay.is_quiet,
    )


def _keep(tenant_id: int, stays: list[Stay]) -> None:
    if stays:
        columns = zip(
            *map(_row, sorted(stays, key=lambda stay: (stay.profile_id, stay.place_id))), strict=True
        )
        binary.run(KEEP, [tenant_id, *map(list, columns)])
