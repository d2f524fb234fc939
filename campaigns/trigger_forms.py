"""What sets a campaign off and calls it off, as forms: events, attributes, segments, other campaigns' messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django import forms

from audiences.attributes import STANDARD
from audiences.models import AttributeDefinition, EventDefinition, Place, Segment
from audiences.rules.tree import InvalidRule
from campaigns import triggers
from campaigns.models import Campaign, Version

BOUNDS = re.compile(r"(\S+)\s+(?:and|to)\s+(\S+)")  # as "is between" takes them
FILTERS_SHOWN = 2  # of the trigger; as many as it has, if it has more


class FilterForm(forms.Form):
    """One filter on an event's property. Left without a property, there is none."""

    property = forms.CharField(
        required=False,
        max_length=200,
        label="Property",
    )
    operator = forms.ChoiceField(required=False, label="Comparison", choices=list(triggers.FILTERS.items()))
    value = forms.CharField(required=False, max_length=500, label="Value")

    def condition(self, kinds: list[str]) -> dict[str, Any] | None:
        """Return the filter as the rule language has it; ``kinds`` are those its property came with."""
        data = self.cleaned_data
        if not data["property"]:
            return None
        condition = {"on": "property", "name": data["property"], "operator": data["operator"] or "is"}
        if condition["operator"] == "exists":
            return condition
        return condition | {"value": value_of(data["value"], condition["operator"], kinds)}


def value_of(text: str, operator: str, kinds: list[str]) -> Any:
    """Return what was typed as the kind of value it is compared with. Raises ValidationError."""
    if operator == "between":
        bounds = BOUNDS.fullmatch(text.strip())
        if bounds is None:
            raise forms.ValidationError("Give two numbers, such as 10 and 50.")
        return sorted(map(_number, bounds.groups()))
    is_number = operator in ("greater", "at_least", "less", "at_most") or kinds == ["number"]
    if is_number:
        return _number(text)
    if kinds == ["boolean"] and text.lower() in ("true", "false", "yes", "no"):
        return text.lower() in ("true", "yes")
    return text


def _number(text: str) -> float:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        raise forms.ValidationError(f"“{text}” is no number.") from None
    return int(number) if number.is_integer() else number


def filter_forms(
    data: Any, *, prefix: str, where: Sequence[Mapping[str, Any]], shown: int
) -> list[FilterForm]:
    """Return forms for filters that are there, and empty ones up to ``shown``."""
    return [
        FilterForm(
            data,
            prefix=f"{prefix}-{number}",
            initial=_shown(where[number]) if number < len(where) else None,
        )
        for number in range(max(shown, len(where)))
    ]


def conditions(filters: Iterable[FilterForm], *, of: str) -> list[dict[str, Any]]:
    """Return what was entered in valid forms as filters on events named ``of``. Adds errors to those that are none."""
    known = EventDefinition.objects.filter(name=of).values_list("properties", flat=True).first() or {}
    where = []
    for each in filters:
        try:
            condition = each.condition(known.get(each.cleaned_data["property"], []))
        except forms.ValidationError as wrong:
            each.add_error("value", wrong)
            continue
        if condition:
            where.append(condition)
    return where


def read_filters(form: forms.Form, filters: Sequence[FilterForm], *, of: str) -> list[dict[str, Any]]:
    """Return what was entered as filters on events named ``of``; say what is wrong as if it were of ``form``."""
    where = conditions(filters, of=of) if all(each.is_valid() for each in filters) else []
    for wrong in (error for each in filters for errors in each.errors.values() for error in errors):
        form.add_error(None, str(wrong))
    return where


class EventForm(forms.Form):
    """An event by its name, with filters below."""

    event = forms.CharField(
        required=False,
        max_length=255,
        label="Event",
    )

    def __init__(
        self, data: Any = None, *, prefix: str, trigger: Mapping[str, Any] | None, filters: int
    ) -> None:
        trigger = trigger or {}
        super().__init__(data, prefix=prefix, initial={"event": trigger.get("name", "")})
        where = trigger.get("where", [])
        self.filters = filter_forms(data, prefix=prefix, where=where, shown=filters)

    def trigger(self) -> triggers.Trigger | None:
        """Return what was entered, None for no event. Adds the form's errors where it is none."""
        if not self.is_valid() or not all(each.is_valid() for each in self.filters):
            return None
        name = self.cleaned_data["event"].strip()
        if not name:
            return None
        try:
            return triggers.make(name, conditions(self.filters, of=name))
        except InvalidRule as wrong:
            self.add_error("event", str(wrong))
            return None


def _shown(condition: Mapping[str, Any]) -> dict[str, Any]:
    value = condition.get("value", "")
    return {
        "property": condition.get("name", ""),
        "operator": condition.get("operator", "is"),
        "value": " and ".join(map(str, value)) if isinstance(value, list) else value,
    }


