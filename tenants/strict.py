"""JSON values that everything behind the edge can hold: the database, the rules, the templates."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_DEPTH = 10  # an object in an object in ...; the outermost counts as 1
MAX_KEYS = 500  # of all objects in one call's properties or traits
MAX_ITEMS = 2_000  # of all arrays
MAX_NAME = 255  # of a key, an id or an event
INT64 = range(-(2**63), 2**63)


class Refused(Exception):
    """A value cannot be stored; ``path`` says where it stands."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path, self.reason = path, reason


class Limits(NamedTuple):
    """How deep values may be nested, and how many keys all objects and items all arrays in them may have."""

    depth: int
    keys: int
    items: int


OF_A_CALL = Limits(MAX_DEPTH, MAX_KEYS, MAX_ITEMS)


def check(values: Any, path: str, limits: Limits = OF_A_CALL) -> None:
    """Raise Refused if decoded ``values`` are too deep or too many, or hold what cannot be stored.

    Broken JSON, NaN, infinities and lone surrogates never get here: the decoder refuses them.
    """
    _Walk(limits).visit(values, path, 1)


def number(told: str | None) -> int | None:
    """Return the whole number that an address or a file tells; None where it tells none, or more than 18 digits."""
    return int(told) if told and told.isdecimal() and len(told) < 19 else None


def text(value: str, path: str) -> str:
    """Return a name or id as it is stored, or raise Refused."""
    if "\x00" in value:
        raise Refused(path, "holds the character NUL")
    if len(value) > MAX_NAME:
        raise Refused(path, f"is longer than {MAX_NAME} characters")
    return value


class _Walk:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.keys = self.items = 0

    def visit(self, value: Any, path: str, depth: int) -> None:
        if isinstance(value, str):
            if "\x00" in value:
                raise Refused(path, "holds the character NUL")
        elif isinstance(value, dict | list):
            self._enter(value, path, depth)
            for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
                place = f"{path}[{step}]" if isinstance(step, int) else f"{path}.{step}".lstrip(".")
                self.visit(inner, place, depth + 1)
        elif isinstance(value, int) and value not in INT64:
            raise Refused(path, "is a whole number of more than 64 bits; send it as text")

    def _enter(self, value: dict[str, Any] | list[Any], path: str, depth: int) -> None:
        if depth > self.limits.depth:
            raise Refused(path, f"is nested more than {self.limits.depth} deep")
        if isinstance(value, list):
            self.items += len(value)
        else:
            self.keys += len(value)
            for key in value:
                text(key, f"{path}.{key[:40]}".lstrip(".").replace("\x00", "\\u0000"))
        if self.keys > self.limits.keys or self.items > self.limits.items:
            raise Refused(path, f"holds more than {self.limits.keys} keys or {self.limits.items} items")
