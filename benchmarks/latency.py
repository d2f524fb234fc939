"""Latency: from an event that was answered to its message in the mail server's hands, beside a task a person."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from django_scopes import scope

from benchmarks import data, ingest, listeners, mails, programs, sinks, web
from benchmarks.data import World
from benchmarks.harness import Bound, Options, Result, interleave
from benchmarks.processor import Meter
from campaigns.models import Campaign

LEAD_SECONDS = 0.5  # to start the clients
ALL_CAME_WITHIN_SECONDS = 120  # after the last event
CONNECTIONS = 16  # of each client process: one that waits holds up no other
DEAR, CHEAP = 98.95, 9.95  # enough for every listener, and for none

_forked = multiprocessing.get_context("fork")

Event = tuple[str, bytes]  # the address it sets a message off to, if it does, and the body of its request


@dataclass
class Side:
    """An address under load, and the milliseconds of each round but the warm-up."""

    server: int  # its process
    port: int
    path: str
    cluster: int = 0  # the process whose workers send
    medians: list[float] = field(default_factory=list)
    latest: list[float] = field(default_factory=list)  # 19 of 20 were no later
    answers: list[float] = field(default_factory=list)  # the median request
    rates: list[float] = field(default_factory=list)  # events a second that were really answered

    def __post_init__(self) -> None:
        self.meter = Meter(lambda: [self.server, self.cluster])


def run(world: World, options: Options) -> list[Result]:
    chance = random.Random(options.seed + 5)
    events = {number: _events(world, options, chance) for number in range(-1, options.rounds)}
    with ExitStack() as stack:
        journal = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "journal"
        sink = stack.enter_context(sinks.noting(journal))
        with scope(tenant=world.tenant):
            mails.carry(world, sink)
            listeners.launch(world)
        ours = Side(*stack.enter_context(web.served("config.wsgi:application")), "/v1/track")
        theirs = Side(*stack.enter_context(web.served("benchmarks.peers.wsgi:application")), "/sending")
        polling = {"PEERS_POLL": str(options.poll)}
        for side, command, environment in (
            (ours, [sys.executable, "manage.py", "cluster"], {}),
            (theirs, [sys.executable, "-m", "django", "qcluster"], mails.peers_environment(sink) | polling),
        ):
            side.cluster = stack.enter_context(programs.running(command, environment=environment)).pid
        interleave(
            options.rounds,
            lambda number: _measured(ours, world, options, events[number], journal, number),
            lambda number: _measured(theirs, world, options, events[number], journal, number),
        )
    with scope(tenant=world.tenant):
        listeners.set_state(Campaign.State.STOPPED)
    notes = {
        "events a second": options.rate,
        "share that sets a message off": options.share,
        "triggers": listeners.COUNT,
        "seconds between the peer's looks at its empty queue": options.poll,
        "CPU microseconds an event": {
            "ours": ours.meter.microseconds(),
            "peer": theirs.meter.microseconds(),
        },
        "median milliseconds a request": {"ours": ours.answers, "peer": theirs.answers},
        "95 % of the peer's": theirs.latest,
        "events a second that the peer answered": theirs.rates,
    }
    name = f"event to mail, {options.rate} a second"
    return [
        Result(f"{name}: answered", "events/s", Bound(">=", 0.95 * options.rate), ours.rates, notes=notes),
        Result(f"{name}: median", "ms", Bound("<=", 50), ours.medians),
        Result(f"{name}: 95 %", "ms", Bound("<=", 500), ours.latest),
        Result(
            f"{name}: median", "ms", Bound("<=", 0.2), ours.medians, theirs.medians, "django-q2, a task each"
        ),
    ]


def _events(world: World, options: Options, chance: random.Random) -> list[Event]:
    """Return events of which a share sets off one message each, spread evenly; no two of the same person."""
    people = chance.sample(range(1, world.people + 1), options.rate * options.seconds)
    waited_for = chance.choices(listeners.WAITED_FOR, k=len(people))
    drawn = enumerate(zip(people, waited_for, strict=True))
    return [_event(who, *what, _is_dear(place, options.share), chance) for place, (who, what) in drawn]


def _is_dear(place: int, share: float) -> bool:
    return int((place + 1) * share) > int(place * share)


def _event(who: int, name: str, category: str, is_dear: bool, chance: random.Random) -> Event:
    properties = json.loads(data.properties(chance))
    properties |= {"category": category, "price": DEAR if is_dear else CHEAP}
    address = f"p{who}@people.test" if is_dear else ""
    return address, ingest.call(who, name, datetime.now(UTC), json.dumps(properties))


def _measured(
    side: Side, world: World, options: Options, events: Sequence[Event], journal: Path, number: int
) -> float:
    """Send the events at their pace, wait for every mail, and return the median of the milliseconds between."""
    side.meter.start()
    began = time.monotonic()
    answered, waits, took = _sent(side, world, options, events)
    came = _came(journal, len(answered), since=began)
    side.meter.stop(len(events))
    assert answered.keys() == came.keys()
    late = sorted(1_000 * (came[who] - answered[who]) for who in came)
    if number >= 0:
        side.rates.append(len(events) / took)
        side.medians.append(median(late))
        side.latest.append(quantiles(late, n=20)[-1])
        side.answers.append(1_000 * median(waits))
    return median(late)


def _sent(
    side: Side, world: World, options: Options, events: Sequence[Event]
) -> tuple[dict[str, float], list[float], float]:
    """Send each event in a request of its own, at its time, or as soon after it as a connection is free.

    Return when those that set something off were answered, by address, how long every request took, and how long all.
    """
    started = time.monotonic() + LEAD_SECONDS
    timed = [(started + place / options.rate, *event) for place, event in enumerate(events)]
    said: Any = _forked.Queue()
    shares = [timed[place :: options.clients] for place in range(options.clients)]
    clients = [_forked.Process(target=_client, args=(side, world.write_key, share, said)) for share in shares]
    for client in clients:
        client.start()
    answered: dict[str, float] = {}
    waits: list[float] = []
    ends: list[float] = []
    for _ in clients:
        of_client, its_waits, its_end = said.get(timeout=options.seconds + 60)
        answered |= of_client
        waits += its_waits
        ends.append(its_end)
    for client in clients:
        client.join()
    assert len(waits) == len(events)
    return answered, waits, max(ends) - started


def _client(side: Side, key: str, timed: Sequence[tuple[float, str, bytes]], said: Any) -> None:
    answered: dict[str, float] = {}
    waits: list[float] = []
    shares = [timed[place::CONNECTIONS] for place in range(CONNECTIONS)]
    threads = [
        threading.Thread(target=web.send, args=(side.port, side.path, key, _paced(share, answered), waits))
        for share in shares
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said.put((answered, waits, time.monotonic()))
    said.close()
    said.join_thread()
    os._exit(0)  # the parent's connection to the database is not ours to close


def _paced(timed: Sequence[tuple[float, str, bytes]], answered: dict[str, float]) -> Iterator[bytes]:
    """Yield each body at its time. Whoever asks for the next one has the answer to the one before."""
    for at, address, body in timed:
        time.sleep(max(0.0, at - time.monotonic()))
        yield body
        if address:
            answered[address] = time.monotonic()


def _came(journal: Path, wanted: int, *, since: float) -> dict[str, float]:
    """Return when each mail was taken, once all are there: one each."""
    deadline = time.monotonic() + ALL_CAME_WITHIN_SECONDS
    while len(came := sinks.came(journal, since=since)) < wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(came) == wanted == len(dict(came)), f"{len(came)} of {wanted} mails came"
    return dict(came)
