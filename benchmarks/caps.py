"""Caps: who has room, asked and taken, beside a statement that counts afresh; all at once, and in a decision's chunks.

Both sides have the same transactions: one, or one for each chunk, none of which waits for the disk.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django_scopes import scope

from audiences import partitions
from benchmarks import data
from benchmarks.data import World
from benchmarks.harness import Bound, Options, Result, interleave
from benchmarks.processor import Meter
from campaigns.models import Campaign
from delivery import cap_editing, caps
from delivery.caps import Asking
from delivery.claim import CHUNK, Due
from delivery.models import FrequencyCap
from tenants import binary

LIMIT, DAYS = 3, 7
HISTORY_DAYS = 30
DELIVERY = (
    "tenant_id campaign_id profile_id occasion occasion_at slot channel priority state due_at reserved_at sent_at"
    " settled_at exposed_at attempts lease_token arm reason address provider_id reply"
)

DUE = """
INSERT INTO delivery_delivery
    (tenant_id, campaign_id, profile_id, occasion, occasion_at, slot, channel, priority, due_at)
SELECT tenant_id, %s, id, 'once', %s, 'first', 'email', 3, %s FROM audiences_profile
WHERE tenant_id = %s ORDER BY hashint8extended(id, 0) LIMIT %s
RETURNING id, occasion_at, profile_id
"""

# What was sent is counted along the index (tenant, profile, exposed_at), what was granted since along its own, and
# neither further than the limit. Whoever is granted room now is found by the next to ask.
COUNTED = """
SELECT count(*) FROM (
    SELECT FROM delivery_delivery d
    WHERE d.tenant_id = a.tenant_id AND d.profile_id = a.profile_id AND d.exposed_at > %(since)s
    UNION ALL
    SELECT FROM bench_granted g
    WHERE g.tenant_id = a.tenant_id AND g.profile_id = a.profile_id AND g.at > %(since)s
    LIMIT %(limit)s) found
"""
ASKED = "(SELECT %(tenant)s::bigint AS tenant_id, unnest(%(profiles)s::bigint[]) AS profile_id) a"
MANY = """
SELECT profile_id FROM (
    SELECT d.profile_id FROM delivery_delivery d
    WHERE d.tenant_id = %(tenant)s AND d.profile_id = ANY(%(profiles)s::bigint[]) AND d.exposed_at > %(since)s
    UNION ALL
    SELECT g.profile_id FROM bench_granted g
    WHERE g.tenant_id = %(tenant)s AND g.profile_id = ANY(%(profiles)s::bigint[]) AND g.at > %(since)s) found
