"""What rules can speak of in one tenant: its attributes, events, campaigns, segments; how each can be compared."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from audiences import messages
from audiences.attributes import STANDARD, countries, languages
from audiences.models import AttributeDefinition, EventDefinition, Place, Profile, Segment
from audiences.rules import operands, operators, times
from audiences.rules.fragments import Fragment, sql
from audiences.rules.operands import Json
from audiences.rules.phrases import LABELS

# What each operator is called beside an attribute's name, and the kinds of values it is offered for.
OPERATORS: list[tuple[str, str, set[str]]] = [
    ("is", "is", {"text", "number", "boolean"}),
    ("is_not", "is not", {"text", "number"}),
    ("is_one_of", "is one of", {"text", "number"}),
    ("is_none_of", "is none of", {"text", "number"}),
    ("contains", "contains", {"text"}),
    ("does_not_contain", "does not contain", {"text"}),
    ("starts_with", "starts with", {"text"}),
    ("ends_with", "ends with", {"text"}),
    ("greater", "is greater than", {"number"}),
    ("at_least", "is at least", {"number"}),
    ("less", "is less than", {"number"}),
    ("at_most", "is at most", {"number"}),
    ("between", "is between", {"number", "time"}),
    ("within_last", "is in the last", {"time"}),
    ("within_next", "is in the next", {"time"}),
    ("longer_ago_than", "is longer ago than", {"time"}),
    ("before", "is before", {"time"}),
    ("after", "is after", {"time"}),
    ("includes", "includes", {"array"}),
    ("does_not_include", "does not include", {"array"}),
    ("includes_any_of", "includes any of", {"array"}),
    ("includes_none_of", "includes none of", {"array"}),
    ("exists", "has a value", {"any"}),
    ("is_missing", "is missing", {"any"}),
]
# Attributes that nearly everyone has to themselves: suggesting values would only show people's addresses.
OWN = {
    "external_id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "latitude",
    "longitude",
    "located_at",
    "created_at",
    "last_seen_at",
}
LOOKED_AT = 20_000  # of the newest profiles or events, to find values to suggest
SUGGESTED = 30


def describe(*, leave_out: Segment | None = None) -> dict[str, Any]:
    """Return, as JSON values, what the rule builder offers. Needs the tenant's scope open."""
    segments = Segment.objects.filter(archived_at=None).order_by("name")
    if leave_out:
        segments = segments.exclude(pk=leave_out.pk)
    return {
        "operators": [
            {"name": name, "label": label, "kinds": sorted(kinds), "shape": _shape(name)}
            for name, label, kinds in OPERATORS
        ],
        "attributes": _attributes(),
        "events": [
            {"name": event.name, "label": event.label, "properties": event.properties}
            for event in EventDefinition.objects.order_by("is_internal", "name")
        ],
        "segments": [{"id": str(segment.public_id), "name": segment.name} for segment in segments],
        "messages": {
            "deeds": list(messages.DEEDS.items()),
            "channels": [[channel.kind, channel.label] for channel in messages.channels()],
            "campaigns": [
                {
                    "id": str(campaign.id),
                    "name": f"{campaign.name} (archived)" if campaign.is_archived else campaign.name,
                    "variants": list(campaign.variants.items()),
                }
                for campaign in messages.campaigns()
            ],
        },
        "countries": list(countries().items()),
        "places": [[str(place.public_id), place.name] for place in Place.objects.order_by("name")],
        "languages": languages(),
        "standings": [list(choice) for choice in Profile.Standing.choices],
        "units": list(times.UNITS),
    }


def _shape(name: str) -> str:
    """Return what kind of fields a value takes."""
    operator = operators.OPERATORS.get(name, operators.NUMBER_RANGE)
    if not operator.needs_value:
        return "none"
    if operator.takes == operators.OPTIONS:
        return "list"
    if operator.takes == operators.LENGTH:
        return "length"
    return {operators.BETWEEN: "pair", "before": "time", "after": "time"}.get(name, "one")


def _attributes() -> list[dict[str, Any]]:
    standard = [
        {
            "name": name,
            "label": STANDARD[name].label if name in STANDARD else LABELS[name].capitalize(),
            "kinds": [kind],
            "suggests": name not in OWN,
        }
        for name, kind in operands.COLUMNS.items()
    ]
    custom = [
        {"name": attribute.name, "label": attribute.label, "kinds": attribute.kinds, "suggests": True}
        for attribute in AttributeDefinition.objects.exclude(name__in=operands.COLUMNS).order_by("name")
    ]
    return standard + custom


def suggestions(*, tenant_id: int, name: str, event: str = "") -> list[Any]:
    """Return the most frequent values of an attribute, or of an event's property, among the newest people or events.

    Elements stand for their arrays; objects and what each has to themselves are left out.
    """
    if event:
        rows = sql(
            "SELECT {} AS value FROM audiences_event e WHERE e.tenant_id = {} AND e.name = {}"
            " ORDER BY e.occurred_at DESC LIMIT {}",
            _value(Json(Fragment("e.properties"), tuple(name.split(".")))),
            tenant_id,
            event,
            LOOKED_AT,
        )
    elif name in OWN:
        return []
    else:
        rows = sql(
            "SELECT {} AS value FROM audiences_profile p WHERE p.tenant_id = {} AND p.merged_into_id IS NULL"
            " AND p.erased_at IS NULL ORDER BY p.id DESC LIMIT {}",
            _value(operands.attribute(name)),
            tenant_id,
            LOOKED_AT,
        )
    return _most_frequent(rows)


def _value(operand: operands.Operand) -> Fragment:
    return sql("to_jsonb({})", operand.typed("any"))


def _most_frequent(rows: Fragment) -> list[Any]:
    query = sql(
        "SELECT element FROM ({}) v CROSS JOIN LATERAL jsonb_array_elements("
        "CASE WHEN jsonb_typeof(v.value) = 'array' THEN v.value ELSE jsonb_build_array(v.value) END) element"
        " WHERE jsonb_typeof(element) IN ('string', 'number', 'boolean') AND length(element::text) < 200"
        " GROUP BY element ORDER BY count(*) DESC, element LIMIT {}",
        rows,
        SUGGESTED,
    )
    with connection.cursor() as cursor:
        cursor.execute(query.text, list(query.params))
        return [json.loads(value) for (value,) in cursor.fetchall()]
