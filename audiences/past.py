"""How templates name what people did before: ``profile.events.order_completed`` are their “Order Completed”."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from tenants import binary

PARTS = {"count": "totals", "first_at": "totals", "last_at": "totals", "first": "firsts", "last": "lasts"}
"""What an event has for templates, by which of the facts it comes from."""

Asked = Mapping[str, Collection[str]]
"""By key: which of ``PARTS`` are read."""

_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[\W_]+")

NAMES = "SELECT name FROM audiences_eventdefinition WHERE tenant_id = %s ORDER BY id"


def key(name: str) -> str:
    """Return an event's name in snake case: “Order Completed” and “orderCompleted” are order_completed."""
    return _NO_WORD.sub("_", _EDGE.sub("_", name)).strip("_").lower() or name


def names(keys: Collection[str], *, tenant_id: int) -> dict[str, tuple[str, ...]]:
    """Return the names of the events that each key stands for.

    All that are the same in snake case are one, and a key is an exact name as well: of two such events
    ``["Order Completed"]`` is one and ``order_completed`` both.
    """
    found: dict[str, list[str]] = {each: [each] for each in keys}
    if found:
        for (name,) in binary.run(NAMES, [tenant_id]):
            if (its := key(name)) in found and name != its:
                found[its].append(name)
    return {each: tuple(called) for each, called in found.items()}
