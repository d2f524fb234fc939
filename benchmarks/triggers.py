"""Triggers: audiences.ingest.store while fifty campaigns listen, beside the same calls while none does."""

from __future__ import annotations

import json
import os
import random

from django.db import connection
from django_scopes import scope

from benchmarks import data, ingest, listeners
from benchmarks.data import World
from benchmarks.harness import Bound, Options, Result, interleave
from benchmarks.processor import Meter
from campaigns.models import Campaign


def run(world: World, options: Options) -> list[Result]:
    chance = random.Random(options.seed + 3)
    meters = {"listening": Meter(lambda: [os.getpid()]), "none listening": Meter(lambda: [os.getpid()])}
    rounds = [ingest.Round(world, options, number, chance) for number in range(-1, options.rounds)]
    with scope(tenant=world.tenant):
        listeners.launch(world)
        rates = interleave(
            options.rounds,
            lambda number: _heard(rounds[number + 1], meters["listening"]),
            lambda number: _unheard(rounds[number + 1], meters["none listening"]),
        )
        listeners.set_state(Campaign.State.STOPPED)
    _clear()
    notes = {
        "CPU microseconds an event": {name: meter.microseconds() for name, meter in meters.items()},
        "messages set off, of all events": sum(map(_owed, rounds)) / (len(rounds) * options.ingested),
        "batch": ingest.BATCH,
        "events a round": options.ingested,
    }
    name = f"ingest.store, {listeners.COUNT} triggers"
    return [Result(name, "events/s", Bound(">=", 0.8), *rates, beside="none listening", notes=notes)]


def _heard(each: ingest.Round, meter: Meter) -> float:
    return _stored(each, meter, Campaign.State.LIVE, owed=_owed(each))


def _unheard(each: ingest.Round, meter: Meter) -> float:
    return _stored(each, meter, Campaign.State.DRAFT, owed=0)


def _stored(each: ingest.Round, meter: Meter, state: Campaign.State, *, owed: int) -> float:
    """Return the events a second while the campaigns are in a state; so many messages are owed by them."""
    listeners.set_state(state)
    before = data.count("delivery_delivery")
    rate = each.store(meter)
    assert data.count("delivery_delivery") == before + owed
    return rate


def _owed(each: ingest.Round) -> int:
    return listeners.set_off((name, json.loads(values)) for _, name, _, values in each.drawn())


def _clear() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_delivery")
