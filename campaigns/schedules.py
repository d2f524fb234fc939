"""A version's occasions: each time that it goes out on a calendar, and when its people's hours are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from campaigns.calendar import local_time, wall, words
from campaigns.calendar.occurrences import occurrences
from campaigns.calendar.schedule import Schedule
from campaigns.models import Version

ONCE = "once"  # the occasion of whatever goes out a single time, whatever its hour becomes
UTC_ZONE = ZoneInfo("UTC")
LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Occasion:
    """One time that a version goes out; ``key`` is the local date, so that another hour is the same occasion."""

    key: str
    occasion_at: datetime  # fixed with the key
    local: datetime | None  # naive: what the clock shows; None where it is a moment like any other
    opens_at: datetime  # when the first zone's people are due, and the last's
    due_until: datetime


def of(version: Version) -> Schedule | None:
    """Return what repeats, or goes by people's own clocks; None for what goes out at one moment or is triggered."""
    return Schedule.from_json(version.schedule) if version.schedule else None


def is_by_person(version: Version) -> bool:
    """Whether each person's own clock counts."""
    return version.clock == Version.Clock.PERSON


def coming(version: Version, *, after: datetime, zone: ZoneInfo) -> Iterator[Occasion]:
    """Yield a version's occasions in order: those of which something is still to come after a moment.

    ``zone`` is the tenant's. What goes out a single time yields that, be it over; what is triggered nothing.
    """
    schedule = of(version)
    if version.has_event:
        return
    if schedule is None:
        moment = version.starts_at or version.launched_at or after
        yield Occasion(ONCE, moment, None, moment, moment)
    elif schedule.kind == "once":
        yield _occasion(version, schedule.anchor, zone)
    elif is_by_person(version):
        for one in occurrences(schedule, UTC_ZONE, after - local_time.FURTHEST_BEHIND):
            yield _occasion(version, one.local, zone)
    else:
        for one in occurrences(schedule, zone, after):
            yield _occasion(version, one.local, zone)


def _occasion(version: Version, local: datetime, zone: ZoneInfo) -> Occasion:
    is_single = version.when != Version.When.REPEAT
    if is_by_person(version):
        opens_at, due_until = local_time.earliest_instant(local), local_time.latest_instant(local)
        if is_single and version.past == Version.Past.NEXT_DAY:
            due_until += timedelta(days=1)
    else:
        opens_at = due_until = wall.instant(local, zone)
    day = datetime.combine(local.date(), time(), UTC)
    return Occasion(ONCE if is_single else local.date().isoformat(), day, local, opens_at, due_until)


def find(version: Version, key: str, *, zone: ZoneInfo) -> Occasion | None:
    """Return a version's occasion of that key, or None if it has none."""
    if version.when != Version.When.REPEAT:
        return next(coming(version, after=LONG_AGO, zone=zone), None) if key == ONCE else None
    schedule = of(version)
    if schedule is None or key == ONCE:
        return None
    day = datetime.combine(date.fromisoformat(key), time(), UTC)
    found = occurrences(schedule, UTC_ZONE, day - timedelta(microseconds=1), day + timedelta(days=1))
    return next((_occasion(version, one.local, zone) for one in found if one.key == key), None)


def dues(
    version: Version, occasion: Occasion, zones: Iterable[str], *, zone: ZoneInfo
) -> dict[str, datetime | None]:
    """Return when the people of each zone are due, by the name given; None for those who are left out.

    Left out are those whose hour had passed at the launch: of what repeats they get the next.
    """
    assert occasion.local is not None
    assert version.launched_at is not None
    past = cast(local_time.Past, "skip" if version.when == Version.When.REPEAT else version.past)
    return local_time.local_send(occasion.local, zones, version.launched_at, past, fallback=zone)


def clock_words(version: Version, zone: ZoneInfo) -> str:
    """Say whose clock is meant: in Berlin time."""
    if is_by_person(version):
        return words.EACH_PERSON
    return f"in {zone.key.rpartition('/')[2].replace('_', ' ')} time"
