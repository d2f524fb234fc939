"""What counts as having a value, and how a path finds one: the same for templates, needs and previews."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

Key = str | int

ROOTS = frozenset({"profile", "event", "source", "campaign", "brand", "unsubscribe_url", "now", "today"})
"""Every name that data is given to a template under."""

ALWAYS_PRESENT = frozenset({"campaign", "brand", "unsubscribe_url", "now", "today"})
"""Those of them that everybody has: never a need."""

EACH = "[*]"
"""Stands in a path for every entry of a list, if it has any."""

_COUNTED = ("profile", "events", "count")

_WORD = re.compile(r"[^\W\d][\w-]*\??\Z")
_STEP = re.compile(
    r"""\.?(?P<word>\w[\w-]*\??)|\[(?P<index>-?\d+)\]|(?P<each>\[\*\])|\["(?P<name>[^"]*)"\]"""
)


class Absent(Exception):
    """A path leads nowhere."""


def is_missing(value: object) -> bool:
    """Absent, null and white space are no value: all three print as a hole."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def is_hole(value: object) -> bool:
    """Missing, or a list or object with nothing in it: printing it shows nothing."""
    if isinstance(value, str):
        return not value or value.isspace()
    if isinstance(value, (list, tuple)):
        return all(map(is_missing, value))
    return value is None or (isinstance(value, (dict, range)) and not value)


def entries(value: Any) -> list[Any]:
    """Return what a loop over a value goes over. A text is one entry, an object its pairs, a missing value nothing."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, (range, tuple)):
        return list(value)
    return [value] if isinstance(value, str) and value else []


def step(value: Any, key: Any) -> Any:
    """Return what ``key`` names inside ``value``, as Liquid does it: ``size``, ``first`` and ``last`` too.

    Raises Absent. Plain data only: nothing reaches an object's attributes.
    """
    try:
        if isinstance(value, (list, tuple, range, str)):
            return _in_sequence(value, key)
        return value[key]
    except (KeyError, IndexError, TypeError):
        pass
    if isinstance(value, dict):
        if key == "size":
            return len(value)
        if key == "first" and value:
            return list(next(iter(value.items())))
    raise Absent


def _in_sequence(value: Sequence[Any], key: Any) -> Any:
    if key == "size":
        return len(value)
    if isinstance(value, str):
        raise Absent
    if key == "first":
        return value[0]
    if key == "last":
        return value[-1]
    return value[key]


def is_count(keys: Sequence[Any]) -> bool:
    """Whether a path is how often a past event happened: 0 for those who never did it, so that nobody lacks it."""
    return len(keys) == 4 and (*keys[:2], keys[3]) == _COUNTED


def resolve(keys: Sequence[Key], data: Any) -> Any:
    """Follow a path through data. Returns None where it leads nowhere."""
    try:
        for key in keys:
            data = step(data, key)
    except Absent:
        return None
    return data


def written(keys: Sequence[Any]) -> str:
    """Return a path as a template would write it."""
    text = str(keys[0])
    for key in keys[1:]:
        if key == EACH:
            text += EACH
        elif isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f".{key}" if _WORD.match(key) else f'["{key}"]'
    return text


def parsed(path: str) -> list[Key]:
    """Return the keys of a written path. Raises ValueError if it is none."""
    keys: list[Key] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(f"{path!r} is not a path")
        word, index, name, each = match.group("word", "index", "name", "each")
        keys.append(int(index) if index is not None else word if word is not None else each or name)
        at = match.end()
    return keys


def unmet(needs: list[str], data: dict[str, Any]) -> list[str]:
    """Return those of the needs that a person's data does not meet. An empty list or object does not meet one."""
    return [need for need in needs if not _meets(_keys(need), data)]


def _meets(keys: tuple[Key, ...], data: Any) -> bool:
    if EACH not in keys:
        return not is_hole(resolve(keys, data))
    at = keys.index(EACH)
    found = resolve(keys[:at], data)
    return is_missing(found) or all(_meets(keys[at + 1 :], entry) for entry in entries(found))


@lru_cache(maxsize=4096)  # the same few needs are asked of every person
def _keys(path: str) -> tuple[Key, ...]:
    return tuple(parsed(path))
