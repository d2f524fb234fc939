"""What a rule refers to by id, written out: segments with their rules, campaigns and places with their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audiences import messages
from audiences.models import Place, Segment
from audiences.rules import schema
from audiences.rules.tree import InvalidRule

Rule = dict[str, Any]


class SegmentCycle(Exception):
    """A segment would contain itself. ``names`` are the segments on the way round."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        super().__init__(f"This would go round in a circle: {' → '.join(f'“{name}”' for name in names)}.")


def references(rule: Rule) -> Iterator[UUID]:
    """Yield the ids of the segments that a rule refers to itself, those inside a frozen one left out."""
    return (UUID(str(one["id"])) for one in _conditions(rule) if one["on"] == "segment")


def _conditions(rule: Rule) -> Iterator[Rule]:
    if "on" in rule:
        yield rule
    for kind in schema.GROUPS:
        for member in rule.get(kind, ()):
            yield from _conditions(member)


def resolve(rule: Rule, *, of: Segment | None = None) -> Rule:
    """Return the rule with all it refers to named as of now, segments with their rules.

    Needs the tenant's scope open. ``of`` is the segment whose new rule this is, to be found in no circle. Raises
    InvalidRule for what is no rule or refers to a segment or campaign that the tenant does not have, and SegmentCycle.
    """
    schema.check(rule)
    known = _reachable(rule)
    rules = [rule, *(segment.rule for segment in known.values())]
    resolved = _Resolver(known, _campaigns(rules), _places(rules)).resolve(
        rule, "", [(of.public_id, of.name)] if of else []
    )
    schema.check(resolved)  # small segments in segments in segments may make a rule that is too long
    return resolved


def _reachable(rule: Rule) -> dict[UUID, Segment]:
    """Load every segment that the rule refers to, directly or through others: a query for each step away."""
    known: dict[UUID, Segment] = {}
    missing = set(references(rule))
    while missing:
        found = list(Segment.objects.filter(public_id__in=missing))
        known |= {segment.public_id: segment for segment in found}
        missing = {id_ for segment in found for id_ in references(segment.rule)} - known.keys()
    return known


def _campaigns(rules: Iterable[Rule]) -> dict[UUID, messages.Campaign]:
    """Load every campaign that one of the rules speaks of."""
    said = (one.get("campaign") for rule in rules for one in _conditions(rule) if one["on"] == "message")
    ids = {UUID(str(id_)) for id_ in said if id_}
    return {campaign.id: campaign for campaign in messages.campaigns(ids)}


def places_in(rule: Rule) -> Iterator[UUID]:
    """Yield the ids of the places that a rule names itself."""
    points = (point for one in _conditions(rule) if one["on"] == "near" for point in one["of"])
    return (UUID(str(point["place"])) for point in points if point.get("place"))


def _places(rules: Iterable[Rule]) -> dict[UUID, Place]:
    """Load every place that one of the rules names."""
    ids = {id_ for rule in rules for id_ in places_in(rule)}
    return {place.public_id: place for place in Place.objects.filter(public_id__in=ids)} if ids else {}


@dataclass
class _Resolver:
    known: Mapping[UUID, Segment]
    campaigns: Mapping[UUID, messages.Campaign]
    places: Mapping[UUID, Place]
    written: int = 0  # conditions

    def resolve(self, rule: Rule, path: str, way: list[tuple[UUID, str]]) -> Rule:
        """``way`` are the segments we are inside of."""
        if "on" in rule:
            self.written += 1
            if self.written > schema.MOST_CONDITIONS:
                raise InvalidRule(path, f"A rule holds at most {schema.MOST_CONDITIONS} conditions.")
        if rule.get("on") == "segment":
            return self._segment(rule, path, way)
        if rule.get("on") == "message":
            return self._message(rule, path)
        if rule.get("on") == "near":
            points = [
                self._point(point, f"{path}.of[{at}]".lstrip(".")) for at, point in enumerate(rule["of"])
            ]
            return rule | {"of": points}
        for kind in schema.GROUPS:
            if kind in rule:
                return {
                    kind: [
                        self.resolve(member, f"{path}.{kind}[{index}]".lstrip("."), way)
                        for index, member in enumerate(rule[kind])
                    ]
                }
        return rule

    def _segment(self, rule: Rule, path: str, way: list[tuple[UUID, str]]) -> Rule:
        id_ = UUID(str(rule["id"]))
        segment = self.known.get(id_)
        if segment is None:
            raise InvalidRule(f"{path}.id".lstrip("."), "There is no such segment.")
        further = [*way, (id_, segment.name)]
        if id_ in {before for before, _ in way}:
            raise SegmentCycle([name for _, name in further])
        if len(further) > schema.DEEPEST:
            raise InvalidRule(path, f"Segments are nested more than {schema.DEEPEST} deep.")
        return rule | {"id": str(id_), "name": segment.name, "rule": self.resolve(segment.rule, "", further)}

    def _message(self, rule: Rule, path: str) -> Rule:
        if not rule.get("campaign"):
            return rule
        campaign = self.campaigns.get(UUID(str(rule["campaign"])))
        if campaign is None:
            raise InvalidRule(f"{path}.campaign".lstrip("."), "There is no such campaign.")
        variant = rule.get("variant", "")
        if variant and variant not in campaign.variants:
            raise InvalidRule(f"{path}.variant".lstrip("."), f"“{campaign.name}” has no such variant.")
        named = {"campaign": str(campaign.id), "campaign_name": campaign.name}
        return rule | named | ({"variant_name": campaign.variants[variant]} if variant else {})

    def _point(self, point: Rule, path: str) -> Rule:
        if not point.get("place"):
            return point
        place = self.places.get(UUID(str(point["place"])))
        if place is None:
            raise InvalidRule(f"{path}.place", "There is no such place.")
        return {
            "place": str(place.public_id),
            "name": place.name,
            "latitude": place.latitude,
            "longitude": place.longitude,
            "radius_m": place.radius_m,
        }


_FILLED_IN = {"segment": ("name", "rule"), "message": ("campaign_name", "variant_name")}


def bare(rule: Rule) -> Rule:
    """Return the rule with what it refers to by ids alone."""
    if rule.get("on") == "near":
        return rule | {"of": [{"place": one["place"]} if one.get("place") else one for one in rule["of"]]}
    if filled_in := _FILLED_IN.get(rule.get("on", "")):
        return {key: value for key, value in rule.items() if key not in filled_in}
    return {
        key: [bare(member) for member in value] if key in schema.GROUPS else value
        for key, value in rule.items()
    }
