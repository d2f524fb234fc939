"""Intervals and bars as SVG, drawn by the server: they need no script, print well, and tests can read them."""

from __future__ import annotations

from dataclasses import dataclass

from delivery.statistics import Interval

WIDTH = 260.0


@dataclass(frozen=True, slots=True)
class Whisker:
    """An interval on an axis, in the picture's units: the template draws it."""

    low: float
    high: float
    point: float | None
    zero: float | None  # where "no difference" lies, if on the axis
    is_cut: bool  # goes on beyond the axis


def axis_of(intervals: list[Interval]) -> Interval:
    """Return an axis that holds all intervals and, for lifts, no difference; at most -100 % to +300 %."""
    low = min([0.0, *(interval.low for interval in intervals)])
    high = max([0.0, *(interval.high for interval in intervals)])
    margin = max((high - low) * 0.05, 0.01)
    return Interval(max(low - margin, -1.0), min(high + margin, 3.0))


def whisker(interval: Interval, point: float | None, axis: Interval) -> Whisker:
    """Return where an interval and its point lie on an axis."""
    return Whisker(
        low=_place(interval.low, axis),
        high=_place(interval.high, axis),
        point=None if point is None else _place(point, axis),
        zero=_place(0.0, axis) if 0.0 in axis else None,
        is_cut=interval.high > axis.high or interval.low < axis.low,
    )


def _place(value: float, axis: Interval) -> float:
    inside = min(max(value, axis.low), axis.high)
    return round((inside - axis.low) / (axis.high - axis.low) * WIDTH, 1)


def part(count: int, whole: int) -> float:
    """Return how long a bar is that shows ``count`` of ``whole``, of 100."""
    return round(100 * count / whole, 3) if whole else 0.0
