"""What a key may take in a minute, told apart by what and by key."""

from __future__ import annotations

from itertools import count

import pytest

from tenants import pace

_key_ids = count(-1, -1)  # nobody's


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([(0, 60, 0), (0, 1, 1)], id="a minute's worth at once, then nothing"),
        pytest.param([(0, 60, 0), (0, 30, 30), (0, 1, 1)], id="what is refused takes nothing"),
        pytest.param([(0, 60, 0), (29.5, 30, 1), (30, 30, 0)], id="it fills up as time passes"),
        pytest.param([(0, 60, 0), (3600, 60, 0), (3600, 1, 1)], id="and never holds more than a minute's"),
        pytest.param([(0, 90, 0), (0, 1, 31), (31, 1, 0)], id="more than that is waited for afterwards"),
        pytest.param([(0, 0, 0)], id="nothing costs nothing"),
    ],
)
def test_a_key_waits_for_what_it_lacks(steps: list[tuple[float, int, int]]) -> None:
    key_id = next(_key_ids)
    for at, cost, seconds in steps:
        assert pace.take("track", key_id, a_minute=60, cost=cost, at=at) == seconds


def test_another_key_and_another_thing_are_not_held_up() -> None:
    key_id, other = next(_key_ids), next(_key_ids)
    assert [pace.take("track", key_id, a_minute=1, at=0) for _ in range(2)] == [0, 60]
    assert pace.take("track", other, a_minute=1, at=0) == 0
    assert pace.take("send", key_id, a_minute=1, at=0) == 0
