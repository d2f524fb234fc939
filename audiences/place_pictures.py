"""A place as a picture: its circle, its neighbours, and where people are, in bins so that nobody is shown alone.

Drawn by the server as SVG around the place's centre, over an outline of land that frontend/build.mjs makes; no map is
asked from anywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from django.db import connection

from audiences.models import Place
from audiences.rules import distances

WIDTH, HEIGHT = 480, 320  # of the picture
REACH = 2.5  # of its upper edge from the centre, in radii
BINS = 24  # across
MOST_NEIGHBOURS = 40
NAME = 80, 14  # the room that a name takes
COASTS_FROM = 25_000  # metres of radius: the outline, 1:50 million, is off by kilometres and misplaces towns
_METRES = math.pi / 180 * distances.RADIUS  # of a degree of latitude

# People about the centre, in metres to the east and north of it, counted by squares.
BINNED = """
SELECT floor(east / %s)::int, floor(north / %s)::int, count(*)
FROM (
    SELECT (p.longitude - %s - 360 * round((p.longitude - %s) / 360)) * %s AS east, (p.latitude - %s) * %s AS north
    FROM audiences_profile p
    WHERE p.tenant_id = %s AND p.merged_into_id IS NULL AND p.erased_at IS NULL AND ({boxes})
) about
WHERE abs(east) <= %s AND abs(north) <= %s
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle in the picture's units; y grows downwards."""

    x: float
    y: float
    r: float
    name: str = ""
    name_y: float | None = None  # of a neighbour: where its name stands; None: another's is there
    is_crowded: bool = False  # of a bin: many people


@dataclass(frozen=True, slots=True)
class Picture:
    place: Circle
    neighbours: list[Circle]
    bins: list[Circle]
    coasts: list[str]  # how the outline is moved, once for each time it shows: twice at the date line
    spot: tuple[int, int]  # the place on an outline of the whole world
    people: int  # in all of the picture
    bar: float  # the scale's length in the picture
    bar_words: str
    width: int = WIDTH
    height: int = HEIGHT


def draw(
    *, tenant_id: int, latitude: float, longitude: float, radius_m: float, but: int | None = None
) -> Picture:
    """Return the picture around a point. Needs the tenant's scope open; ``but`` is the place itself, no neighbour."""
    frame = _Frame(latitude, longitude, radius_m * REACH / (HEIGHT / 2))
    counted = _binned(frame, tenant_id)
    most = max((count for *_, count in counted), default=1)
    bar, bar_words = frame.bar()
    return Picture(
        place=Circle(WIDTH / 2, HEIGHT / 2, radius_m / frame.unit),
        neighbours=_neighbours(frame, but),
        bins=[frame.bin(east, north, count, most) for east, north, count in counted],
        coasts=frame.coasts() if radius_m >= COASTS_FROM else [],
        spot=(round(longitude * 100), -round(latitude * 100)),
        people=sum(count for *_, count in counted),
        bar=bar,
        bar_words=bar_words,
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    latitude: float
    longitude: float
    unit: float  # metres of one unit of the picture

    @property
    def east_metres(self) -> float:
        """Metres of a degree of longitude here; at the poles next to none."""
        return max(math.cos(math.radians(self.latitude)) * _METRES, 1.0)

    @property
    def size(self) -> float:
        """The side of a bin in metres."""
        return WIDTH / BINS * self.unit

    @property
    def reach(self) -> float:
        """Metres from the centre to a corner."""
        return math.hypot(WIDTH, HEIGHT) / 2 * self.unit

    def point(self, latitude: float, longitude: float) -> tuple[float, float]:
        east = (longitude - self.longitude + 540) % 360 - 180
        x = WIDTH / 2 + east * self.east_metres / self.unit
        y = HEIGHT / 2 - (latitude - self.latitude) * _METRES / self.unit
        return round(x, 1), round(y, 1)

    def bin(self, east: int, north: int, count: int, most: int) -> Circle:
        side = self.size / self.unit
        x, y = WIDTH / 2 + (east + 0.5) * side, HEIGHT / 2 - (north + 0.5) * side
        r = side / 2 * (0.35 + 0.65 * math.sqrt(count / most))
        return Circle(round(x, 1), round(y, 1), round(r, 2), is_crowded=count > most / 2)

    def coasts(self) -> list[str]:
        """Return transforms of an outline in hundredths of a degree; none with a pole in sight: nothing is past it."""
        if abs(self.latitude) + HEIGHT / 2 * self.unit / _METRES > 90:
            return []
        half = WIDTH / 2 * self.unit / self.east_metres
        across, down = self.east_metres / self.unit / 100, _METRES / self.unit / 100
        y = HEIGHT / 2 + self.latitude * 100 * down
        turned = [
            WIDTH / 2 + (turn - self.longitude) * 100 * across
            for turn in (-360, 0, 360)
            if abs(turn - self.longitude) < 180 + half
        ]
        return [f"matrix({across:.6f} 0 0 {down:.6f} {x:.2f} {y:.2f})" for x in turned]

    def bar(self) -> tuple[float, str]:
        """Return a scale of a round length, about a quarter of the picture, and its words."""
        longest = WIDTH / 4 * self.unit
        power = 10 ** math.floor(math.log10(longest))
        metres = max(step * power for step in (1, 2, 5) if step * power <= longest)
        return round(metres / self.unit, 1), distances.said(metres)


def _binned(frame: _Frame, tenant_id: int) -> list[tuple[int, int, int]]:
    boxes = distances.boxes(
        (frame.latitude, frame.longitude), min(frame.reach, distances.FURTHEST_KM * 1_000)
    )
    inside = " OR ".join("p.latitude BETWEEN %s AND %s AND p.longitude BETWEEN %s AND %s" for _ in boxes)
    params = [
        frame.size,
        frame.size,
        frame.longitude,
        frame.longitude,
        frame.east_metres,
        frame.latitude,
        _METRES,
    ]
    params += [tenant_id, *(edge for box in boxes for edge in box)]
    params += [WIDTH / 2 * frame.unit, HEIGHT / 2 * frame.unit]
    with connection.cursor() as cursor:
        cursor.execute(BINNED.format(boxes=inside), params)
        return cursor.fetchall()


def _neighbours(frame: _Frame, but: int | None) -> list[Circle]:
    """Return the places that lie in the picture, the nearest first."""
    found = []
    for place in Place.objects.exclude(pk=but or 0):
        x, y = frame.point(place.latitude, place.longitude)
        r = place.radius_m / frame.unit
        if -r <= x <= WIDTH + r and -r <= y <= HEIGHT + r:
            found.append(Circle(x, y, round(r, 1), place.name))
    nearest = sorted(found, key=lambda one: math.hypot(one.x - WIDTH / 2, one.y - HEIGHT / 2))
    return _named(nearest[:MOST_NEIGHBOURS])


def _named(circles: list[Circle]) -> list[Circle]:
    """Place each name above its circle, where no other's stands."""
    width, height = NAME
    taken: list[tuple[float, float]] = []
    named = []
    for one in circles:
        y = round(max(one.y - one.r - 4, height), 1)
        is_free = all(abs(x - one.x) >= width or abs(other - y) >= height for x, other in taken)
        if is_free:
            taken.append((one.x, y))
        named.append(replace(one, name_y=y if is_free else None))
    return named
