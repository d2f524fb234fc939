"""Measuring two sides in the same rounds, and saying what came of it: bounds, a table, a JSON file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Options:
    """Sizes of one run."""

    people: int = 100_000
    events: int = 1_000_000
    rounds: int = 5
    ingested: int = 50_000  # events a round
    requests: int = 200  # of 100 events, a round
    mails: int = 4_000  # a round
    history: int = 1_000_000  # past deliveries, before caps are asked
    asked: int = 10_000  # due rows that caps are asked about
    rate: int = 200  # events a second, each its own request
    seconds: int = 10  # of such events, a round
    share: float = 0.5  # of those events that set a message off
    poll: float = 0.2  # seconds between two looks of django-q2 at its empty queue: its own default
    clients: int = 2  # processes that send requests
    drains: int = 2  # processes that send mail, on either side
    seed: int = 7
    smtp_sink: str = ""  # postfix's smtp-sink; empty: our own
    results: Path = RESULTS
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bound:
    """What has to hold: of the ratio where there is another side, else of the worst value."""

    sign: str  # ">=" or "<="
    value: float

    def holds(self, measured: float) -> bool:
        return measured >= self.value if self.sign == ">=" else measured <= self.value

    def __str__(self) -> str:
        return f"{self.sign} {self.value:g}"


@dataclass(frozen=True)
class Result:
    """One line of the table: ours, perhaps beside another side, each with the value of every round."""

    name: str
    unit: str
    bound: Bound
    ours: list[float]
    other: list[float] = field(default_factory=list)
    beside: str = ""  # who or what the other side is
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def measured(self) -> float:
        """What the bound is about: the ratio of the medians, or the worst of our own values."""
        if self.other:
            return median(self.ours) / median(self.other)
        return max(self.ours) if self.bound.sign == "<=" else min(self.ours)

    @property
    def is_held(self) -> bool:
        return self.bound.holds(self.measured)

    def as_json(self) -> dict[str, Any]:
        sides = {"ours": self.ours, "other": self.other}
        summary = {name: _summary(values) for name, values in sides.items() if values}
        return asdict(self) | {
            "bound": str(self.bound),
            "measured": self.measured,
            "is_held": self.is_held,
            **summary,
        }


def _summary(values: list[float]) -> dict[str, Any]:
    return {"median": median(values), "min": min(values), "max": max(values), "rounds": values}


def interleave(
    rounds: int, ours: Callable[[int], float], other: Callable[[int], float], *, warm_up: bool = True
) -> tuple[list[float], list[float]]:
    """Measure both sides in every round, ours first in the warm-up and then in turns; return each side's values.

    The warm-up is a round number -1 whose values are dropped.
    """
    sides: tuple[list[float], list[float]] = ([], [])
    for number in range(-1 if warm_up else 0, rounds):
        for side, measure in _in_turn(number, ours, other):
            value = measure(number)
            if number >= 0:
                sides[side].append(value)
    return sides


def _in_turn(
    number: int, ours: Callable[[int], float], other: Callable[[int], float]
) -> list[tuple[int, Callable[[int], float]]]:
    pair = [(0, ours), (1, other)]
    return pair if number % 2 else pair[::-1]


def table(results: list[Result]) -> str:
    """Return the results as lines of one table, medians with minimum and maximum."""
    head = ("what", "unit", "ours", "beside", "theirs", "ratio", "bound", "")
    rows = [head, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def _row(result: Result) -> tuple[str, ...]:
    ratio = f"{result.measured:.2f}" if result.other else ""
    verdict = "ok" if result.is_held else "MISSED"
    return (
        result.name,
        result.unit,
        _spread(result.ours),
        result.beside,
        _spread(result.other),
        ratio,
        str(result.bound),
        verdict,
    )


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    return f"{_short(median(values))} [{_short(min(values))}..{_short(max(values))}]"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(results: list[Result], conditions: dict[str, Any], *, folder: Path) -> Path:
    """Write all values of a run to a file of its own and return its path."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.json"
    content = {"conditions": conditions, "results": [result.as_json() for result in results]}
    path.write_text(json.dumps(content, indent=2, default=str) + "\n")
    return path