GROUP BY profile_id HAVING count(*) >= %(limit)s
"""
MARK = "INSERT INTO bench_granted (tenant_id, profile_id, at) SELECT tenant_id, profile_id, %(now)s FROM"
BY_HAND = (
    f"{MARK} {ASKED} WHERE ({COUNTED}) < %(limit)s RETURNING profile_id",
    f"{MARK} {ASKED} WHERE profile_id NOT IN ({MANY}) RETURNING profile_id",
)

NO_WAIT = "SET LOCAL synchronous_commit TO off"


def run(world: World, options: Options) -> list[Result]:
    now = world.loaded_at
    with scope(tenant=world.tenant):
        _send_history(world, options, now)
        cap = cap_editing.add(
            tenant=world.tenant, actor=world.owner, now=now, limit=LIMIT, kind=FrequencyCap.Kind.ROLLING,
            scope=FrequencyCap.Scope.ALL, hours=24 * DAYS,
        )  # fmt: skip
        rows = _due(world, options, now)
        _keep_uses()
        found = [_compared(world, options, rows, size, now) for size in (len(rows), CHUNK)]
        cap_editing.remove(cap=cap, actor=world.owner, now=now)
    _clear()
    notes = {"past deliveries": options.history, "due rows": len(rows), "cap": caps.words(cap)}
    return [replace(one, notes=notes | one.notes) for one in found]


def _compared(world: World, options: Options, rows: list[Due], size: int, now: datetime) -> Result:
    """Ask for all rows, so many in a transaction; the two sides by turns, which have to grant the same people."""
    portions = [rows[place : place + size] for place in range(0, len(rows), size)]
    granted: list[set[int]] = []

    def by_hand(statement: str) -> Callable[[list[Due]], set[int]]:
        return lambda portion: _by_hand(statement, world, portion, now)

    def measure(side: str, decide: Callable[[list[Due]], set[int]]) -> float:
        _restore_uses()
        meters[side].start()
        started = time.perf_counter()
        granted.append(set().union(*map(decide, portions)))
        taken = time.perf_counter() - started
        meters[side].stop(len(rows))
        return taken

    meters = {side: Meter(lambda: [os.getpid()]) for side in ("ours", "by hand", "tried")}
    best = min(BY_HAND, key=lambda statement: measure("tried", by_hand(statement)))
    times = interleave(
        options.rounds,
        lambda number: measure("ours", lambda portion: _ours(world, portion, now)),
        lambda number: measure("by hand", by_hand(best)),
    )
    assert all(each == granted[0] for each in granted), "the two grant different people"
    assert 0 < len(granted[0]) < len(rows)
    notes = {
        "CPU microseconds a row": {side: meters[side].microseconds() for side in ("ours", "by hand")},
        "granted": len(granted[0]),
        "by hand": best,
    }
    name = f"caps, {len(rows):,} due rows" + (f", {size} at a time" if len(portions) > 1 else "")
    return Result(name, "s", Bound("<=", 1.5), *times, beside="by hand", notes=notes)


@transaction.atomic
def _ours(world: World, rows: list[Due], now: datetime) -> set[int]:
    """Do what deciding does about caps, and return who may hear from us.

    The decision itself is stored whether there are any or not.
    """
    with binary.together():
        binary.send(NO_WAIT, [])
        caps.hold(world.tenant)
        asked = caps.Asked(rows, tenant=world.tenant)
    zone = ZoneInfo("Europe/Berlin")
    asking = [Asking(row, [], zone) for row in rows]
    rooms = caps.rooms(asking, asked, channel="email", now=now)
    full = {id_ for id_, theirs in rooms.items() for room in theirs if room.opens_at is not None}
    to_send = [row for row in rows if row.id not in full]
    taken = [(row.profile_id, room) for row in to_send for room in rooms[row.id]]
    caps.reserve(taken, asked, tenant=world.tenant, now=now)
    return {row.profile_id for row in to_send}


@transaction.atomic
def _by_hand(statement: str, world: World, rows: list[Due], now: datetime) -> set[int]:
    values: dict[str, Any] = {
        "tenant": world.tenant.pk,
        "profiles": [row.profile_id for row in rows],
        "since": now - timedelta(days=DAYS),
        "limit": LIMIT,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(NO_WAIT)
        cursor.execute(statement, values)
        return {profile_id for (profile_id,) in cursor.fetchall()}


def _send_history(world: World, options: Options, now: datetime) -> None:
    """Write what was sent in the last month, to everybody at random."""
    days = [now - timedelta(days=days) for days in range(-1, HISTORY_DAYS + 1)]
    partitions.ensure_months("delivery_delivery", days)
    past = _campaign(world, "Past")
    data.copy("delivery_delivery", DELIVERY, _sent(past, world, options, now))
    data.vacuum("delivery_delivery")


def _sent(past: Campaign, world: World, options: Options, now: datetime) -> Iterator[str]:
    chance = random.Random(options.seed + 4)
    for number in range(options.history):
        who = 1 + int(world.people * chance.random())
        at = now - timedelta(days=HISTORY_DAYS * chance.random())
        yield (
            f"{world.tenant.pk}\t{past.pk}\t{who}\tpast {number}\t{at}\tfirst\temail\t3\tsent\t{at}\t{at}\t{at}\t{at}"
            f"\t{at}\t1\t0\ta\t\tp{who}@people.test\t\t250 2.0.0 Ok\n"
        )


def _due(world: World, options: Options, now: datetime) -> list[Due]:
    """Write due rows for some of the people and return them as they are claimed."""
    new = _campaign(world, "New")
    with connection.cursor() as cursor:
        cursor.execute(DUE, [new.pk, now, now, world.tenant.pk, options.asked])
        rows = [Due(id_, at, who, new.pk, "once", now, 1, None, True) for id_, at, who in cursor.fetchall()]
    data.vacuum("delivery_delivery")
    return rows


def _campaign(world: World, name: str) -> Campaign:
    """Return a campaign of which caps read nothing but that it is there."""
    campaign = Campaign(tenant=world.tenant, name=name, created_by=world.owner)
    campaign.save()
    return campaign


def _keep_uses() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_uses AS TABLE delivery_capuse")
        cursor.execute("CREATE TABLE bench_granted (tenant_id bigint, profile_id bigint, at timestamptz)")
        cursor.execute("CREATE INDEX ON bench_granted (tenant_id, profile_id, at)")


def _restore_uses() -> None:
    """Let every round find the same: no reservation of the round before, and none of its dead rows."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_capuse, bench_granted")
        cursor.execute("INSERT INTO delivery_capuse OVERRIDING SYSTEM VALUE SELECT * FROM bench_uses")
    data.vacuum("delivery_capuse")


def _clear() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_delivery, delivery_capuse")
        cursor.execute("DROP TABLE bench_uses, bench_granted")
