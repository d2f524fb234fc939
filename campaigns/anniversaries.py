"""Whose day it is: of what repeats, the people for whom a day is so long before or after a date of theirs.

The date is an attribute's, as it is written: its first ten characters, whatever time or zone may follow.
"""

from __future__ import annotations

from calendar import isleap
from datetime import date, timedelta
from typing import Any

from audiences.rules import schema
from audiences.rules.phrases import label
from audiences.rules.tree import InvalidRule
from audiences.segments import EVERYONE
from campaigns.models import Version

FURTHEST_DAYS = 365
DateOf = dict[
    str, Any
]  # {"name": "birthday", "days": -3, "is_yearly": True}: three days before it, every year


def make(name: str, *, days: int, is_yearly: bool) -> DateOf:
    """Return the day that is ``days`` after the date in an attribute, before it if negative. Raises InvalidRule."""
    schema.check({"on": "attribute", "name": name, "operator": "exists"})
    if abs(days) > FURTHEST_DAYS:
        raise InvalidRule("days", f"A day is at most {FURTHEST_DAYS} days away from its date.")
    return {"name": name, "days": days, "is_yearly": is_yearly}


def audience(version: Version, occasion: str) -> dict[str, Any]:
    """Return the rule of whom a version is for on one occasion, the local date of what repeats."""
    return narrowed(version.rule or EVERYONE, version.date_of, occasion)


def narrowed(rule: dict[str, Any], date_of: DateOf | None, occasion: str) -> dict[str, Any]:
    """Return the rule of those of an audience whose day an occasion is; all of them if it is everybody's."""
    if date_of is None:
        return rule
    return {"all": [rule, _has(date_of, date.fromisoformat(occasion))]}


def _has(date_of: DateOf, day: date) -> dict[str, Any]:
    """Return the rule of those whose date makes ``day`` theirs. Who was born on a leap day has the 28th otherwise."""
    theirs = day - timedelta(days=date_of["days"])
    condition = {"on": "attribute", "name": date_of["name"]}
    if not date_of["is_yearly"]:
        return condition | {"operator": "starts_with", "value": theirs.isoformat()}
    days = [f"-{theirs:%m-%d}"]
    if days == ["-02-28"] and not isleap(theirs.year):
        days.append("-02-29")
    return {"any": [condition | {"operator": "contains", "value": value} for value in days]}


def said(date_of: DateOf) -> str:
    """Return it in words: 3 days before their birthday, every year."""
    days, name = date_of["days"], label(date_of["name"])
    count = f"{abs(days)} day{'' if abs(days) == 1 else 's'}"
    when = "on" if not days else f"{count} before" if days < 0 else f"{count} after"
    return f"{when} their {name}{', every year' if date_of['is_yearly'] else ''}"
