"""What filters on an event say about each other by themselves: all of one's events are another's, or it has none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from audiences.rules import operators, values
from audiences.rules.kinds.property import Property
from audiences.rules.tree import Node

_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)  # what looks at the clock is never asked with it

Bound = tuple[int | Decimal, int]  # a number, and -1 or 1 where it begins just before or after it


class Span(NamedTuple):
    """The numbers from one bound to another; as bounds compare, an empty one begins after its end."""

    low: Bound
    high: Bound


_BELOW_ALL, _ABOVE_ALL = (Decimal("-Infinity"), 0), (Decimal("Infinity"), 0)


def covers(wide: Node | None, narrow: Node | None) -> bool:
    """Whether every event that passes ``narrow`` passes ``wide``. None lets in all; where it is not plain, it is no."""
    asked = list(narrow.conjuncts()) if narrow else []
    return wide is None or all(_follows(one, asked) for one in wide.conjuncts())


def contradiction(where: Node | None) -> str:
    """Return a property of which two filters can never hold together, by its name; empty if there is none."""
    asked = list(where.conjuncts()) if where else []
    for one in _plain(asked):
        same = _about(one.name, asked)
        span = _together(same)
        if (span and span.low > span.high) or any(_excludes(one, other) for other in same):
            return one.name
    return ""


def _follows(one: Node, asked: list[Node]) -> bool:
    if one in asked:
        return True
    if not isinstance(one, Property):
        return False
    same = _about(one.name, asked)
    if one.operator == "exists":
        return any(other.operator != "is_missing" for other in same)
    wide, narrow = _span(one), _together(same)
    if wide and narrow:
        return wide.low <= narrow.low and narrow.high <= wide.high
    return any(other.operator == "is" and _holds(one, other.value) for other in same)


def _excludes(one: Property, other: Property) -> bool:
    """Whether the one value that ``one`` lets in is none for ``other``."""
    return one.operator == "is" and _looks_at_values(other) and not _holds(other, one.value)


def _about(name: str, asked: Iterable[Node]) -> list[Property]:
    return [one for one in _plain(asked) if one.name == name]


def _plain(asked: Iterable[Node]) -> list[Property]:
    return [one for one in asked if isinstance(one, Property) and not one.or_missing]


def _holds(one: Property, value: Any) -> bool:
    for key in reversed(one.name.split(".")):
        value = {key: value}
    return _looks_at_values(one) and one.holds(value, _ANY_TIME)


def _looks_at_values(one: Property) -> bool:
    return operators.find(one.operator, one.value).sees != "time"


def _together(same: Iterable[Property]) -> Span | None:
    """The numbers that all of them let in; None where none speaks of numbers."""
    spans = [span for one in same if (span := _span(one))]
    return Span(max(span.low for span in spans), min(span.high for span in spans)) if spans else None


def _span(one: Property) -> Span | None:
    bounds = one.value if one.operator == "between" else [one.value]
    if not isinstance(bounds, list) or not all(values.is_number(bound) for bound in bounds):
        return None
    low, high = values.exact(bounds[0]), values.exact(bounds[-1])
    match one.operator:
        case "greater":
            return Span((low, 1), _ABOVE_ALL)
        case "at_least":
            return Span((low, 0), _ABOVE_ALL)
        case "less":
            return Span(_BELOW_ALL, (high, -1))
        case "at_most":
            return Span(_BELOW_ALL, (high, 0))
        case "between" | "is":
            return Span((low, 0), (high, 0))
    return None
