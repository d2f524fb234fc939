"""Ingest: Segment's calls through audiences.ingest.store_each, beside a bare COPY of the rows that they become."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import connection
from django_scopes import scope

from audiences import ingest
from benchmarks import data
from benchmarks.data import World
from benchmarks.harness import Bound, Options, Result, interleave
from benchmarks.processor import Meter
from tenants import clock

BATCH = 1_000
LIMIT = "limit_event"  # a table like the events', with as many rows, partitions and indexes

PARTITIONS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'audiences_event'::regclass
"""


def run(world: World, options: Options) -> list[Result]:
    _make_limit()
    chance = random.Random(options.seed + 1)
    meter = Meter(lambda: [os.getpid()])
    rounds = [Round(world, options, number, chance) for number in range(-1, options.rounds)]
    ours, limit = interleave(
        options.rounds,
        lambda number: rounds[number + 1].store(meter),
        lambda number: rounds[number + 1].copy(),
    )
    notes = {
        "CPU microseconds an event": meter.microseconds(),
        "batch": BATCH,
        "events a round": options.ingested,
        "rows before": world.events,
    }
    return [
        Result(
            "ingest.store_each, 1,000 a batch",
            "events/s",
            Bound(">=", 0.3),
            ours,
            limit,
            "bare COPY",
            notes=notes,
        )
    ]


class Round:
    """The events of one round, as calls and as rows, prepared before the clock starts."""

    def __init__(self, world: World, options: Options, number: int, chance: random.Random) -> None:
        self._world = world
        self._size = options.ingested
        self._first_id = world.events + 1 + (number + 1) * options.ingested
        self._seed = chance.random()

    def drawn(self) -> Iterator[tuple[int, str, datetime, str]]:
        """Yield who did what when, with its properties; the same each time."""
        chance, end = random.Random(self._seed), datetime.now(UTC)
        for name in chance.choices(data.NAMES, data.WEIGHTS, k=self._size):
            at = end - timedelta(seconds=3600 * chance.random())
            yield data.somebody(self._world.people, chance), name, at, data.properties(chance)

    def store(self, meter: Meter) -> float:
        """Return the events a second, from their JSON to the last commit, each batch in a transaction of its own."""
        calls = [call(*drawn) for drawn in self.drawn()]
        before = data.count("audiences_event")
        now = clock.now(self._world.tenant)
        batches = (ingest.Parcel(calls[place : place + BATCH], now) for place in range(0, len(calls), BATCH))
        meter.start()
        started = time.perf_counter()
        with scope(tenant=self._world.tenant):
            for _ in ingest.store_each(batches, tenant=self._world.tenant, origin=ingest.Origin.SERVER):
                pass
        taken = time.perf_counter() - started
        meter.stop(self._size)
        assert data.count("audiences_event") == before + self._size
        return self._size / taken

    def copy(self) -> float:
        lines = [
            data.event_line(self._first_id + place, self._world, who, name, at, at, values)
            for place, (who, name, at, values) in enumerate(self.drawn())
        ]
        ready = "".join(lines)
        before = data.count(LIMIT)
        started = time.perf_counter()
        data.copy(LIMIT, data.EVENT, [ready])
        taken = time.perf_counter() - started
        assert data.count(LIMIT) == before + self._size
        return self._size / taken


def call(who: int, name: str, at: datetime, values: str) -> bytes:
    """Return a call of Segment's spec as a client sends it."""
    return (
        f'{{"type":"track","messageId":"{uuid.uuid4()}","userId":"u{who}","event":"{name}",'
        f'"timestamp":"{at.isoformat()}","properties":{values}}}'
    ).encode()


def _make_limit() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {LIMIT} (LIKE audiences_event INCLUDING ALL) PARTITION BY RANGE (occurred_at)"
        )
        cursor.execute(PARTITIONS)
        for name, bounds in cursor.fetchall():
            partition = name.replace("audiences_event", LIMIT)
            cursor.execute(f"CREATE TABLE {partition} PARTITION OF {LIMIT} {bounds}")
        cursor.execute(f"INSERT INTO {LIMIT} SELECT * FROM audiences_event ORDER BY id")
    data.vacuum(LIMIT)
