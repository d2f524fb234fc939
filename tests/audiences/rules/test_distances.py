"""Distances: right where they can be checked, the same in SQL as in memory at the border, and found by an index."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audiences.rules import distances, sql
from audiences.rules.fragments import identifier
from tenants.models import Tenant
from tests.audiences.rules.world import NOW, near

QUARTER = distances.RADIUS * math.pi / 2
PARIS, LONDON, NEW_YORK, SYDNEY = (
    (48.8566, 2.3522),
    (51.5074, -0.1278),
    (40.7128, -74.0060),
    (-33.8688, 151.2093),
)


@pytest.mark.parametrize(
    "one, other, metres",
    [
        pytest.param(PARIS, PARIS, 0, id="nowhere"),
        pytest.param(PARIS, LONDON, 343_556, id="Paris to London"),
        pytest.param(NEW_YORK, LONDON, 5_570_230, id="New York to London"),
        pytest.param(SYDNEY, NEW_YORK, 15_988_776, id="Sydney to New York"),
        pytest.param((0, 0), (90, 0), QUARTER, id="to the pole"),
        pytest.param((90, 0), (90, 135), 0, id="at the pole, all longitudes are one"),
        pytest.param((0, 0), (0, 180), 2 * QUARTER, id="to the other side"),
        pytest.param(
            (37.123, 12.3), (-37.123, -167.7), 2 * QUARTER, id="to the other side, where roots pass one"
        ),
        pytest.param((0, 179.5), (0, -179.5), QUARTER / 90, id="across the date line"),
        pytest.param((0, 0), (0, 0.00001), 1.112, id="a step"),
    ],
)
def test_distances_are_what_they_are(
    one: tuple[float, float], other: tuple[float, float], metres: float
) -> None:
    assert (
        distances.metres(*one, *other)
        == distances.metres(*other, *one)
        == pytest.approx(metres, rel=2e-6, abs=1e-3)
    )


latitudes = st.floats(-90, 90) | st.sampled_from([-90.0, 90.0, 89.999999, 0.0, 48.85])
longitudes = st.floats(-180, 180) | st.sampled_from([-180.0, 180.0, 179.999999, 0.0])
points = st.tuples(latitudes, longitudes)


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[tuple[float, float], tuple[float, float]]:
    """Two points, often close to each other, on either side of lines that are easily forgotten."""
    latitude, longitude = draw(points)
    if draw(st.booleans()):
        return (latitude, longitude), draw(points)
    size = draw(st.sampled_from([1e-7, 1e-5, 1e-3, 0.1, 3]))
    other = latitude + draw(st.floats(-size, size)), longitude + draw(st.floats(-size, size))
    return (latitude, longitude), (min(90, max(-90, other[0])), (other[1] + 180) % 360 - 180)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(neighbours())
@example(((90.0, 0.0), (89.0, 180.0)))
@example(((-10.0, 180.0), (-10.0, -180.0)))
@example(((0.0, 0.0), (0.0, 180.0)))
@example(((5e-324, 1e-310), (0.0, 0.0)))
@example(((1e-160, 0.0), (0.0, 1e-200)))
def test_sql_and_memory_draw_the_same_border(
    db: None, two: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    one, other = two
    away = distances.metres(*one, *other)
    borders = [max(0.001, away + millimetres / 1_000) for millimetres in (-1_000, -1, -0.4, 0, 0.4, 1, 1_000)]
    near_ = [
        distances.near_sql(identifier("g.lat"), identifier("g.lon"), other, border) for border in borders
    ]
    exact = distances.metres_sql(identifier("g.lat"), identifier("g.lon"), *other)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {exact.text}, {', '.join(f'({each.text})' for each in near_)}"
            " FROM (SELECT %s::float8 AS lat, %s::float8 AS lon) g",
            [*exact.params, *(param for each in near_ for param in each.params), *one],
        )
        by_sql, *verdicts = cursor.fetchone()
    assert by_sql == away
    assert verdicts == [away <= distances.rounded(border) for border in borders], (
        "no box leaves out who is near"
    )


def test_a_place_without_coordinates_is_near_nothing(db: None) -> None:
    near_ = distances.near_sql(identifier("g.lat"), identifier("g.lon"), (0, 0), 20_038_000)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT ({near_.text}) IS TRUE FROM (SELECT NULL::float8 AS lat, 0::float8 AS lon) g",
            near_.params,
        )
        assert cursor.fetchone() == (False,)


PEOPLE = """
INSERT INTO audiences_profile (tenant_id, latitude, longitude, country)
SELECT %s, degrees(asin(2 * ((n * 7919) %% 100003) / 100003.0 - 1)), ((n * 104729) %% 360007) / 360007.0 * 360 - 180,
       'FR'
FROM generate_series(1::bigint, %s) n
"""


def _plan(rule: Any, tenant: Tenant) -> tuple[str, float]:
    """Return the plan of finding those whom the rule means, and how long it took in seconds, the best of some."""
    query = sql.members(rule, tenant_id=tenant.pk, now=NOW)
    took = []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query.sql}", query.params)
        plan = cursor.fetchone()[0]
        for _ in range(5):
            began = time.perf_counter()
            cursor.execute(query.sql, query.params)
            cursor.fetchall()
            took.append(time.perf_counter() - began)
    return plan if isinstance(plan, str) else json.dumps(plan), min(took)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(near(PARIS, within_km=20), id="a town"),
        pytest.param(near(PARIS, LONDON, SYDNEY, within_km=20), id="three towns"),
        pytest.param(near((-17, 180), within_km=50), id="across the date line"),
        pytest.param(near((89.9, 0), within_km=50), id="about the pole"),
        pytest.param(
            {"all": [near(PARIS, within_km=20), {"on": "location", "country": ["FR"]}]}, id="and something"
        ),
    ],
)
def test_an_index_finds_who_is_near(rule: Any, tenant: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, [tenant.pk, 100_000])
        cursor.execute("ANALYZE audiences_profile")
        cursor.execute("SET LOCAL jit = off")
        plan, with_index = _plan(rule, tenant)
        assert "profile_location" in plan
        cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        plan, without = _plan(rule, tenant)
        assert "profile_location" not in plan
    assert without > 5 * with_index, (
        f"{without * 1e3:.1f} ms without the index, {with_index * 1e3:.1f} ms with it"
    )


def test_a_box_is_hardly_larger_than_what_it_holds() -> None:
    (box,) = distances.boxes(PARIS, 10_000)
    assert distances.metres(*PARIS, box.north, PARIS[1]) == pytest.approx(10_000, abs=0.1)
    assert 10_000 <= distances.metres(*PARIS, PARIS[0], box.east) < 10_010
    assert len(distances.boxes((0, 180), 1)) == len(distances.boxes((60, -180), 1)) == 2
    assert distances.boxes((90, 12), 1)[0][2:] == (-180, 180)
