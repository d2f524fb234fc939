"""Segments: the statement that rules.sql makes of each kind of rule, beside the best one we could write by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db import connection

from audiences.rules import sql
from benchmarks.data import World
from benchmarks.harness import Bound, Options, Result, interleave

TIMES = 5  # each statement in a round; its median counts
LIVING = "p.tenant_id = %(tenant)s AND p.merged_into_id IS NULL AND p.erased_at IS NULL"
AGE_INDEX = "CREATE INDEX bench_age ON audiences_profile (tenant_id, (attributes -> 'age'))"


@dataclass(frozen=True)
class Kind:
    """A rule, and by hand what it means: statements of a count, the fastest of which is the limit."""

    name: str
    rule: dict[str, Any]
    by_hand: tuple[str, ...]
    index: str = ""  # one that is there meanwhile, for both


def attribute(name: str, operator: str, value: Any) -> dict[str, Any]:
    return {"on": "attribute", "name": name, "operator": operator, "value": value}


def did(name: str, days: int, **more: Any) -> dict[str, Any]:
    return {"on": "event", "name": name, "within": {"days": days}, **more}


def people(condition: str) -> str:
    return f"SELECT count(*) FROM audiences_profile p WHERE {LIVING} AND {condition}"


def living_of(members: str) -> str:
    return (
        f"SELECT count(*) FROM ({members}) m JOIN audiences_profile p ON p.id = m.profile_id WHERE {LIVING}"
    )


def events(name: str, days: int, what: str = "e.profile_id") -> str:
    return (
        f"SELECT {what} FROM audiences_event e WHERE e.tenant_id = %(tenant)s AND e.name = '{name}'"
        f" AND e.occurred_at BETWEEN %(days_{days})s AND %(now)s"
    )


# Also what retention has dropped, of which only totals are left.
EVER = (
    "SELECT u.profile_id FROM (SELECT e.profile_id, 1 AS count FROM audiences_event e WHERE e.tenant_id = %(tenant)s"
    " AND e.name = 'Order Completed' AND e.occurred_at <= %(now)s UNION ALL"
    " SELECT t.profile_id, t.count::int FROM audiences_eventtotal t WHERE t.tenant_id = %(tenant)s"
    " AND t.name = 'Order Completed') u GROUP BY u.profile_id HAVING sum(u.count) >= 3"
)
CART, ORDER = ("Product Added", 7), ("Order Completed", 7)
# Attributes are what anybody sends, so these hold for texts among the numbers too, as a plain cast would not.
AGE = "CASE WHEN jsonb_typeof(p.attributes -> 'age') = 'number' THEN (p.attributes -> 'age')::numeric END"
AGE_BETWEEN = (
    people(f"{AGE} BETWEEN 25 AND 34"),
    people("p.attributes -> 'age' BETWEEN '25' AND '34'"),
    people("p.attributes @? 'strict $.age ? (@ >= 25 && @ <= 34)'"),
)

KINDS = (
    Kind(
        "attribute in a column",
        attribute("city", "is", "City 7"),
        (people("p.city = 'City 7'"),),
    ),
    Kind(
        "attribute in jsonb",
        attribute("plan", "is", "pro"),
        (people("""p.attributes @> '{"plan": "pro"}'"""), people("p.attributes ->> 'plan' = 'pro'")),
    ),
    Kind("range of a number in jsonb", attribute("age", "between", [25, 34]), AGE_BETWEEN),
    Kind("the same, with an index on it", attribute("age", "between", [25, 34]), AGE_BETWEEN, AGE_INDEX),
    Kind(
        "an event twice in 30 days",
        did("Order Completed", 30, at_least=2),
        (
            living_of(events("Order Completed", 30) + " GROUP BY e.profile_id HAVING count(*) >= 2"),
            people(f"p.id IN ({events('Order Completed', 30)} GROUP BY e.profile_id HAVING count(*) >= 2)"),
        ),
    ),
    Kind(
        "an event thrice ever",
        {"on": "event", "name": "Order Completed", "at_least": 3},
        (living_of(EVER),),
    ),
    Kind(
        "cart and no order in 7 days",
        {"all": [did(*CART), did(*ORDER, did=False)]},
        (
            living_of(f"{events(*CART)} EXCEPT {events(*ORDER)}"),
            people(f"p.id IN ({events(*CART)}) AND p.id NOT IN ({events(*ORDER)})"),
            living_of(
                "SELECT e.profile_id FROM audiences_event e WHERE e.tenant_id = %(tenant)s"
                " AND e.name IN ('Product Added', 'Order Completed')"
                " AND e.occurred_at BETWEEN %(days_7)s AND %(now)s"
                " GROUP BY e.profile_id HAVING bool_and(e.name = 'Product Added')"
            ),
        ),
    ),
    Kind(
        "language in a list, seen lately",
        {
            "all": [
                attribute("language", "is_one_of", ["de", "fr", "pl"]),
                attribute("last_seen_at", "within_last", {"days": 14}),
            ]
        },
        (people("p.language IN ('de', 'fr', 'pl') AND p.last_seen_at BETWEEN %(days_14)s AND %(now)s"),),
    ),
    Kind(
        "nested group",
        {
            "all": [
                attribute("language", "is", "en"),
                {"any": [attribute("plan", "is", "pro"), did("Order Completed", 30, at_least=2)]},
                {"none": [did("Order Refunded", 90), attribute("city", "is", "City 7")]},
            ]
        },
        (
            people(
                "p.language = 'en' AND p.city IS DISTINCT FROM 'City 7'"
                """ AND (p.attributes @> '{"plan": "pro"}' OR p.id IN"""
                f" ({events('Order Completed', 30)} GROUP BY e.profile_id HAVING count(*) >= 2))"
                f" AND p.id NOT IN ({events('Order Refunded', 90)})"
            ),
            people(
                "p.language = 'en' AND p.city IS DISTINCT FROM 'City 7' AND p.id IN ("
                "SELECT id FROM audiences_profile WHERE tenant_id = %(tenant)s"
                """ AND attributes @> '{"plan": "pro"}' UNION"""
                f" {events('Order Completed', 30)} GROUP BY e.profile_id HAVING count(*) >= 2"
                f" EXCEPT {events('Order Refunded', 90)})"
            ),
        ),
    ),
    Kind(
        "bucket",
        {"on": "bucket", "salt": 7, "from": 0, "to": 999},
        (people("abs(hashint8extended(p.id, 7) %% 10000) < 1000"),),
    ),
)


def run(world: World, options: Options) -> list[Result]:
    return [_measure(kind, world, options) for kind in KINDS]


def _measure(kind: Kind, world: World, options: Options) -> Result:
    now = world.loaded_at
    query = sql.members(kind.rule, tenant_id=world.tenant.pk, now=now)
    ours = f"SELECT count(*) FROM ({query.sql}) m"
    values = _values(world, now)
    with _indexed(kind.index):
        best, found = _best(kind, values)
        assert _counted(ours, query.params) == found, f"{kind.name}: the two mean different people"
        times = interleave(
            options.rounds,
            lambda number: _milliseconds(ours, query.params),
            lambda number: _milliseconds(best, values),
        )
    notes = {"found": found, "ours": ours, "by hand": best}
    return Result(f"segment: {kind.name}", "ms", Bound("<=", 1.5), *times, beside="by hand", notes=notes)


def _best(kind: Kind, values: dict[str, Any]) -> tuple[str, int]:
    """Return the fastest of the statements written by hand, all of which must agree, and what it counts."""
    (found,) = {_counted(statement, values) for statement in kind.by_hand}
    return min(kind.by_hand, key=lambda statement: _milliseconds(statement, values)), found


def _values(world: World, now: datetime) -> dict[str, Any]:
    days = {f"days_{days}": now - timedelta(days=days) for days in (7, 14, 30, 90)}
    return {"tenant": world.tenant.pk, "now": now, **days}


def _milliseconds(statement: str, values: Sequence[Any] | dict[str, Any]) -> float:
    taken = []
    for _ in range(TIMES):
        started = time.perf_counter()
        _counted(statement, values)
        taken.append(1_000 * (time.perf_counter() - started))
    return median(taken)


def _counted(statement: str, values: Sequence[Any] | dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.fetchone()[0])


@contextmanager
def _indexed(index: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        if index:
            cursor.execute(index)
            cursor.execute("ANALYZE audiences_profile")
        try:
            yield
        finally:
            cursor.execute("DROP INDEX IF EXISTS bench_age")
