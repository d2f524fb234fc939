"""Time in rules: ISO 8601 texts read alike in Python and SQL, lengths of time, and spans between two moments.

Years are 1000 to 2999. A text without zone is UTC. A date alone is its UTC midnight as a value, and its whole UTC day
in a rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from audiences.rules.fragments import Fragment, sql

# Only what datetime.fromisoformat and a cast to timestamptz both accept and read alike: PostgreSQL would also take
# "tomorrow", and either would raise on 30 February in the middle of a statement over a million people.
_LEAP = "(?:[12][0-9](?:0[48]|[2468][048]|[13579][26])|(?:1[26]|2[048])00)"
_DAY = (
    "(?:[12][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)"
)
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,9})?)?"
_ZONE = "(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])"
ISO = f"{_DAY}(?:[T ]{_CLOCK}{_ZONE}?)?"
_ISO = re.compile(ISO)
_DATE = re.compile(_DAY)

UNITS = ("minutes", "hours", "days", "weeks")
LONGEST = timedelta(days=36_525)  # a century: further back, no calendar helps a marketer


class NoTime(ValueError):
    """A text in a rule that is no moment, or an object that is no length of time. The message says what is expected."""


def instant(value: Any) -> datetime | None:
    """Return the moment an ISO 8601 text means, aware; None for anything else. Digits past microseconds are cut."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _ISO.fullmatch(value):
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def instant_sql(text: Fragment) -> Fragment:
    """Return SQL for the moment that ``text`` means, NULL for anything else. Our sessions run in UTC.

    JSON of other types never looks like a moment, so their text needs no check of its own.
    """
    cut = sql("regexp_replace({}, '([.][0-9]{{6}})[0-9]+', '\\1')", text)
    return sql(
        "CASE WHEN {} ~ {} THEN (CASE WHEN length({}) <= 26 THEN {} ELSE {} END)::timestamptz END",
        text,
        f"^{ISO}$",
        text,
        text,
        cut,
    )  # up to 26 characters there are no more than six digits to cut


def length(value: Any) -> timedelta:
    """Return the length of time that {"days": 30} means; a day is 24 hours. Raises NoTime."""
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in UNITS:
        raise NoTime(f'Expected a length of time such as {{"days": 30}}, in one of {", ".join(UNITS)}.')
    ((unit, number),) = value.items()
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise NoTime(f"Expected a whole number of {unit}, at least 1.")
    if number > LONGEST / timedelta(**{unit: 1}):
        raise NoTime("Expected at most a hundred years.")
    return timedelta(**{unit: number})


def day_or_moment(value: Any) -> tuple[datetime, datetime | None]:
    """Return (first moment of the day, first of the next) for a date, (moment, None) for an instant. Raises NoTime."""
    moment = instant(value) if isinstance(value, str) else None
    if moment is None:
        raise NoTime('Expected a date or time in ISO 8601, such as "2026-05-31" or "2026-05-31T18:00:00Z".')
    if not 1900 <= moment.year <= 2999:
        raise NoTime("Expected a year from 1900 to 2999.")
    return moment, moment + timedelta(days=1) if _DATE.fullmatch(value) else None


@dataclass(frozen=True)
class Span:
    """Moments from ``low`` to ``high``, either None for no bound; the bounds are in it unless said to be open."""

    low: datetime | None = None
    high: datetime | None = None
    is_low_open: bool = False
    is_high_open: bool = False

    def covers(self, moment: datetime) -> bool:
        if self.low and (moment < self.low or (self.is_low_open and moment == self.low)):
            return False
        return not (self.high and (moment > self.high or (self.is_high_open and moment == self.high)))

    def sql(self, moment: Fragment) -> Fragment:
        """Return a condition that is NULL where ``moment`` is; there must be a bound."""
        bounds = []
        if self.low:
            bounds.append(sql("{} > {}" if self.is_low_open else "{} >= {}", moment, self.low))
        if self.high:
            bounds.append(sql("{} < {}" if self.is_high_open else "{} <= {}", moment, self.high))
        return sql(" AND ".join("{}" for _ in bounds), *bounds)

    def sql_in_text(self, text: Fragment) -> Fragment:
        """Return the condition for ISO 8601 in ``text``, not true for any other text.

        Looking closely at a text costs microseconds, so those of other days are passed over first: as text they lie
        before or behind, whatever their offset.
        """
        near = []
        if self.low:
            near.append(sql('({}) COLLATE "C" >= {}', text, f"{self.low - timedelta(days=1):%Y-%m-%d}"))
        if self.high:
            near.append(sql('({}) COLLATE "C" < {}', text, f"{self.high + timedelta(days=2):%Y-%m-%d}"))
        return sql(" AND ".join("{}" for _ in [*near, self]), *near, self.sql(instant_sql(text)))

    def until(self, now: datetime) -> Span:
        """Return the part of it that has been by ``now``, ``now`` included."""
        if self.high and self.high <= now:
            return self
        return Span(self.low, now, self.is_low_open, False)


def before(value: Any) -> Span:
    return Span(high=day_or_moment(value)[0], is_high_open=True)


def after(value: Any) -> Span:
    moment, next_day = day_or_moment(value)
    return Span(low=next_day or moment, is_low_open=next_day is None)


def between(low: Any, high: Any) -> Span:
    """Return the span from ``low`` to ``high``, days whole; either may be None for no bound. Raises NoTime."""
    start = None if low is None else day_or_moment(low)[0]
    end, next_day = (None, None) if high is None else day_or_moment(high)
    if start and end and start > end:
        raise NoTime("The first of two times must not be after the second.")
    return Span(low=start, high=next_day or end, is_high_open=next_day is not None)
