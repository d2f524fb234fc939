"""Send windows and quiet hours: local hours in which a message may go, and those in which it may not.

Both are kept in wall-clock time and last from the first instant at which the clock shows their start or later to the
first at which it shows their end. So an hour that comes twice neither opens nor closes them twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from campaigns.calendar import wall

EVERY_DAY = frozenset(range(7))  # Monday is 0, as in date.weekday()

Span = tuple[datetime, datetime]  # in UTC, the end excluded


class BadHours(ValueError):
    """Hours that cannot be meant; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Window:
    """A send window: from ``start`` to ``end`` (excluded) on the clock, opening on the weekdays (Monday is 0).

    An end at or before the start belongs to the next day; equal ones make it last all day, from ``start`` on. A
    window that lies wholly in hours skipped by the clock opens when they are over, for as long as it would have
    lasted: nobody is passed over. Raises BadHours for times with a zone and for no weekday.
    """

    start: time
    end: time
    weekdays: frozenset[int] = EVERY_DAY

    def __post_init__(self) -> None:
        _refuse_zones(self.start, self.end)
        if not self.weekdays or not EVERY_DAY.issuperset(self.weekdays):
            raise BadHours("Choose at least one weekday, by numbers from 0 (Monday) to 6 (Sunday).")
        object.__setattr__(self, "weekdays", frozenset(self.weekdays))

    @property
    def never_closes(self) -> bool:
        """Whether it is open all day on all weekdays."""
        return self.start == self.end and self.weekdays == EVERY_DAY


@dataclass(frozen=True, slots=True)
class Quiet:
    """Quiet hours: from ``start`` to ``end`` (excluded) on the clock, every day; equal ones mean none.

    An end before the start belongs to the next day. Raises BadHours for times with a zone.
    """

    start: time
    end: time

    def __post_init__(self) -> None:
        _refuse_zones(self.start, self.end)


def _refuse_zones(*times: time) -> None:
    if any(one.tzinfo is not None for one in times):
        raise BadHours("Give times without a zone: each person's own clock counts.")


def is_open(window: Window, zone: ZoneInfo, moment: datetime) -> bool:
    """Return whether the send window is open at an aware moment. Raises ValueError if it is naive."""
    return next_opening(window, zone, moment) == wall.utc(moment)


def next_opening(window: Window, zone: ZoneInfo, moment: datetime) -> datetime:
    """Return the first UTC instant, an aware ``moment`` or later, at which the send window is open.

    Raises ValueError if ``moment`` is naive.
    """
    moment = wall.utc(moment)
    return next(max(opens, moment) for opens, closes in _open_spans(window, zone, moment) if closes > moment)


def closes_at(window: Window, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """Return the first UTC instant after an aware ``moment`` at which the send window closes, or None if it never does.

    Days that follow each other without a break are one. Raises ValueError if ``moment`` is naive.
    """
    opens = next_opening(window, zone, moment)
    return None if window.never_closes else _end_of(_open_spans(window, zone, opens), opens)


def quiet_until(quiet: Quiet, zone: ZoneInfo, moment: datetime) -> datetime:
    """Return the first UTC instant, an aware ``moment`` or later, outside the quiet hours.

    Raises ValueError if ``moment`` is naive.
    """
    moment = wall.utc(moment)
    if quiet.start == quiet.end:
        return moment
    return _end_of(_spans(quiet.start, quiet.end, EVERY_DAY, zone, moment), moment)


def next_allowed(
    moment: datetime, zone: ZoneInfo, window: Window | None, quiet: Quiet | None
) -> datetime | None:
    """Return the first UTC instant, an aware ``moment`` or later, inside the send window and outside the quiet hours.

    None for either means no such limit. Returns None if quiet hours cover the whole window on the clock, even where
    a clock change would leave a moment free. Raises ValueError if ``moment`` is naive.
    """
    moment = wall.utc(moment)
    if not _leave_room(window, quiet):
        return None
    while True:  # ends: weeks without a clock change have room
        opens = next_opening(window, zone, moment) if window else moment
        moment = quiet_until(quiet, zone, opens) if quiet else opens
        if moment == opens:
            return moment


def _leave_room(window: Window | None, quiet: Quiet | None) -> bool:
    """Whether some time is in the window and not quiet: if any is, the window's start or the end of quiet is one."""
    if window is None or quiet is None or quiet.start == quiet.end:
        return True
    return not _covers(quiet, window.start) or _covers(window, quiet.end)


def _covers(hours: Window | Quiet, at: time) -> bool:
    if hours.start < hours.end:
        return hours.start <= at < hours.end
    return at >= hours.start or at < hours.end


def _open_spans(window: Window, zone: ZoneInfo, moment: datetime) -> Iterator[Span]:
    for opens, closes in _spans(window.start, window.end, window.weekdays, zone, moment):
        yield opens, closes if closes > opens else opens + _length(window)


def _length(window: Window) -> timedelta:
    day = date(2000, 1, 1)
    return _local_end(day, window.start, window.end) - datetime.combine(day, window.start)


def _spans(
    start: time, end: time, weekdays: frozenset[int], zone: ZoneInfo, moment: datetime
) -> Iterator[Span]:
    """Hours in UTC, in order and without end, from yesterday's on; empty where the clock skips them."""
    first = wall.reading(moment, zone).date() - timedelta(days=1)
    for day in (first + timedelta(days=number) for number in count()):
        if day.weekday() in weekdays:
            opens = wall.instant(datetime.combine(day, start), zone)
            yield opens, wall.instant(_local_end(day, start, end), zone)


def _local_end(day: date, start: time, end: time) -> datetime:
    return datetime.combine(day if start < end else day + timedelta(days=1), end)


def _end_of(spans: Iterable[Span], moment: datetime) -> datetime:
    """The end of the spans that cover the moment without a break; the moment itself if none does."""
    for opens, closes in spans:
        if opens > moment:
            break
        moment = max(moment, closes)
    return moment
