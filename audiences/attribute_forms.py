"""What the page of one attribute asks for: a value, in the way its kind is entered."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from audiences import attributes, definitions
from audiences.place_forms import PointField
from audiences.telling import POINT

KINDS = {
    "text": "Text",
    "number": "Number",
    "boolean": "Yes or no",
    "date": "Date",
    "time": "Date and time",
    "array": "List",
    "object": "JSON",
}
HINTS = {
    "email": "If somebody without an external id has this address already, the two become one person.",
    "phone": "With its country code, such as +49 30 901820.",
    "language": "A language tag, such as de or pt-BR.",
    "timezone": "A name of the IANA database, such as Europe/Berlin.",
    "country": "Its code or English name, such as DE or Germany.",
}


def kind_of(value: Any) -> str:
    """Return the kind under which a value is entered without losing anything."""
    match definitions.kind(value):
        case "time" if _is_day(value):
            return "date"
        case "time":
            moment = _moment(value)
            return "time" if moment and not moment.microsecond else "text"
        case "array":
            is_lines = all(isinstance(item, str) and item.strip() and "\n" not in item for item in value)
            return "array" if is_lines else "object"
        case kind:
            return kind


def shown(value: Any, kind: str) -> Any:
    """Return a value as its field takes it."""
    match kind:
        case "boolean":
            return "yes" if value else "no"
        case "time":
            return _moment(value)
        case "array":
            return "\n".join(value)
        case "object":
            return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        case _:
            return value


def _is_day(value: str) -> bool:
    try:
        return parse_date(value) is not None
    except ValueError:
        return False


def _moment(value: str) -> datetime | None:
    """Return the moment a text says, if it is one, and one that the brand's clock can show too."""
    try:
        moment = parse_datetime(value)
        if moment and timezone.is_naive(moment):
            moment = moment.replace(tzinfo=UTC)
        return moment and moment.astimezone(timezone.get_current_timezone()) and moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class TextField(forms.CharField):
    widget = forms.Textarea({"rows": 2})


class NumberField(forms.CharField):
    widget = forms.NumberInput({"step": "any"})

    def clean(self, value: Any) -> int | float:
        text = super().clean(value)
        try:
            number = msgspec.json.decode(text, type=int | float)
        except msgspec.DecodeError:
            raise forms.ValidationError("Enter a number, such as 12 or 0.5.") from None
        return number


class YesField(forms.ChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[("yes", "Yes"), ("no", "No")], **options)

    def clean(self, value: Any) -> bool:
        return bool(super().clean(value) == "yes")


class DateField(forms.DateField):
    widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")

    def clean(self, value: Any) -> str:
        day: date = super().clean(value)
        return day.isoformat()


class TimeField(forms.DateTimeField):
    widget = forms.DateTimeInput({"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S")

    def clean(self, value: Any) -> str:
        moment: datetime = super().clean(value)
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            raise forms.ValidationError("Enter a date between the years 1 and 9999.") from None
        return moment.isoformat().replace("+00:00", "Z")


class LinesField(forms.CharField):
    widget = forms.Textarea({"rows": 5})

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


class JsonField(forms.CharField):
    widget = forms.Textarea({"rows": 8, "spellcheck": "false", "class": "font-monospace"})

    def clean(self, value: Any) -> Any:
        try:
            return msgspec.json.decode(super().clean(value))
        except (msgspec.DecodeError, RecursionError) as exc:
            raise forms.ValidationError(f"This is no JSON: {exc}.") from exc


FIELDS: dict[str, tuple[type[forms.Field], str]] = {
    "text": (TextField, ""),
    "number": (NumberField, ""),
    "boolean": (YesField, ""),
    "date": (DateField, ""),
    "time": (TimeField, "By your brand's clock."),
    "array": (LinesField, "One item on each line."),
    "object": (JsonField, "For what the other kinds cannot hold."),
    "point": (PointField, "Latitude and longitude in degrees, such as 40.7128, -74.006."),
}


class AttributeForm(forms.Form):
    """A value of ``kind`` for the attribute ``of``, or for one that the form asks the name of."""

    name = forms.CharField(
        max_length=255,
        widget=forms.TextInput({"autocomplete": "off", "list": "attribute-names", "placeholder": "plan"}),
    )
    # Another kind is entered in another field.
    kind = forms.ChoiceField(
        choices=list(KINDS.items()),
        widget=forms.Select(
            {
                "hx-get": "",
                "hx-include": "closest form",
                "hx-params": "of,name,kind",
                "hx-target": "#attribute-form",
                "hx-select": "#attribute-form",
                "hx-swap": "outerHTML",
            }
        ),
    )

    def __init__(self, data: Any = None, *, of: str, kind: str, initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial | {"kind": kind})
        self._of = of
        if of:
            del self.fields["name"]
        if of in attributes.STANDARD:
            del self.fields["kind"]
        field, hint = FIELDS[kind]
        self.fields["value"] = field(label="Value", help_text=HINTS.get(of, hint))

    def stated(self) -> dict[str, Any]:
        """Return what was entered as ``telling.tell`` takes it."""
        name, value = self._of or self.cleaned_data["name"], self.cleaned_data["value"]
        return (
            dict(zip(POINT, value, strict=True))
            if name in POINT and isinstance(value, tuple)
            else {name: value}
        )
