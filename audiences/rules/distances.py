"""Distances over the ground, alike in Python and in SQL: haversine on a sphere, and boxes that hold all that is near.

Both do the same steps on the same doubles and compare whole millimetres, so that the last bit, which two machines'
libraries may not share, decides nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from audiences.rules.fragments import Fragment, join, sql

RADIUS = 6_371_008.8  # the Earth's mean, in metres (IUGG)
FURTHEST_KM = 20_038  # to the other side of the Earth, and a little more
_RADIANS, _HALF = math.pi / 180, math.pi / 360  # of a degree
# Added before points are subtracted: degrees too small to matter go, whose products PostgreSQL refuses ("underflow").
_AWAY = 1_000.0
_MARGIN = 1e-9  # by which boxes are larger, in radians: six millimetres, more than any rounding


class Box(NamedTuple):
    """All between two parallels and two meridians, in degrees; west is never east of east."""

    south: float
    north: float
    west: float
    east: float


def metres(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Return how far it is from one point in degrees to another, in whole millimetres."""
    north = latitude + _AWAY
    up = math.sin((north - (to_latitude + _AWAY)) * _HALF)
    across = math.sin((longitude + _AWAY - (to_longitude + _AWAY)) * _HALF)
    slope = math.cos((north - _AWAY) * _RADIANS) * math.cos(to_latitude * _RADIANS)
    return rounded(2 * RADIUS * math.asin(min(1.0, math.sqrt(up * up + slope * across * across))))


def rounded(metres: float) -> float:
    """Return metres in whole millimetres."""
    return round(metres * 1_000) / 1_000  # to even, as PostgreSQL's round of doubles


def metres_sql(latitude: Fragment, longitude: Fragment, to_latitude: float, to_longitude: float) -> Fragment:
    """Return SQL for ``metres``; NULL where either of the two is."""
    north = sql("({} + {}::float8)", latitude, _AWAY)
    east = sql("({} + {}::float8)", longitude, _AWAY)
    up = sql("sin(({} - {}::float8) * {}::float8)", north, to_latitude + _AWAY, _HALF)
    across = sql("sin(({} - {}::float8) * {}::float8)", east, to_longitude + _AWAY, _HALF)
    cosine = math.cos(to_latitude * _RADIANS)
    slope = sql("cos(({} - {}::float8) * {}::float8) * {}::float8", north, _AWAY, _RADIANS, cosine)
    return sql(
        "(round({}::float8 * asin(least(1::float8, sqrt({} * {} + {} * {} * {}))) * 1000::float8) / 1000::float8)",
        2 * RADIUS,
        *(up, up, slope, across, across),
    )


def near_sql(latitude: Fragment, longitude: Fragment, at: tuple[float, float], within: float) -> Fragment:
    """Return a condition that the point is at most so many metres away; an index on both columns serves it."""
    inside = [
        sql("{} BETWEEN {}::float8 AND {}::float8 AND {} BETWEEN {}::float8 AND {}::float8",
            latitude, box.south, box.north, longitude, box.west, box.east)
        for box in boxes(at, within)
    ]  # fmt: skip
    return sql(
        "({}) AND {} <= {}::float8",
        join(" OR ", inside),
        metres_sql(latitude, longitude, *at),
        rounded(within),
    )


def degrees(metres: float) -> float:
    """Return how many degrees of latitude so many metres are, and a little more."""
    return math.degrees(metres / RADIUS + _MARGIN)


def boxes(at: tuple[float, float], within: float) -> list[Box]:
    """Return the box that holds all points at most ``within`` metres away; two where the date line goes through it."""
    latitude, longitude = at
    angle = within / RADIUS + _MARGIN
    south, north = latitude - degrees(within), latitude + degrees(within)
    if south <= -90 or north >= 90:  # a pole is in it, and with it all meridians
        return [Box(max(south, -90), min(north, 90), -180, 180)]
    width = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(latitude)))) + _MARGIN)
    west, east = longitude - width, longitude + width
    if west < -180:
        return [Box(south, north, -180, east), Box(south, north, west + 360, 180)]
    if east > 180:
        return [Box(south, north, west, 180), Box(south, north, -180, east - 360)]
    return [Box(south, north, west, east)]


def said(metres: float) -> str:
    """Return a distance as people say it: 300 m, 1.5 km."""
    return f"{metres:g} m" if metres < 1_000 else f"{metres / 1_000:g} km"
