"""Small pieces of English that rules are said with: quoted values, lists, dates, lengths of time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from audiences.rules import times

PLAIN = re.compile(r"[^\W\d_][\w.@+'’-]*")  # one word, which stands without quotes
LOOKS_OTHERWISE = {"true", "false", "missing", "and", "or", "not"}
LABELS = {
    "external_id": "external id",
    "first_name": "first name",
    "last_name": "last name",
    "timezone": "time zone",
    "created_at": "time of first contact",
    "located_at": "time of the last location",
    "last_seen_at": "last activity",
}


def label(name: str) -> str:
    """Return an attribute's name as people say it."""
    return LABELS.get(name) or (name if re.fullmatch(r"[\w.\- ]+", name) else f"“{name}”")


def quoted(value: Any, *, always: bool = False) -> str:
    """Return a value so that a text cannot be taken for a number or for the sentence around it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    if not always and PLAIN.fullmatch(value) and value.lower() not in LOOKS_OTHERWISE:
        return value
    return f"“{value}”"


def listed(items: Iterable[str], word: str) -> str:
    """Return "a, b or c"."""
    *most, last = items
    return f"{', '.join(most)} {word} {last}" if most else last


def moment(at: datetime) -> str:
    """Return "1 May 2026, 14:30 UTC", with seconds only where there are some."""
    at = at.astimezone(UTC)
    clock = at.strftime("%H:%M:%S" if at.second or at.microsecond else "%H:%M")
    return f"{day(at)}, {clock} UTC"


def day(at: datetime) -> str:
    return f"{at.day} {at:%B} {at.year}"


def when(value: str) -> str:
    """Return a rule's ISO date or instant as people write it."""
    at, next_day = times.day_or_moment(value)
    return day(at) if next_day else moment(at)


def duration(value: dict[str, int]) -> str:
    """Return "30 days", "1 hour"."""
    ((unit, number),) = value.items()
    return f"{number} {unit.removesuffix('s') if number == 1 else unit}"


def period(value: dict[str, int]) -> str:
    """Return what follows "the last": "30 days", "hour"."""
    return duration(value).removeprefix("1 ")


def length(span: timedelta) -> str:
    """Return about how long something lasts: "6 h 50 min", "24 h", "3 days 4 h"."""
    minutes = round(span.total_seconds() / 60)
    if minutes < 1:
        return "less than a minute"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24) if hours > 48 else (0, hours)
    parts = [(days, "day" if days == 1 else "days"), (hours, "h"), (0 if days else minutes, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def share(part: int, of: int) -> str:
    """Return "18 %": whole per cents, but never 0 of somebody and never 100 of fewer than all."""
    percent = 100 * part / of if of else 0.0
    if 0 < percent < 1:
        return "less than 1 %"
    return "more than 99 %" if 99 < percent < 100 else f"{round(percent)} %"


def often(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def article(noun: str) -> str:
    """Return the noun with "a" or "an"."""
    return f"{'an' if noun[:1].lower() in 'aeiou' and not noun.startswith('u') else 'a'} {noun}"
