"""Local calendar days and weeks, as caps count them.

A period begins at the first instant at which the clock shows midnight or later, and lasts until the next one begins.
Clocks that go back over midnight therefore open no day a second time, and a date that no clock shows has no moment.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

from campaigns.calendar import wall

Period = Literal["day", "week"]


def key(moment: datetime, zone: ZoneInfo, period: Period) -> str:
    """Return the local date of the day, or of the Monday of the ISO week, that an aware moment falls in."""
    return _first_date(moment, zone, period).isoformat()


def begins_at(moment: datetime, zone: ZoneInfo, period: Period) -> datetime:
    """Return, in UTC, the first instant of the period that an aware moment falls in."""
    return _begins_at(_first_date(moment, zone, period), zone)


def ends_at(moment: datetime, zone: ZoneInfo, period: Period) -> datetime:
    """Return, in UTC, the first instant of the next period: always later than the aware moment."""
    first = _first_date(moment, zone, period)
    return _begins_at(first + timedelta(days=1 if period == "day" else 7), zone)


def _first_date(moment: datetime, zone: ZoneInfo, period: Period) -> date:
    day = _day(moment, zone)
    if period == "day":
        return day
    if period == "week":
        return day - timedelta(days=day.weekday())
    assert_never(period)


def _day(moment: datetime, zone: ZoneInfo) -> date:
    """The day that began last: tomorrow's, if the clock has shown midnight already and was put back."""
    shown = wall.reading(moment, zone).date()
    following = shown + timedelta(days=1)
    return following if _begins_at(following, zone) <= moment else shown


def _begins_at(day: date, zone: ZoneInfo) -> datetime:
    return wall.instant(datetime.combine(day, time()), zone)
