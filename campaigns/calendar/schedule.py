"""What a schedule says: once, daily, weekly or monthly, in wall-clock time."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args

Kind = Literal["once", "daily", "weekly", "monthly"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MOST_EVERY = 999
# Far enough from the ends of Python's calendar for one more turn, and for every zone.
FIRST_DATE = date(1900, 1, 1)
LAST_DATE = date(8999, 12, 31)


class BadSchedule(ValueError):
    """A schedule that cannot be meant: the message says what to do, ``field`` where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule on the wall clock; which clock, the tenant's or each person's, is for its user to say.

    ``anchor`` is the first date and time, naive. ``every`` counts days, weeks (from Monday) or months from it.
    ``weekdays`` (Monday is 0) are for a weekly one; none means the anchor's. A monthly one comes on ``day``, else the
    anchor's, or on the month's last if that is earlier. ``until`` is the last local date. Raises BadSchedule.
    """

    kind: Kind
    anchor: datetime
    every: int = 1
    weekdays: tuple[int, ...] = ()
    until: date | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        for check in (_check_kind, _check_anchor, _check_every, _check_weekdays, _check_day, _check_until):
            check(self)
        object.__setattr__(self, "anchor", self.anchor.replace(fold=0))
        object.__setattr__(self, "weekdays", tuple(sorted(set(self.weekdays))))

    @property
    def on_weekdays(self) -> tuple[int, ...]:
        """The weekdays of a weekly schedule in order, Monday is 0: those chosen, else the anchor's."""
        return self.weekdays or (self.anchor.weekday(),)

    @property
    def on_day(self) -> int:
        """The day of the month of a monthly schedule; months that are shorter have it on their last."""
        return self.day or self.anchor.day

    @property
    def last_date(self) -> date:
        """The last local date that an occurrence may have."""
        return min(self.until or LAST_DATE, LAST_DATE)

    def as_json(self) -> dict[str, Any]:
        """Return all fields as JSON values, dates and times in ISO 8601; ``from_json`` makes an equal schedule."""
        return {
            "kind": self.kind,
            "anchor": self.anchor.isoformat(),
            "every": self.every,
            "weekdays": list(self.weekdays),
            "until": self.until and self.until.isoformat(),
            "day": self.day,
        }

    @classmethod
    def from_json(cls, data: object) -> Schedule:
        """Return the schedule in what ``as_json`` returned; all but kind and anchor may be absent.

        Raises BadSchedule, also for names that a schedule does not have: a misspelt "until" would send for ever.
        """
        if not isinstance(data, dict):
            raise BadSchedule("", "Give the schedule as an object with kind and anchor.")
        if unknown := set(data).difference(field.name for field in fields(cls)):
            raise BadSchedule(
                str(min(unknown, key=str)), f"Leave out {', '.join(sorted(map(str, unknown)))}."
            )
        weekdays = data.get("weekdays", [])
        if not isinstance(weekdays, list | tuple):
            raise BadSchedule("weekdays", WEEKDAYS_WANTED)
        return cls(
            kind=data.get("kind"),  # type: ignore[arg-type]  # checked with the rest
            anchor=_parsed(datetime.fromisoformat, data.get("anchor"), "anchor", ANCHOR_WANTED),
            every=data.get("every", 1),
            weekdays=tuple(weekdays),
            until=data.get("until") and _parsed(date.fromisoformat, data["until"], "until", UNTIL_WANTED),
            day=data.get("day"),
        )


ANCHOR_WANTED = "Give the first date and time without a zone, such as 2026-03-03T09:00."
UNTIL_WANTED = "Give the last date without a time, such as 2026-06-30, or none to go on for ever."
WEEKDAYS_WANTED = "Choose weekdays by numbers from 0 (Monday) to 6 (Sunday)."


def _parsed(parse: Callable[[str], Any], text: object, field: str, wanted: str) -> Any:
    try:
        return parse(text)  # type: ignore[arg-type]  # not a text: TypeError
    except (TypeError, ValueError):
        raise BadSchedule(field, wanted) from None


def _check_kind(schedule: Schedule) -> None:
    if schedule.kind not in KINDS:
        raise BadSchedule("kind", "Choose once, daily, weekly or monthly.")


def _check_anchor(schedule: Schedule) -> None:
    anchor: object = schedule.anchor
    if not isinstance(anchor, datetime) or anchor.tzinfo is not None:
        raise BadSchedule("anchor", ANCHOR_WANTED)
    if not FIRST_DATE <= anchor.date() <= LAST_DATE:
        raise BadSchedule("anchor", f"Choose a first date from {FIRST_DATE.year} to {LAST_DATE.year}.")


def _check_every(schedule: Schedule) -> None:
    if type(schedule.every) is not int or not 1 <= schedule.every <= MOST_EVERY:
        raise BadSchedule("every", f"Choose a whole number from 1 to {MOST_EVERY}.")
    if schedule.kind == "once" and schedule.every != 1:
        raise BadSchedule("every", "Choose daily, weekly or monthly to repeat; once has nothing to count.")


def _check_weekdays(schedule: Schedule) -> None:
    if schedule.weekdays and schedule.kind != "weekly":
        raise BadSchedule("weekdays", "Choose weekly to send on certain weekdays, or choose no weekdays.")
    if any(type(day) is not int or not 0 <= day <= 6 for day in schedule.weekdays):
        raise BadSchedule("weekdays", WEEKDAYS_WANTED)
    first = schedule.anchor.date()
    if schedule.kind == "weekly" and first.weekday() not in schedule.on_weekdays:
        raise BadSchedule(
            "anchor",
            f"{_said(first)} is not on a weekday chosen: choose {first:%A} too, "
            f"or start on {_said(next_on(schedule.weekdays, first))}.",
        )


def _check_day(schedule: Schedule) -> None:
    if schedule.day is None:
        return
    if schedule.kind != "monthly":
        raise BadSchedule("day", "Choose monthly to send on a day of the month, or choose no day.")
    if type(schedule.day) is not int or not 1 <= schedule.day <= 31:
        raise BadSchedule("day", "Choose a day of the month from 1 to 31; 31 is always the last.")
    first = schedule.anchor.date()
    if first.day != day_in_month(schedule.day, first):
        raise BadSchedule(
            "anchor", f"Start on {_said(first.replace(day=day_in_month(schedule.day, first)))}."
        )


def _check_until(schedule: Schedule) -> None:
    until: object = schedule.until
    if until is None:
        return
    if not isinstance(until, date) or isinstance(until, datetime):
        raise BadSchedule("until", UNTIL_WANTED)
    if until < schedule.anchor.date():
        raise BadSchedule(
            "until", f"Choose a last date on or after the first, {_said(schedule.anchor.date())}."
        )


def next_on(weekdays: Iterable[int], day: date) -> date:
    """Return the first date, ``day`` or later, that is on one of the weekdays."""
    return day + timedelta(days=min((weekday - day.weekday()) % 7 for weekday in weekdays))


def day_in_month(day: int, month: date) -> int:
    """Return the day of the month, or its last if it is shorter, of the month that a date is in."""
    return min(day, monthrange(month.year, month.month)[1])


def _said(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year}"
