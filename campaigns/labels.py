"""What people call the values that messages name: ``profile.first_name`` is “First name”."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from audiences.attributes import STANDARD
from audiences.models import AttributeDefinition, EventDefinition
from audiences.past import key
from campaigns.liquid.values import EACH, Key, parsed

_OF_PAST = {"first_at": "first time", "last_at": "last time", "count": "how often"}


def labels(paths: Iterable[str]) -> dict[str, str]:
    """Return what each path is called, in the words of its definition where people gave it some.

    Needs the tenant's scope open; two statements.
    """
    attributes = dict(AttributeDefinition.objects.exclude(label="").values_list("name", "label"))
    events: dict[str, str] = {}
    for event in EventDefinition.objects.order_by("id"):
        events.setdefault(key(event.name), str(event))
    return {path: _label(parsed(path), attributes, events) for path in paths}


def _label(keys: Sequence[Key], attributes: dict[str, str], events: dict[str, str]) -> str:
    root, rest = keys[0], keys[1:]
    if root == "profile" and rest[:1] == ["events"] and len(rest) > 1:
        name = str(rest[1])
        what = _OF_PAST.get(str(rest[2])) if rest[2:] else ""
        return _joined(events.get(key(name), _plain([name])), what or _plain(rest[2:]).lower())
    if root == "profile" and rest:
        return _attribute(rest, attributes)
    if root == "event" and rest:
        return f"{_plain(rest)} of the event"
    return _plain(keys)


def _attribute(keys: Sequence[Key], attributes: dict[str, str]) -> str:
    """The longest part of the path that has a name; what is inside comes behind."""
    for length in range(len(keys), 0, -1):
        name = ".".join(map(str, keys[:length]))
        own = attributes.get(name) or (STANDARD[name].label if name in STANDARD else "")
        if own:
            return _joined(own, _plain(keys[length:]).lower())
    return _plain(keys)


def _joined(what: str, of_it: str) -> str:
    return f"{what}: {of_it}" if of_it else what


def _plain(keys: Sequence[Key]) -> str:
    """The keys as words: ``cart.items[*].unit_price`` -> Cart items, each: unit price."""
    said = " ".join("each:" if each == EACH else str(each).replace("_", " ") for each in keys)
    said = said.replace(" each:", ", each:").removesuffix(":")
    return said[:1].upper() + said[1:]
