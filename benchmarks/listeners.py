"""Fifty live campaigns, each waiting for an event of some name with a filter on two of its properties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from benchmarks import campaigns, data
from benchmarks.data import World
from campaigns.models import Campaign, Version

COUNT = 50
LEAST_PRICE = 94.95  # one record of 18 costs so much
WAITED_FOR = tuple(
    (
        data.NAMES[number % len(data.NAMES)],
        data.GENRES[(number + number // len(data.NAMES)) % len(data.GENRES)],
    )
    for number in range(COUNT)
)  # names and categories: every name of the stream two or three times, each time with another category


def launch(world: World) -> None:
    """Launch them: everybody may be meant, at once and again and again. Needs the tenant's scope."""
    for number, (name, category) in enumerate(WAITED_FOR):
        campaigns.launched(
            world,
            name=f"Waiting {number}",
            rule={"all": []},
            when=Version.When.EVENT,
            trigger={"on": "event", "name": name, "where": [_is(category), _costs_at_least(LEAST_PRICE)]},
            again=Version.Again.ALWAYS,
            starts_at=world.loaded_at - timedelta(days=1),
        )


def _is(category: str) -> dict[str, Any]:
    return {"on": "property", "name": "category", "operator": "is", "value": category}


def _costs_at_least(price: float) -> dict[str, Any]:
    return {"on": "property", "name": "price", "operator": "at_least", "value": price}


def set_off(happened: Iterable[tuple[str, dict[str, Any]]]) -> int:
    """Return how many messages come of events, given by name and properties."""
    counted = Counter((name, each["category"]) for name, each in happened if each["price"] >= LEAST_PRICE)
    return sum(counted[waited_for] for waited_for in WAITED_FOR)


def set_state(state: Campaign.State) -> None:
    """Put them all in a state. Needs the tenant's scope."""
    Campaign.objects.filter(name__startswith="Waiting ").update(state=state)
