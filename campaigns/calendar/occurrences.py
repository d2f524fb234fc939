"""When a schedule occurs in a zone: each computed from the anchor in wall-clock time, never from the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count, takewhile
from typing import assert_never
from zoneinfo import ZoneInfo

from campaigns.calendar import wall
from campaigns.calendar.schedule import Schedule, day_in_month


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a schedule comes round."""

    key: str  # the local date; no kind of schedule has two on one day, so none needs an index behind it
    local: datetime  # naive, as the schedule says, even where no clock shows it
    at: datetime  # UTC


def occurrences(
    schedule: Schedule, zone: ZoneInfo, after: datetime, until: datetime | None = None
) -> Iterator[Occurrence]:
    """Yield in order the occurrences strictly after one aware moment and up to another, or to the schedule's end.

    Every local date has its own, whatever clocks do: skipped hours have theirs when they are over, hours that come
    twice in the first pass. At midnight before a date that a zone skipped, its occurrence and the next date's are at
    the same instant. A far ``after`` costs no more than a near one. Raises ValueError if a moment is naive.
    """
    after, until = wall.utc(after), until and wall.utc(until)
    for day in _dates(schedule, wall.reading(after, zone).date()):
        local = datetime.combine(day, schedule.anchor.time())
        at = wall.instant(local, zone)
        if until and at > until:
            return
        if at > after:
            yield Occurrence(key=day.isoformat(), local=local, at=at)


def _dates(schedule: Schedule, start: date) -> Iterator[date]:
    """The schedule's dates in order, from ``start`` and from the anchor on."""
    start = max(start, schedule.anchor.date())
    if start > schedule.last_date:
        return iter(())
    dates = (day for turn in _turns(schedule, start) for day in _dates_of(schedule, turn) if day >= start)
    return takewhile(lambda day: day <= schedule.last_date, dates)


def _turns(schedule: Schedule, start: date) -> Iterator[int]:
    """Numbers of turns (days, weeks or months that count), from the last that began by ``start`` on."""
    return iter((0,)) if schedule.kind == "once" else count(_gone_by(schedule, start) // schedule.every)


def _gone_by(schedule: Schedule, start: date) -> int:
    """How many days, weeks or months lie between the anchor's and the one of ``start``."""
    first = schedule.anchor.date()
    if schedule.kind == "once" or schedule.kind == "daily":
        return (start - first).days
    if schedule.kind == "weekly":
        return (_monday(start) - _monday(first)).days // 7
    if schedule.kind == "monthly":
        return (start.year - first.year) * 12 + start.month - first.month
    assert_never(schedule.kind)


def _dates_of(schedule: Schedule, turn: int) -> tuple[date, ...]:
    """The dates in the turn of that number; the anchor's is 0."""
    first = schedule.anchor.date()
    if schedule.kind == "once" or schedule.kind == "daily":
        return (first + timedelta(days=turn * schedule.every),)
    if schedule.kind == "weekly":
        monday = _monday(first) + timedelta(weeks=turn * schedule.every)
        return tuple(monday + timedelta(days=weekday) for weekday in schedule.on_weekdays)
    if schedule.kind == "monthly":
        return (_months_later(first, turn * schedule.every, schedule.on_day),)
    assert_never(schedule.kind)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _months_later(first: date, months: int, day: int) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    begins = date(first.year + years, month + 1, 1)
    return begins.replace(day=day_in_month(day, begins))
