"""What a JSON value is to a rule: missing or there, and equal to another or not. Strict about types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

Scalar = str | int | float | Decimal | bool


def at(document: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return the value at ``path`` inside nested objects, None if it is missing. Arrays have no paths inside."""
    value: Any = document
    for key in path:
        if type(value) is not dict and not isinstance(value, Mapping):  # the second takes ten times as long
            return None
        value = value.get(key)
    return value


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def exact(value: int | float | Decimal) -> int | Decimal:
    """Return the number that its JSON text says, as PostgreSQL's numeric holds it: 0.1 is a tenth."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def equal(one: Any, other: Scalar) -> bool:
    """Whether both are the same text, the same number or the same truth; values of two types never are."""
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and isinstance(other, str) and one == other
    if isinstance(one, bool) or isinstance(other, bool):
        return isinstance(one, bool) and isinstance(other, bool) and one == other
    return is_number(one) and exact(one) == exact(other)
