"""Rules on facts in memory: the same verdicts as the SQL gives, for people already loaded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audiences.rules import schema

if TYPE_CHECKING:
    from audiences.facts import Facts


def matches(rule: Any, facts: Facts, *, now: datetime) -> bool:
    """Whether the rule means this person at ``now``, the time that ``facts`` were loaded for.

    Raises InvalidRule; Unresolved for segments it only refers to; facts.NotLoaded for events that were not loaded.
    """
    return schema.parse(rule).holds(facts, now)


def matches_properties(rule: Any, properties: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether an event with these properties passes the filter. Raises InvalidRule."""
    return schema.parse_properties(rule).holds(properties, now)
