"""Which past events words read, so that only those are loaded: ``profile.events.order_completed.last.total``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from audiences.models import EventDefinition
from audiences.past import PARTS, key
from campaigns.liquid.values import parsed

_START = ["profile", "events"]

Past = dict[str, frozenset[str]]
"""By an event's key: which of ``PARTS`` are read."""


def asked(paths: Iterable[str]) -> Past:
    """Return what of which past events some paths read. An event without a part is all of it."""
    found: Past = {}
    for _, keys in _events(paths):
        if keys:
            parts = PARTS.keys() & keys[1:2] if keys[1:] else PARTS
            found[keys[0]] = found.get(keys[0], frozenset()) | frozenset(parts)
    return found


def joined(*pasts: Past) -> Past:
    return {
        name: frozenset().union(*(past.get(name, ()) for past in pasts)) for past in pasts for name in past
    }


def problems(paths: Iterable[str]) -> Iterator[str]:
    """Say what of the paths leads to no past event, whoever they are filled for."""
    for path, keys in _events(paths):
        if not keys:
            yield "profile.events has every event by its name: write profile.events.order_completed.count, for example."
        elif keys[1:] and keys[1] not in PARTS:
            yield f"{path} has no value: a past event has {', '.join(PARTS)}."


def notes(paths: Iterable[str]) -> list[str]:
    """Say which events nobody has done yet, and which keys stand for more than one."""
    read = asked(paths)
    if not read:
        return []
    known: dict[str, list[str]] = {}
    for name in EventDefinition.objects.order_by("id").values_list("name", flat=True):
        known.setdefault(key(name), []).append(name)
    return [said for each in read if (said := _note(each, known))]


def _note(read: str, known: dict[str, list[str]]) -> str:
    called = known.get(read, [])
    if not called and not any(read in names for names in known.values()):
        near = get_close_matches(read, known, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        return f"No event {read} has come in yet.{meant}"
    if len(called) > 1:
        names = " and ".join(f"“{name}”" for name in called)
        return f'profile.events.{read} stands for {names} together: profile.events["{called[0]}"] is one of them alone.'
    return ""


def _events(paths: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    for path in paths:
        if path.startswith("profile.events") and (keys := parsed(path))[:2] == _START:
            yield path, [str(each) for each in keys[2:]]
