"""Every clock change of ten zones, and what the clock shows in each minute around it, read minute by minute."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Asia/Tehran",
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # lost 2011-12-30
    "Pacific/Kiritimati",  # lost 1994-12-31, and has kept still since
    "Africa/Casablanca",  # back for Ramadan
    "America/St_Johns",  # at one minute past midnight until 2011
)
MINUTE = timedelta(minutes=1)
WEEK = 7 * 1440
EARLIER, LATER = timedelta(hours=13), timedelta(hours=35)
SINCE, BEFORE = datetime(2005, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


def changes(
    zone: ZoneInfo, since: datetime = SINCE, before: datetime = BEFORE, days: int = 5
) -> Iterator[datetime]:
    """The instants at which the zone's offset changes, if no two lie within so many days."""
    step = timedelta(days=days)
    moments = (since + number * step for number in range((before - since) // step + 1))
    for old, new in pairwise(moments):
        if offset(old, zone) != offset(new, zone):
            yield first_with_new_offset(old, new, zone)


def first_with_new_offset(old: datetime, new: datetime, zone: ZoneInfo) -> datetime:
    while new - old > timedelta(seconds=1):
        middle = old + timedelta(seconds=(new - old) // timedelta(seconds=2))
        old, new = (middle, new) if offset(middle, zone) == offset(old, zone) else (old, middle)
    return new


def offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


@cache
def aimed_at(name: str) -> tuple[datetime, ...]:
    if name == "Pacific/Kiritimati":
        return tuple(
            changes(ZoneInfo(name), datetime(1994, 6, 1, tzinfo=UTC), datetime(1995, 6, 1, tzinfo=UTC))
        )
    return tuple(changes(ZoneInfo(name)))


@dataclass(frozen=True)
class Strip:
    """Minutes around a clock change, and the furthest that the clock had shown by each.

    Wall-clock times are whole minutes since the calendar began, on a Monday.
    """

    zone: ZoneInfo
    change: datetime
    start: datetime
    shown: array[int]
    of_week: array[int]  # the same, since Monday

    @property
    def end(self) -> datetime:
        return self.at(len(self.shown) - 1)

    def at(self, index: int) -> datetime:
        return self.start + index * MINUTE

    def index(self, moment: datetime) -> int:
        return (moment - self.start) // MINUTE

    @property
    def jump(self) -> tuple[int, int]:
        """What the clock was about to show at the change, and what it showed instead, furthest or not."""
        before = reading(self.change - MINUTE, self.zone)
        return before + 1, reading(self.change, self.zone)

    @property
    def lost(self) -> range:
        """The minutes that no clock showed."""
        return range(*self.jump)


@cache
def strips(name: str) -> tuple[Strip, ...]:
    return tuple(strip(change, ZoneInfo(name)) for change in aimed_at(name))


def strip(change: datetime, zone: ZoneInfo) -> Strip:
    start, end = int((change - EARLIER).timestamp()), int((change + LATER).timestamp())
    readings = (minutes(datetime.fromtimestamp(second, zone)) for second in range(start, end, 60))
    shown = array("l", accumulate(readings, max))
    return Strip(zone, change, change - EARLIER, shown, array("l", (minute % WEEK for minute in shown)))


def reading(moment: datetime, zone: ZoneInfo) -> int:
    return minutes(moment.astimezone(zone))


def minutes(local: datetime) -> int:
    return (local.toordinal() - 1) * 1440 + local.hour * 60 + local.minute
