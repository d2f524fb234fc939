"""Buckets are the same in Python and PostgreSQL, for good: a person must not change arms because Tact was updated."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences import buckets

SIGNED = st.integers(-(2**63), 2**63 - 1)

# hashint8extended as PostgreSQL 15 and 18 compute it: (value, seed, hash, bucket).
KNOWN = [
    (0, 0, 4154612158245552303, 2303),
    (1, 0, -3670598878359251130, 1130),
    (1, 1, -7620678293940249823, 9823),
    (42, 7, 3069212791777980624, 624),
    (123456789, 4611686018427387903, 1377468016427739018, 9018),
    (9223372036854775807, 9223372036854775807, -6906076658251606270, 6270),
    (-1, 0, -1888257769727981238, 1238),
    (-9223372036854775808, 1, 2560836655869490746, 746),
    (2147483648, 1000000007, 3254450330352423539, 3539),
    (1000000, 2026, -1750724721773872113, 2113),
]


@pytest.mark.parametrize("value, seed, hashed, bucket", KNOWN)
def test_known_values_never_change(value: int, seed: int, hashed: int, bucket: int) -> None:
    assert buckets.hash_int8_extended(value, seed) == hashed
    assert buckets.bucket(value, seed) == bucket


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(st.tuples(SIGNED | st.integers(0, 10**7), SIGNED | st.just(0)), min_size=1, max_size=50)
)
def test_postgresql_agrees(db: None, pairs: list[tuple[int, int]]) -> None:
    bucket = buckets.SQL.format("v.id", "v.salt")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT hashint8extended(v.id, v.salt), {bucket}"
            " FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY v(id, salt, n) ORDER BY v.n",
            [[id_ for id_, _ in pairs], [salt for _, salt in pairs]],
        )
        rows = cursor.fetchall()
    assert rows == [(buckets.hash_int8_extended(*pair), buckets.bucket(*pair)) for pair in pairs]


def test_shares_are_even_and_salts_independent() -> None:
    people = range(1, 20_001)
    tenths = Counter(buckets.bucket(id_, 7) // 1000 for id_ in people)
    assert all(1_800 < tenths[tenth] < 2_200 for tenth in range(10))
    both = sum(buckets.bucket(id_, 7) < 5_000 and buckets.bucket(id_, 8) < 5_000 for id_ in people)
    assert 4_700 < both < 5_300
