"""What a wall clock shows at an instant, and the instant at which it shows something."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

NO_PLACES = {"Factory", "localtime"}  # names in the database that say nothing about where somebody is


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return, in UTC, the first instant at which the zone's wall clock shows ``local`` or later.

    That is the first pass where clocks go back, and the gap's first instant where they go forward over
    ``local``; so a later wall-clock time never has an earlier instant. Raises ValueError if ``local`` is aware,
    OverflowError within a day of the calendar's ends.
    """
    if local.tzinfo is not None:
        raise ValueError("local must be naive: a wall clock shows no zone")
    return _instant(local, zone)


@lru_cache(maxsize=16_384)  # the people of a chunk share their days and zones
def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    by_old_offset, by_new_offset = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if by_old_offset <= by_new_offset:
        return by_old_offset
    return _end_of_gap(local, zone, before=by_new_offset, after=by_old_offset)


def _end_of_gap(local: datetime, zone: ZoneInfo, *, before: datetime, after: datetime) -> datetime:
    """The clock change between the two instants; clocks change on whole seconds of UTC."""
    start = before.replace(microsecond=0)
    seconds = range(int((after - start).total_seconds()))
    changed = bisect_left(
        seconds, True, key=lambda second: reading(start + timedelta(seconds=second), zone) >= local
    )
    return start + timedelta(seconds=changed)


def reading(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return, naive, what the zone's wall clock shows at an aware moment. Raises ValueError if it is naive."""
    return utc(moment).astimezone(zone).replace(tzinfo=None, fold=0)


def utc(moment: datetime) -> datetime:
    """Return the moment in UTC. Raises ValueError if it is naive.

    Moments are compared in UTC only: Python compares two of one zone by their wall clocks, and calls those of
    an hour that comes twice equal.
    """
    if moment.utcoffset() is None:
        raise ValueError("a moment must be timezone-aware")
    return moment.astimezone(UTC)


def zone_of(name: object, fallback: ZoneInfo) -> ZoneInfo:
    """Return the zone of an IANA name in any case, or the fallback for whatever else a profile may carry."""
    known = _names().get(name.strip().lower()) if isinstance(name, str) else None
    return _zone(known) if known else fallback


@cache
def _names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() - NO_PLACES}


@cache  # zoneinfo itself keeps only eight, and reads the others from disk again
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
