"""HTTP: /v1/batch with 100 events a request, beside REST framework and bulk_create on the same server."""

from __future__ import annotations

import base64
import http.client
import multiprocessing
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from statistics import quantiles
from typing import Any

from django.db import connection

from benchmarks import data, ingest, programs
from benchmarks.data import World
from benchmarks.harness import Bound, Options, Result, interleave
from benchmarks.processor import Meter
from config import house

CALLS = 100  # a request
CONNECTIONS = 4  # of each client process
HISTORY = (
    """INSERT INTO peer_event (message_id, tenant_id, user_id, name, occurred_at, received_at, properties)
       SELECT 'before ' || id, tenant_id, 'u' || profile_id, name, occurred_at, received_at, properties
       FROM audiences_event""",
    """INSERT INTO peer_person (tenant_id, user_id, attributes, last_seen_at)
       SELECT tenant_id, 'u' || id, attributes, last_seen_at FROM audiences_profile""",
)

_forked = multiprocessing.get_context("fork")


@dataclass
class Side:
    """An address under load, and the table that must grow by what it answered."""

    server: int  # its process
    port: int
    path: str
    table: str
    waits: list[float] = field(default_factory=list)  # of single requests, in seconds

    def __post_init__(self) -> None:
        self.meter = Meter(lambda: [self.server])


def run(world: World, options: Options) -> list[Result]:
    _give_history()
    chance = random.Random(options.seed + 2)
    with ExitStack() as stack:
        ours = stack.enter_context(served("config.wsgi:application"))
        theirs = stack.enter_context(served("benchmarks.peers.wsgi:application"))
        return [
            _measure(
                world, options, chance, ours, Side(*theirs, "/alone", "peer_event"), "DRF, events alone"
            ),
            _measure(world, options, chance, ours, Side(*theirs, "/people", "peer_event"), "DRF, people too"),
        ]


def _measure(
    world: World,
    options: Options,
    chance: random.Random,
    server: tuple[int, int],
    peer: Side,
    beside: str,
) -> Result:
    ours = Side(*server, "/v1/batch", "audiences_event")
    numbers = range(-1, options.rounds)
    bodies = {number: [body(world.people, chance) for _ in range(options.requests)] for number in numbers}
    rates = interleave(
        options.rounds,
        lambda number: _loaded(ours, world, options, bodies[number]),
        lambda number: _loaded(peer, world, options, bodies[number]),
    )
    notes = {
        "CPU microseconds an event": {
            "ours": ours.meter.microseconds(),
            "peer": peer.meter.microseconds(),
        },
        "milliseconds a request, median and 99 %": {"ours": _waits(ours), "peer": _waits(peer)},
        "requests a round": options.requests,
        "connections": options.clients * CONNECTIONS,
    }
    name = f"POST /v1/batch, {CALLS} a request"
    return Result(name, "events/s", Bound(">=", 2), *rates, beside=beside, notes=notes)


def _give_history() -> None:
    with connection.cursor() as cursor:
        for statement in HISTORY:
            cursor.execute(statement)
    data.vacuum("peer_event", "peer_person")


def body(people: int, chance: random.Random) -> bytes:
    """Return a batch of calls of the last hour, by some of so many people."""
    now = datetime.now(UTC)
    calls = [
        ingest.call(
            data.somebody(people, chance),
            name,
            now - timedelta(seconds=3600 * chance.random()),
            data.properties(chance),
        )
        for name in chance.choices(data.NAMES, data.WEIGHTS, k=CALLS)
    ]
    return b'{"batch":[' + b",".join(calls) + b"]}"


@contextmanager
def served(application: str) -> Iterator[tuple[int, int]]:
    """Serve an application as ``manage.py up`` serves ours; yield the process and its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [*house._web(house.House(port=port, web_workers=2))[:-1], application]
    environment = {
        "PYTHONWARNINGS": "ignore::UserWarning",  # about static files, of which none are served here
        "TACT_TRACK_PACE": str(10**9),
    }
    with programs.running(command, environment=environment) as process:
        _wait_for(port, process)
        yield process.pid, port


def _wait_for(port: int, process: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("The web server did not come up; what it said is above.")


def _loaded(side: Side, world: World, options: Options, bodies: list[bytes]) -> float:
    """Send every body once over all connections; return the events a second that were answered and are there."""
    before = data.count(side.table)
    start = _forked.Barrier(options.clients + 1)
    answers: Any = _forked.Queue()
    shares = [bodies[place :: options.clients] for place in range(options.clients)]
    clients = [
        _forked.Process(target=_client, args=(side, world.write_key, share, start, answers))
        for share in shares
    ]
    for client in clients:
        client.start()
    start.wait(60)
    side.meter.start()
    started = time.perf_counter()
    waits = [wait for _ in clients for wait in answers.get(timeout=600)]
    taken = time.perf_counter() - started
    side.meter.stop(len(bodies) * CALLS)
    for client in clients:
        client.join()
    sent = len(bodies) * CALLS
    assert len(waits) == len(bodies)
    assert data.count(side.table) == before + sent
    side.waits += waits
    return sent / taken


def _client(side: Side, key: str, bodies: list[bytes], start: Barrier, answers: Any) -> None:
    waits: list[float] = []
    threads = [
        threading.Thread(target=send, args=(side.port, side.path, key, bodies[place::CONNECTIONS], waits))
        for place in range(CONNECTIONS)
    ]
    start.wait(60)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put(waits)
    answers.close()
    answers.join_thread()
    os._exit(0)  # the parent's connection to the database is not ours to close


def send(port: int, path: str, key: str, bodies: Iterable[bytes], waits: list[float]) -> None:
    """Send bodies over one connection; add each answer's wait in seconds. Raises RuntimeError at one that is no 200."""
    login = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in bodies:
        started = time.perf_counter()
        link.request("POST", path, body, headers)
        answer = link.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {said[:500]!r}")
        waits.append(time.perf_counter() - started)
    link.close()


def _waits(side: Side) -> list[float]:
    hundredths = quantiles(side.waits, n=100)
    return [round(1_000 * hundredths[place], 1) for place in (49, 98)]
