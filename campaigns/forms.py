"""What the campaign editor asks for, step by step."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms

from audiences.models import EventDefinition, Segment
from campaigns import tags, triggers
from campaigns.models import Campaign, Variant, Version
from campaigns.recipes import RECIPES
from campaigns.trigger_forms import FILTERS_SHOWN, filter_forms, read_filters

EVERYONE = "everyone"
WINDOWS = [
    (24, "1 day"), (72, "3 days"), (168, "7 days"), (336, "14 days"), (720, "30 days"), (2160, "90 days"),
]  # fmt: skip


class NewForm(forms.Form):
    """A campaign's beginning."""

    name = forms.CharField(
        max_length=120,
        help_text="For your team; the people you write to do not see it.",
        widget=forms.TextInput({"autocomplete": "off", "placeholder": "Autumn catalogue"}),
    )
    recipe = forms.ChoiceField(
        required=False,
        choices=[("", "Start from a plain letter"), *((recipe.key, recipe.label) for recipe in RECIPES)],
        widget=forms.HiddenInput,
    )


class DetailsForm(forms.Form):
    """What a campaign is called and how it ranks."""

    name = forms.CharField(max_length=120)
    description = forms.CharField(required=False, max_length=2_000, widget=forms.Textarea({"rows": 2}))
    message_class = forms.ChoiceField(
        label="Kind of message",
        choices=Campaign.MessageClass,
        help_text="Transactional: what somebody asked for, such as a receipt. It needs no consent and gets no footer.",
    )
    topic = forms.CharField(
        required=False, max_length=60, help_text="What it is about; people can subscribe by topic."
    )
    priority = forms.IntegerField(
        min_value=1, max_value=5, help_text="1 goes before 5 when several are due at the same time."
    )
    tags = forms.CharField(
        required=False,
        max_length=1_000,
        help_text="Such as “promo, summer”, with commas between them. A frequency cap can count by tag.",
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def clean_tags(self) -> list[str]:
        try:
            return tags.parse(self.cleaned_data["tags"])
        except ValueError as wrong:
            raise forms.ValidationError(str(wrong)) from wrong


class AudienceForm(forms.Form):
    """Whom it is for, and how many of them are kept out to compare with."""

    audience = forms.ChoiceField(
        required=False, label="Who gets it", widget=forms.Select({"class": "form-select"})
    )
    control_percent = forms.IntegerField(
        label="Control group",
        min_value=0,
        max_value=50,
        help_text="This share gets nothing, so that results can show what the campaign itself brought about.",
        widget=forms.NumberInput({"type": "range", "min": 0, "max": 50, "step": 1, "class": "form-range"}),
    )

    def __init__(self, *args: Any, version: Version, is_control_fixed: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.segments = {str(segment.public_id): segment for segment in _segments(version.segment)}
        audience = self.fields["audience"]
        assert isinstance(audience, forms.ChoiceField)
        audience.choices = [("", "Choose a segment"), (EVERYONE, "Everyone"), *_named(self.segments)]
        self.fields["control_percent"].disabled = is_control_fixed
        if is_control_fixed:
            self.fields["control_percent"].help_text = "Drawn at the first launch; it stays as it is."

    def chosen(self) -> dict[str, Any]:
        """What ``drafts.set_audience`` takes of a valid form."""
        audience = self.cleaned_data["audience"]
        return {
            "segment": self.segments.get(audience),
            "is_everyone": audience == EVERYONE,
            "control_percent": self.cleaned_data["control_percent"],
        }


def audience_value(version: Version) -> str:
    """What the audience field shows of a stored version."""
    if version.segment is not None:
        return str(version.segment.public_id)
    return EVERYONE if version.rule is not None else ""


def _segments(chosen: Segment | None) -> list[Segment]:
    """Those that can be chosen, and the one that is, be it archived by now."""
    found = list(Segment.objects.filter(archived_at=None).order_by("name"))
    return [chosen, *found] if chosen is not None and chosen not in found else found


def _named(segments: dict[str, Segment]) -> list[tuple[str, str]]:
    return [
        (key, f"{segment.name}{' (archived)' if segment.archived_at else ''}")
        for key, segment in segments.items()
    ]


class VariantForm(forms.Form):
    """A variant's name, share, and whom it is for; in a triggered campaign also for which events."""

    name = forms.CharField(max_length=60)
    weight = forms.IntegerField(
        min_value=0, max_value=1000, help_text="Its part of the people, next to the others'."
    )
    segment = forms.ChoiceField(
        required=False, label="Only for", help_text="Variants for the same people share them."
    )
    is_default = forms.BooleanField(
        required=False,
        label="Default: for those no other variant takes",
        help_text="It may use no data that somebody could lack.",
    )

    def __init__(self, data: Any = None, *, variant: Variant) -> None:
        initial = {
            "name": variant.name,
            "weight": variant.weight,
            "segment": str(variant.segment.public_id) if variant.segment else "",
            "is_default": variant.is_default,
        }
        super().__init__(data, initial=initial, prefix="variant")
        answered = triggers.answered(variant.version)
        self.event = answered.name if answered else ""
        shown = FILTERS_SHOWN if self.event else 0
        self.filters = filter_forms(data, prefix="variant-where", where=variant.where, shown=shown)
        self.segments = {str(segment.public_id): segment for segment in _segments(variant.segment)}
        segment = self.fields["segment"]
        assert isinstance(segment, forms.ChoiceField)
        segment.choices = [("", "Everyone in the audience"), *_named(self.segments)]

    @property
    def properties(self) -> list[str]:
        """Those that events of the name have come with."""
        known = EventDefinition.objects.filter(name=self.event).first()
        return sorted(known.properties) if known else []

    def clean(self) -> None:
        self.cleaned_data["where"] = read_filters(self, self.filters, of=self.event)

    def chosen(self) -> dict[str, Any]:
        """What ``drafts.change_variant`` takes of a valid form."""
        data = self.cleaned_data
        return {
            "where": data["where"],
            "name": data["name"],
            "weight": data["weight"],
            "segment": self.segments.get(data["segment"]),
            "is_default": data["is_default"],
        }


class GoalForm(forms.Form):
    """What counts as success."""

    conversion_event = forms.CharField(
        required=False,
        max_length=200,
        label="Conversion event",
        help_text="What you hope people do after the message. Leave it empty to measure nothing.",
        widget=forms.TextInput({"list": "events", "autocomplete": "off"}),
    )
    goal = forms.CharField(
        required=False,
        max_length=60,
        label="Name of the goal",
        help_text="What the results call it, such as “Orders”.",
    )
    conversion_hours = forms.TypedChoiceField(label="Counts if it happens within", coerce=int)
    revenue_property = forms.CharField(
        required=False,
        max_length=100,
        label="Revenue is in the event's property",
        help_text="Summed up as revenue; leave it empty if the event is worth no money.",
        widget=forms.TextInput({"list": "numbers", "autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, version: Version) -> None:
        names = ("goal", "conversion_event", "conversion_hours", "revenue_property")
        super().__init__(data, initial={name: getattr(version, name) for name in names})
        offer_lengths(self, "conversion_hours", WINDOWS, unit="hours")
        where = (version.conversion_filter or {"all": []})["all"]
        self.filters = filter_forms(data, prefix="where", where=where, shown=FILTERS_SHOWN)

    def clean(self) -> None:
        event = self.cleaned_data.get("conversion_event", "")
        self.cleaned_data["where"] = read_filters(self, self.filters, of=event)
        if self.cleaned_data["where"] and not event:
            self.add_error("conversion_event", "Say which event counts, or leave out what it must be like.")

    def chosen(self) -> dict[str, Any]:
        """What ``drafts.set_goal`` takes of a valid form."""
        return self.cleaned_data

    @property
    def properties(self) -> list[str]:
        return sorted({path for event in self.events for path in event.properties})

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """Paths and their event, named here: a template that asks the mapping takes a property ``items`` for it."""
        return [
            (path, event.name)
            for event in self.events
            for path, kinds in event.properties.items()
            if "number" in kinds
        ]

    @cached_property
    def events(self) -> list[EventDefinition]:
        return list(EventDefinition.objects.filter(is_internal=False).order_by("name")[:500])


def offer_lengths(form: forms.Form, name: str, choices: list[tuple[int, str]], *, unit: str) -> None:
    """Offer lengths, and beside them the one that is stored already."""
    stored = form.initial.get(name)
    if stored is not None and stored not in dict(choices):
        choices = sorted([*choices, (stored, f"{stored} {unit}")])
    field = form.fields[name]
    assert isinstance(field, forms.TypedChoiceField)
    field.choices = choices
