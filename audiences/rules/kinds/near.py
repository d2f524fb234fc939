"""How far a person was last known to be from some points, or from the brand's places.

Rules keep a place by its id; ``segments.resolve`` adds its name, where it is and how large.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from audiences.rules import distances, operands
from audiences.rules.fragments import Fragment, join, sql
from audiences.rules.kinds.comparison import check_characters
from audiences.rules.phrases import listed
from audiences.rules.scope import Scope
from audiences.rules.tree import Condition, InvalidRule, Unresolved

if TYPE_CHECKING:
    from audiences.facts import Facts

MOST_POINTS = 100
_DEGREES = {"latitude": 90, "longitude": 180}


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point in degrees, or a place by its id, once read also with what it is."""

    place: UUID | None = None
    latitude: float | None = None
    longitude: float | None = None
    radius_m: float | None = None
    name: str = ""

    def check(self, path: str) -> None:
        if self.place is None and (self.latitude is None or self.longitude is None):
            raise InvalidRule(path, 'Expected {"latitude": …, "longitude": …} or {"place": …}.')
        check_characters(f"{path}.name", self.name)
        for name, limit in _DEGREES.items():
            degrees = getattr(self, name)
            if degrees is not None and not -limit <= degrees <= limit:
                raise InvalidRule(f"{path}.{name}", f"Expected degrees from -{limit} to {limit}.")

    @property
    def at(self) -> tuple[float, float]:
        if self.latitude is None or self.longitude is None:
            raise Unresolved(f"Place {self.place} is only referred to; resolve the rule first.")
        return self.latitude, self.longitude

    def words(self) -> str:
        if self.place is not None:
            return f"“{self.name or self.place}”"
        return f"{self.latitude:g}, {self.longitude:g}"


class Near(Condition, frozen=True, tag="near", kw_only=True):
    """Is at most so far from one of some points; or from none of them. Without a distance, places have their own."""

    of: list[Point]
    within_km: float | None = None
    is_near: bool = msgspec.field(name="is", default=True)
    or_missing: bool = False

    def check(self) -> None:
        if not 1 <= len(self.of) <= MOST_POINTS:
            raise InvalidRule("of", f"Expected a list of 1 to {MOST_POINTS} points or places.")
        for index, point in enumerate(self.of):
            point.check(f"of[{index}]")
        if self.within_km is None:
            if any(point.place is None for point in self.of):
                raise InvalidRule(
                    "within_km", "Say within how many kilometres; only places have a size of their own."
                )
        elif not 0.001 <= self.within_km <= distances.FURTHEST_KM:
            raise InvalidRule("within_km", f"Expected kilometres from 0.001 to {distances.FURTHEST_KM}.")

    def _within(self, point: Point) -> float:
        """Return how near is near, in metres."""
        if self.within_km is not None:
            return self.within_km * 1_000
        _ = point.at  # complains where it is only referred to
        return point.radius_m or 0

    def sql(self, scope: Scope) -> Fragment:
        latitude, longitude = (operands.attribute(name).typed("number") for name in _DEGREES)
        near = join(
            " OR ", [distances.near_sql(latitude, longitude, one.at, self._within(one)) for one in self.of]
        )
        known = sql("{} IS NOT NULL AND {} IS NOT NULL", latitude, longitude)
        condition = near if self.is_near else sql("{} AND NOT ({})", known, near)
        return sql("({}) OR NOT ({})", condition, known) if self.or_missing else condition

    def holds(self, subject: Facts, now: datetime) -> bool:
        located = _located(subject)
        if located is None:
            return self.or_missing
        return (
            any(
                distances.metres(*located, *one.at) <= distances.rounded(self._within(one)) for one in self.of
            )
            == self.is_near
        )

    def words(self, is_opposite: bool = False) -> str:
        verb = "is" if self.is_near != is_opposite else "is not"
        also = " (also those without a location)" if self.or_missing != is_opposite else ""
        if self.within_km is None:
            return f"who {verb} at {listed((self._sized(one) for one in self.of), 'or')}{also}"
        within = distances.said(self.within_km * 1_000)
        return f"who {verb} within {within} of {listed((one.words() for one in self.of), 'or')}{also}"

    def _sized(self, point: Point) -> str:
        return point.words() + (f" (within {distances.said(point.radius_m)})" if point.radius_m else "")

    def seen(self, subject: Facts, now: datetime) -> str:
        located = _located(subject)
        if located is None:
            return "missing"
        away, nearest = min(
            ((distances.metres(*located, *one.at), one) for one in self.of), key=lambda found: found[0]
        )
        return f"{distances.said(float(f'{away:.4g}'))} from {nearest.words()}"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        degrees = {
            name: {"type": "number", "minimum": -limit, "maximum": limit} for name, limit in _DEGREES.items()
        }
        filled_in = {"description": "Filled in where a rule is frozen."}
        place = {
            "type": "object",
            "properties": {
                "place": {"type": "string", "format": "uuid"},
                **{name: one | filled_in for name, one in degrees.items()},
                "radius_m": {"type": "number", **filled_in},
                "name": {"type": "string", **filled_in},
            },
            "required": ["place"],
            "additionalProperties": False,
        }
        point = {
            "type": "object",
            "properties": degrees,
            "required": list(degrees),
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {
                "on": {"const": "near"},
                "of": {
                    "type": "array",
                    "items": {"anyOf": [point, place]},
                    "minItems": 1,
                    "maxItems": MOST_POINTS,
                },
                "within_km": {"type": "number", "minimum": 0.001, "maximum": distances.FURTHEST_KM},
                "is": {"type": "boolean", "default": True},
                "or_missing": {"type": "boolean", "default": False},
            },
            "required": ["on", "of"],
            "anyOf": [
                {"required": ["within_km"]},
                {"properties": {"of": {"items": {"required": ["place"]}}}},
            ],
            "additionalProperties": False,
        }


def _located(facts: Facts) -> tuple[float, float] | None:
    latitude, longitude = facts.attribute("latitude"), facts.attribute("longitude")
    return None if latitude is None or longitude is None else (latitude, longitude)
