"""How much one template may do, and the filters rewritten so that they stop before they do more."""

from collections.abc import Callable, Iterable
from functools import wraps
from itertools import chain
from typing import Any

from liquid.builtin.filters import array
from liquid.builtin.filters import math as arithmetic
from liquid.exceptions import FilterArgumentError
from liquid.filter import flatten, math_filter, sequence_filter, string_filter, with_environment
from markupsafe import Markup

MAX_SOURCE = 200_000  # characters a template may have
MAX_OUTPUT = 1_000_000  # characters one part may come to
MAX_TEXT = 1_000_000  # characters any value on the way may have
MAX_ITEMS = 10_000  # entries any list on the way may have
MAX_LOOPS = 20_000  # rounds of all loops of one part together
MAX_WORK = 10_000_000  # characters and entries that all filters of one part may produce together
MAX_NUMBER = 10**30
MAX_NESTING = 30  # tags inside tags
MAX_DATE = 100  # characters a date or its format may have


class TooMuch(Exception):
    """A template ran into a limit; says which, to its author."""


def few(count: int) -> int:
    """Return the count of entries. Raises TooMuch beyond the limit."""
    if count > MAX_ITEMS:
        raise TooMuch(f"This makes a list of more than {MAX_ITEMS:,} entries.")
    return count


def short(length: int) -> int:
    """Return the length of a text. Raises TooMuch beyond the limit."""
    if length > MAX_TEXT:
        raise TooMuch(f"This makes a text of more than {MAX_TEXT:,} characters.")
    return length


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def joined(items: Iterable[object], separator: str = "") -> str:
    """Join as text, stopping before the result would be too long."""
    texts: list[str] = []
    length = 0
    for item in items:
        texts.append(_text(item))
        length = short(length + len(texts[-1]) + len(separator))
    return separator.join(texts)


@with_environment
@sequence_filter
def join(left: Iterable[object], separator: object = " ", *, environment: Any) -> str | None:
    separator = _text(separator)
    if environment.autoescape and separator == " ":
        separator = Markup(" ")
    return joined((each for each in left if each is not None), separator) or None


@string_filter
def replace(value: str, old: object, new: object = "") -> str:
    old, new = _text(old), _text(new)
    short(len(value) + value.count(old) * (len(new) - len(old)))
    return value.replace(old, new)


@string_filter
def append(value: str, tail: object) -> str:
    tail = _text(tail)
    short(len(value) + len(tail))
    return value + tail


@string_filter
def prepend(value: str, head: object) -> str:
    head = _text(head)
    short(len(value) + len(head))
    return head + value


@string_filter
def split(value: str, separator: object = " ") -> list[str]:
    separator = _text(separator)
    if not separator:
        few(len(value))
        return list(value)
    if value == separator:
        return []
    few(value.count(separator))
    return value.split(None if separator == " " else separator)


def concat(left: object, right: object) -> list[object]:
    """Unlike other filters it takes a missing left side, as an empty list."""
    if not isinstance(right, (list, tuple, range)):
        raise FilterArgumentError("concat needs a list", token=None)
    first = flatten(left) if isinstance(left, (list, tuple, range)) else [] if left is None else [left]
    few(len(first) + len(right))
    return list(chain(first, right))


@sequence_filter
def uniq(items: list[Any], key: object = None) -> list[Any]:
    """Keep the first of equal entries, in time linear for all that can be hashed."""
    kept: dict[object, Any] = {}
    for item in items:
        value = item.get(key) if key is not None and isinstance(item, dict) else item
        kept.setdefault(value if value.__hash__ else repr(value), item)
    return list(kept.values())


@sequence_filter
def sort(items: list[Any], key: object = None) -> list[Any]:
    """Put entries in order, those without a value last: stock Liquid gives up on numbers of which one is missing."""

    def rank(item: Any) -> tuple[bool, Any]:
        value = array._getitem(item, str(key), None) if key and item is not None else item
        return value is None, value

    return sorted(items, key=rank)


@math_filter
def times(number: Any, other: Any) -> Any:
    return _number(number, "times", other)


@math_filter
def plus(number: Any, other: Any) -> Any:
    return _number(number, "plus", other)


@math_filter
def minus(number: Any, other: Any) -> Any:
    return _number(number, "minus", other)


def _number(number: Any, name: str, other: Any) -> Any:
    result = getattr(arithmetic, name)(number, other)
    if not -MAX_NUMBER < result < MAX_NUMBER:
        raise TooMuch("This makes a number that is too large.")
    return result


def passing_over_null(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that takes a list as if entries that are null were not in it."""

    @wraps(run)
    def applied(value: Any, *args: Any, **named: Any) -> Any:
        return run(
            [each for each in value if each is not None] if isinstance(value, list) else value, *args, **named
        )

    return applied


OF_LISTS = ("where", "reject", "find", "has", "map", "sum")
"""Filters that look into entries: stock Liquid gives up on the whole list for one that is null."""

CAPPED = {
    "join": join,
    "replace": replace,
    "append": append,
    "prepend": prepend,
    "split": split,
    "concat": concat,
    "uniq": uniq,
    "sort": sort,
    "times": times,
    "plus": plus,
    "minus": minus,
}
