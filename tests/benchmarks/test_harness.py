"""What a run says of its values: who is measured when, what a bound is about, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.harness import Bound, Result


def test_both_sides_are_measured_in_every_round_and_begin_in_turns():
    seen: list[tuple[str, int]] = []

    def measured(side: str):
        def measure(number: int) -> float:
            seen.append((side, number))
            return float(number)

        return measure

    assert harness.interleave(3, measured("ours"), measured("theirs")) == ([0, 1, 2], [0, 1, 2])
    assert [number for _, number in seen] == [-1, -1, 0, 0, 1, 1, 2, 2]
    assert [side for side, _ in seen[::2]] == ["ours", "theirs", "ours", "theirs"]


@pytest.mark.parametrize(
    ("bound", "ours", "theirs", "measured", "is_held"),
    [
        pytest.param(Bound(">=", 2), [20, 21, 99], [10, 10, 11], 2.1, True, id="twice as many"),
        pytest.param(Bound(">=", 2), [19, 19, 99], [10, 10, 11], 1.9, False, id="not quite"),
        pytest.param(Bound("<=", 1.5), [3, 2, 2], [2, 2, 2], 1.0, True, id="no slower"),
        pytest.param(Bound("<=", 150), [100, 151], [], 151, False, id="the worst of ours counts"),
    ],
)
def test_a_bound_is_about_the_medians_or_the_worst(bound, ours, theirs, measured, is_held):
    result = Result("something", "a second", bound, ours, theirs)
    assert (result.measured, result.is_held) == (measured, is_held)


def test_the_table_says_what_was_missed():
    lines = harness.table(
        [
            Result("fast", "s", Bound("<=", 2), [1.0, 3.0, 2.0], [2.0, 2.0, 2.0], "by hand"),
            Result("large", "MB", Bound("<=", 10), [11.0]),
        ]
    ).splitlines()
    assert lines[2].split() == [
        "fast",
        "s",
        "2",
        "[1..3]",
        "by",
        "hand",
        "2",
        "[2..2]",
        "1.00",
        "<=",
        "2",
        "ok",
    ]
    assert lines[3].split() == ["large", "MB", "11", "[11..11]", "<=", "10", "MISSED"]


def test_every_value_is_written(tmp_path: Path):
    result = Result("fast", "s", Bound("<=", 2), [1.0, 3.0], [2.0, 4.0], "by hand", {"found": 7})
    path = harness.write([result], {"cpus": 2}, folder=tmp_path / "new")
    written = json.loads(path.read_text())
    assert written["conditions"] == {"cpus": 2}
    (line,) = written["results"]
    assert line["ours"] == {"median": 2.0, "min": 1.0, "max": 3.0, "rounds": [1.0, 3.0]}
    assert (line["is_held"], line["notes"]) == (True, {"found": 7})