class TriggerForm(forms.Form):
    """What sets it off: one of several kinds, each with fields of its own. Only those of the chosen kind count."""

    kind = forms.ChoiceField(
        required=False,
        label="What sets it off",
        choices=[
            ("event", "They do something"),
            ("attribute", "An attribute of theirs changes"),
            ("segment", "They enter or leave a segment"),
            ("place", "They enter or leave a place"),
            ("message", "What they make of another campaign’s message"),
        ],
        widget=forms.RadioSelect({"class": "form-check-input"}),
    )
    attribute = forms.CharField(
        required=False,
        max_length=200,
        label="Attribute",
        widget=forms.TextInput({"list": "attributes", "autocomplete": "off", "placeholder": "plan"}),
    )
    attribute_to = forms.CharField(
        required=False, max_length=500, label="Changes to", help_text="Leave it empty for any value."
    )
    moved = forms.ChoiceField(required=False, label="They", choices=[("entered", "enter"), ("left", "leave")])
    segment = forms.ModelChoiceField(
        Segment._base_manager.none(),
        required=False,
        label="Segment",
        to_field_name="public_id",
        empty_label="Choose a segment",
        help_text="Whoever is in it already when you launch does not count as entering.",
    )
    visited = forms.ChoiceField(
        required=False, label="They", choices=[("entered", "enter"), ("left", "leave")]
    )
    place = forms.ModelChoiceField(
        Place._base_manager.none(),
        required=False,
        label="Place",
        to_field_name="public_id",
        empty_label="Choose a place",
        help_text="By the locations that your app tells. Whoever is there when you make the place has not entered.",
    )
    made_of_it = forms.ChoiceField(
        required=False,
        label="They",
        choices=[
            ("got", "get a message of"),
            ("opened", "open a message of"),
            ("clicked", "click in a message of"),
            ("ignored", "ignore a message of"),
        ],
    )
    campaign = forms.ModelChoiceField(
        Campaign._base_manager.none(),
        required=False,
        label="Campaign",
        to_field_name="public_id",
        empty_label="Choose a campaign",
        help_text="To ignore is to neither open nor click it during the wait below.",
    )

    def __init__(self, data: Any = None, *, version: Version) -> None:
        trigger = version.trigger or {}
        super().__init__(data, prefix="trigger", initial=_initial(trigger))
        is_event = trigger.get("on", "event") == "event"
        self.event = EventForm(
            data, prefix="trigger", trigger=trigger if is_event else None, filters=FILTERS_SHOWN
        )
        segments, places, campaigns = self.fields["segment"], self.fields["place"], self.fields["campaign"]
        assert isinstance(segments, forms.ModelChoiceField)
        assert isinstance(places, forms.ModelChoiceField)
        assert isinstance(campaigns, forms.ModelChoiceField)
        segments.queryset = Segment.objects.filter(archived_at=None).order_by("name")
        places.queryset = Place.objects.order_by("name")
        others = Campaign.objects.filter(archived_at=None).exclude(pk=version.campaign_id)
        campaigns.queryset = others.order_by("name")

    @cached_property
    def attributes(self) -> list[str]:
        custom = AttributeDefinition.objects.order_by("name").values_list("name", flat=True)[:500]
        return sorted({*STANDARD, *custom})

    @property
    def chosen(self) -> str:
        return self["kind"].value() or "event"

    def trigger(self) -> triggers.Trigger | None:
        """Return what was entered, None where the chosen kind was left empty or is wrong."""
        return self._kinds()[self.cleaned_data["kind"] or "event"]() if self.is_valid() else None

    def missing(self) -> str:
        """Return what to say where nothing was entered."""
        return {
            "event": "Say which event sets it off.",
            "attribute": "Say which attribute’s change sets it off.",
            "segment": "Choose the segment that sets it off.",
            "place": "Choose the place that sets it off.",
            "message": "Choose the campaign whose messages set it off.",
        }[self.chosen]

    def wrong(self) -> list[str]:
        return [str(error) for errors in self.errors.values() for error in errors]

    def _kinds(self) -> dict[str, Callable[[], triggers.Trigger | None]]:
        given = self.cleaned_data
        segment, place, campaign = given["segment"], given["place"], given["campaign"]
        return {
            "event": self.event.trigger,
            "attribute": self._attribute,
            "segment": lambda: triggers.on_segment(segment, given["moved"] or "entered") if segment else None,
            "place": lambda: triggers.on_place(place, given["visited"] or "entered") if place else None,
            "message": lambda: (
                triggers.on_message(campaign, given["made_of_it"] or "got") if campaign else None
            ),
        }

    def _attribute(self) -> triggers.Trigger | None:
        name, to = self.cleaned_data["attribute"].strip(), self.cleaned_data["attribute_to"]
        if not name:
            return None
        kinds = AttributeDefinition.objects.filter(name=name).values_list("kinds", flat=True).first() or []
        trigger = triggers.on_attribute(name, value_of(to, "is", kinds) if to else None)
        try:
            triggers.check(trigger)
        except InvalidRule as wrong:
            self.add_error("attribute", str(wrong))
            return None
        return trigger


def _initial(trigger: Mapping[str, Any]) -> dict[str, Any]:
    kind, did, id_ = trigger.get("on", "event"), trigger.get("did"), trigger.get("id")
    own = {
        "attribute": {"attribute": trigger.get("name"), "attribute_to": trigger.get("to", "")},
        "segment": {"moved": did, "segment": id_},
        "place": {"visited": did, "place": id_},
        "message": {"made_of_it": did, "campaign": id_},
    }
    return {"kind": kind} | own.get(kind, {})
