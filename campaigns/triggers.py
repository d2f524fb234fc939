"""What sets a campaign off, and what calls it off again: what people do, or what becomes of them.

All of it is heard as an event in a person's stream. What they did is there anyhow; that an attribute changed, that a
segment or a place was entered or left, and what became of a message, Tact leaves there itself, as events marked
internal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from audiences import presence
from audiences.models import Place, Segment
from audiences.rules import memory, schema, words
from audiences.rules.phrases import label, quoted
from audiences.rules.tree import InvalidRule, Node
from campaigns.models import Campaign, Version

MOST_EXCEPTIONS = 5
UNITS = {"minutes": 1, "hours": 60, "days": 24 * 60}  # in minutes
LONGEST_DELAY_MINUTES = 60 * 24 * 60  # 60 days

Trigger = dict[str, Any]
FILTERS = {  # operator -> its words in a form; what each means is the rule language's business
    "is": "is",
    "is_not": "is not",
    "greater": "is greater than",
    "at_least": "is at least",
    "less": "is less than",
    "at_most": "is at most",
    "between": "is between (10 and 50)",
    "contains": "contains",
    "exists": "is there",
}

ATTRIBUTE_CHANGED = "Attribute Changed"
MOVES = {"entered": "Segment Entered", "left": "Segment Left"}
SENT, OPENED, CLICKED = "Email Sent", "Email Opened", "Email Link Clicked"
MESSAGES = {"got": SENT, "opened": OPENED, "clicked": CLICKED, "ignored": SENT}  # what is heard of a message
REQUESTED = "Campaign Requested"  # by the brand's own server, with the campaign among the properties
NOT_IGNORED = (OPENED, CLICKED)
VISITS = presence.EVENTS  # of a place
IN_WORDS = {"entered": "enter", "left": "leave", "got": "get", "opened": "open", "clicked": "click in"}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event by its name, with filters on its properties; their own, or one that Tact left."""

    name: str
    where: Node | None = None
    is_internal: bool = False

    def fits(self, properties: Mapping[str, Any], *, now: datetime) -> bool:
        """Whether an event of this name and origin is meant."""
        return self.where is None or memory.matches_properties(self.where, properties, now=now)


def make(name: str, where: list[dict[str, Any]] | None = None) -> Trigger:
    """Return the event ``name`` as a trigger, with filters on its properties. Raises InvalidRule."""
    trigger: Trigger = {"on": "event", "name": name} | ({"where": where} if where else {})
    check(trigger)
    return trigger


def on_attribute(name: str, to: str | float | bool | None = None) -> Trigger:
    """Return the change of an attribute as a trigger: to anything, or to one value."""
    return {"on": "attribute", "name": name} | ({} if to is None else {"to": to})


def on_segment(segment: Segment, did: str) -> Trigger:
    """Return the entering or leaving of a segment as a trigger; ``did`` is one of MOVES."""
    return {"on": "segment", "did": did, "id": str(segment.public_id), "name": segment.name}


def on_place(place: Place, did: str) -> Trigger:
    """Return the entering or leaving of a place as a trigger; ``did`` is one of VISITS."""
    return {"on": "place", "did": did, "id": str(place.public_id), "name": place.name}


def on_message(campaign: Campaign, did: str) -> Trigger:
    """Return what becomes of another campaign's message as a trigger; ``did`` is one of MESSAGES."""
    return {"on": "message", "did": did, "id": str(campaign.public_id), "name": campaign.name}


def check(trigger: Any) -> None:
    """Raise InvalidRule for what is no trigger. Whether its segment or campaign exists is ``renewed``'s to say."""
    kind = trigger.get("on") if isinstance(trigger, dict) else None
    if kind == "event":
        schema.check(trigger)
        if set(trigger) - {"on", "name", "where"}:
            raise InvalidRule("", "Expected an event's name and filters on its properties, and nothing else.")
    elif kind == "attribute":
        _only(trigger, {"on", "name", "to"})
        schema.check({"on": "attribute", "name": trigger.get("name"), "operator": "exists"})
        if "to" in trigger:
            schema.check(
                {"on": "attribute", "name": "custom.value", "operator": "is", "value": trigger["to"]}
            )
    elif kind in _REFERRING:
        _only(trigger, {"on", "did", "id", "name"})
        if trigger.get("did") not in _REFERRING[kind]:
            raise InvalidRule("did", f"Expected one of {', '.join(_REFERRING[kind])}.")
        _id(trigger)
    else:
        raise InvalidRule("on", "Expected an event, an attribute, a segment, a place or a message.")


