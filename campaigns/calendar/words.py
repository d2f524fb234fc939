"""A schedule as a sentence."""

from __future__ import annotations

from datetime import date, time
from typing import assert_never

from audiences.rules.phrases import listed
from campaigns.calendar.schedule import Schedule

EACH_PERSON = "in each person's local time"

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ORDINALS = {1: "", 2: "second ", 3: "third ", 4: "fourth ", 5: "fifth ", 6: "sixth "}


def in_words(schedule: Schedule, clock: str = EACH_PERSON) -> str:
    """Return a sentence without full stop: "Every second Tuesday and Friday at 09:00 in each person's local time".

    ``clock`` says whose time is meant, such as "in Berlin time".
    """
    until = f", until {_date(schedule.until)}" if schedule.until and schedule.kind != "once" else ""
    return f"{_when(schedule)} at {_time(schedule.anchor.time())} {clock}{until}"


def _when(schedule: Schedule) -> str:
    counted = ORDINALS.get(schedule.every, f"{_nth(schedule.every)} ")
    if schedule.kind == "once":
        return f"Once, on {WEEKDAYS[schedule.anchor.weekday()]}, {_date(schedule.anchor)}"
    if schedule.kind == "daily":
        return f"Every {counted}day"
    if schedule.kind == "weekly":
        return _weekly(schedule, counted)
    if schedule.kind == "monthly":
        return f"On {_day_of_month(schedule.on_day)} of every {counted}month"
    assert_never(schedule.kind)


def _weekly(schedule: Schedule, counted: str) -> str:
    if len(schedule.on_weekdays) == 7:
        return f"Every day of every {counted}week" if counted else "Every day"
    days = listed([WEEKDAYS[day] for day in schedule.on_weekdays], "and")
    return f"Every {counted}{days}"


def _day_of_month(day: int) -> str:
    if day == 31:
        return "the last day"
    return f"the {_nth(day)}" if day <= 28 else f"the {_nth(day)}, or else the last day,"


def _nth(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 11 <= number % 100 <= 13 else ending}"


def _date(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _time(at: time) -> str:
    return at.isoformat("auto" if at.second or at.microsecond else "minutes")
