"""What the place pages ask for."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms

from audiences import places
from audiences.models import Place

POINT = re.compile(r"\s*(-?\d+(?:\.\d+)?)°?\s*[,;\s]\s*(-?\d+(?:\.\d+)?)°?\s*")
MOST_TAGS, LONGEST_TAG = 10, 40


class PointField(forms.CharField):
    """Latitude and longitude in degrees, as maps copy them: 40.7128, -74.006."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(_plain, value)) if isinstance(value, tuple) else value

    def clean(self, value: Any) -> tuple[float, float]:
        found = POINT.fullmatch(super().clean(value))
        if not found:
            raise forms.ValidationError(
                "Give two numbers in degrees, such as 40.7128, -74.006: latitude, longitude."
            )
        latitude, longitude = float(found[1]), float(found[2])
        if not -90 <= latitude <= 90:
            raise forms.ValidationError("The first number, the latitude, lies between -90 and 90.")
        if not -180 <= longitude <= 180:
            raise forms.ValidationError("The second number, the longitude, lies between -180 and 180.")
        return latitude, longitude


def _plain(degrees: float) -> str:
    """Return a number as ``POINT`` reads it, every digit of it: 0.00002, not 2e-05."""
    return f"{Decimal(repr(degrees)):f}"


class DrawnForm(forms.Form):
    """A circle on the ground: enough for its picture."""

    point = PointField(
        label="Where",
        max_length=60,
        widget=forms.TextInput(
            {"autocomplete": "off", "placeholder": "40.7128, -74.006", "inputmode": "text"}
        ),
        help_text="Latitude and longitude. Any map page copies them for a point you click.",
    )
    radius_m = forms.IntegerField(
        label="Radius in metres",
        min_value=places.SMALLEST,
        max_value=places.LARGEST,
        initial=200,
        help_text="Phones are often off by 50 metres and more: smaller circles miss people.",
    )
    place = forms.UUIDField(required=False, widget=forms.HiddenInput)  # which is being changed


class PlaceForm(DrawnForm):
    """A place's name, where it is, and when somebody has entered it."""

    name = forms.CharField(
        max_length=120, widget=forms.TextInput({"autocomplete": "off", "placeholder": "Shop in Soho"})
    )
    tags = forms.CharField(
        required=False, max_length=450, help_text="For finding it again. Separate them by commas."
    )
    dwell_minutes = forms.IntegerField(
        label="Minutes before they have entered",
        min_value=0,
        max_value=places.LONGEST_DWELL,
        initial=0,
        help_text="0: as soon as they are there. With 5, whoever only passes by has not entered.",
    )
    cooldown_minutes = forms.IntegerField(
        label="Minutes in which entering again does not count",
        min_value=0,
        max_value=places.LONGEST_COOLDOWN,
        initial=60,
        help_text="Counted from when they entered. Keeps a shaky signal at the border quiet.",
    )
    field_order = ("name", "point", "radius_m", "dwell_minutes", "cooldown_minutes", "tags")

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_tags(self) -> list[str]:
        tags = [" ".join(tag.split()) for tag in self.cleaned_data["tags"].split(",")]
        kept = list(dict.fromkeys(tag for tag in tags if tag))
        if len(kept) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in kept):
            raise forms.ValidationError(f"At most {MOST_TAGS} tags of {LONGEST_TAG} characters.")
        return kept

    def words(self) -> dict[str, Any]:
        """Return what was entered as ``places.create`` takes it."""
        words = {name: value for name, value in self.cleaned_data.items() if name != "place"}
        words["latitude"], words["longitude"] = words.pop("point")
        return words


def initial(place: Place) -> dict[str, Any]:
    """Return a place as its form shows it."""
    same = ("name", "radius_m", "dwell_minutes", "cooldown_minutes")
    return {name: getattr(place, name) for name in same} | {
        "place": place.public_id,
        "point": (place.latitude, place.longitude),
        "tags": ", ".join(place.tags),
    }