_REFERRING: dict[str, Mapping[str, str]] = {"segment": MOVES, "place": VISITS, "message": MESSAGES}
_MODELS: dict[str, type[Segment | Place | Campaign]] = {
    "segment": Segment,
    "place": Place,
    "message": Campaign,
}


def _only(trigger: Trigger, keys: set[str]) -> None:
    if odd := set(trigger) - keys:
        raise InvalidRule(min(odd), "There is no such part of a trigger.")


def _id(trigger: Trigger) -> UUID:
    try:
        return UUID(str(trigger.get("id")))
    except ValueError:
        raise InvalidRule("id", "Expected an id.") from None


def renewed(trigger: Trigger) -> Trigger:
    """Return a trigger with the name that what it refers to has now. Raises InvalidRule where that does not exist.

    Needs the tenant's scope open.
    """
    check(trigger)
    if trigger["on"] not in _REFERRING:
        return trigger
    model = _MODELS[trigger["on"]]
    found = model.objects.filter(public_id=_id(trigger)).first()
    if found is None:
        raise InvalidRule("id", f"There is no such {model._meta.verbose_name}.")
    return trigger | {"id": str(found.public_id), "name": found.name}


def heard(trigger: Trigger) -> Happening:
    """Return the event that a trigger is heard by."""
    match trigger["on"]:
        case "attribute":
            new = {"new": trigger["to"]} if "to" in trigger else {}
            return _own(ATTRIBUTE_CHANGED, _is({"attribute": trigger["name"]} | new))
        case "segment":
            return _own(MOVES[trigger["did"]], _is({"segment": trigger["id"]}))
        case "place":
            return _own(VISITS[trigger["did"]], _is({"place_id": trigger["id"]}))
        case "message":
            return _message(MESSAGES[trigger["did"]], trigger)
        case _:
            where = trigger.get("where")
            return Happening(trigger["name"], schema.parse_properties({"all": where}) if where else None)


def requested(campaign_id: UUID) -> Happening:
    """Return the event that a server's request for a campaign leaves."""
    return _own(REQUESTED, _is({"campaign": str(campaign_id)}))


def answered(version: Version) -> Happening | None:
    """Return the event that each of a version's messages answers, None for none."""
    if version.when == Version.When.API:
        return requested(version.campaign.public_id)
    return heard(version.trigger) if version.has_event and version.trigger else None


def calling_off(version: Version) -> list[Happening]:
    """Return what calls off a version's waiting messages: its exceptions, and for "ignored" whatever is not."""
    trigger = version.trigger or {}
    implied = NOT_IGNORED if trigger.get("did") == "ignored" else ()
    return [*map(heard, version.exceptions), *(_message(name, trigger) for name in implied)]


def _message(name: str, trigger: Trigger) -> Happening:
    by_machine = {"on": "property", "name": "machine", "operator": "exists"}
    return _own(name, [*_is({"campaign": trigger["id"]}), {"none": [by_machine]}])


def _own(name: str, where: list[dict[str, Any]]) -> Happening:
    return Happening(name, schema.parse_properties({"all": where}), is_internal=True)


def _is(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"on": "property", "name": key, "operator": "is", "value": value} for key, value in properties.items()
    ]


def said(trigger: Trigger) -> str:
    """Return a trigger in words that follow "they": do “Cart Viewed” where total is at least 10."""
    match trigger["on"]:
        case "attribute":
            to = f" to {quoted(trigger['to'])}" if "to" in trigger else ""
            return f"have their {label(trigger['name'])} changed{to}"
        case "segment":
            return f"{IN_WORDS[trigger['did']]} the segment “{trigger['name']}”"
        case "place":
            return f"{IN_WORDS[trigger['did']]} the place “{trigger['name']}”"
        case "message" if trigger["did"] == "ignored":
            return f"get a message of “{trigger['name']}”, neither opening nor clicking it meanwhile"
        case "message":
            return f"{IN_WORDS[trigger['did']]} a message of “{trigger['name']}”"
        case _:
            return f"do {words.sentence(trigger).partition('who did ')[2]}"


def in_unit(minutes: int) -> tuple[int, str]:
    """Return a delay in the largest of UNITS that says it exactly; none at all is in minutes."""
    if not minutes:
        return 0, "minutes"
    return next((minutes // size, unit) for unit, size in reversed(UNITS.items()) if minutes % size == 0)


def delay_said(minutes: int) -> str:
    """Return a delay in words: 90 minutes, 1 hour, 3 days."""
    number, unit = in_unit(minutes)
    return f"{number} {unit.removesuffix('s') if number == 1 else unit}"
