"""What sets a campaign off, and what calls it off again: an event by its name, with filters on its properties.

Both are kept as the rule language's condition on an event, without a number of times or a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from audiences.rules import memory, schema, words
from audiences.rules.tree import InvalidRule

MOST_EXCEPTIONS = 5
UNITS = {"minutes": 1, "hours": 60, "days": 24 * 60}  # in minutes
LONGEST_DELAY_MINUTES = 60 * 24 * 60  # 60 days

Trigger = dict[str, Any]
FILTERS = {  # operator -> its words in a form; what each means is the rule language's business
    "is": "is",
    "is_not": "is not",
    "greater": "is greater than",
    "at_least": "is at least",
    "less": "is less than",
    "at_most": "is at most",
    "contains": "contains",
    "exists": "is there",
}


def make(name: str, where: list[dict[str, Any]] | None = None) -> Trigger:
    """Return the event ``name`` as a trigger, with filters on its properties. Raises InvalidRule."""
    trigger: Trigger = {"on": "event", "name": name} | ({"where": where} if where else {})
    check(trigger)
    return trigger


def check(trigger: Any) -> None:
    """Raise InvalidRule for what is no trigger."""
    schema.check(trigger)
    if (
        not isinstance(trigger, dict)
        or set(trigger) - {"on", "name", "where"}
        or trigger.get("on") != "event"
    ):
        raise InvalidRule("", "Expected an event's name and filters on its properties, and nothing else.")


def fits(trigger: Trigger, name: str, properties: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether an event sets it off."""
    if name != trigger["name"]:
        return False
    where = trigger.get("where")
    return not where or memory.matches_properties({"all": where}, properties, now=now)


def said(trigger: Trigger) -> str:
    """Return a trigger in words: “Cart Viewed” where total is at least 10."""
    return words.sentence(trigger).partition("who did ")[2]


def in_unit(minutes: int) -> tuple[int, str]:
    """Return a delay in the largest of UNITS that says it exactly; none at all is in minutes."""
    if not minutes:
        return 0, "minutes"
    return next((minutes // size, unit) for unit, size in reversed(UNITS.items()) if minutes % size == 0)


def delay_said(minutes: int) -> str:
    """Return a delay in words: 90 minutes, 1 hour, 3 days."""
    number, unit = in_unit(minutes)
    return f"{number} {unit.removesuffix('s') if number == 1 else unit}"
