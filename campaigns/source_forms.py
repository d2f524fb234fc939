"""The form of a source. Values of headers go in and never come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from django import forms

from campaigns.models import Source
from campaigns.sources import editing
from campaigns.sources.trial import MASK
from tenants import strict

CODE = {"class": "font-monospace", "spellcheck": "false", "autocomplete": "off"}


class SourceForm(forms.Form):
    name = forms.CharField(
        max_length=40,
        help_text="As messages say it: weather becomes {{ source.weather }}.",
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    method = forms.ChoiceField(choices=Source.Method)
    url = forms.CharField(
        label="Address",
        max_length=editing.LONGEST_TEMPLATE,
        widget=forms.Textarea({"rows": 2, **CODE}),
        help_text="Liquid may stand after the server's name: https://api.example.com/weather?city={{ profile.city }}."
        " Values are escaped for you.",
    )
    body = forms.CharField(
        required=False,
        max_length=editing.LONGEST_TEMPLATE,
        widget=forms.Textarea({"rows": 4, **CODE}),
        help_text='What a POST sends, as JSON with Liquid: {"customer": "{{ profile.external_id }}"}.',
    )
    headers = forms.CharField(
        required=False,
        widget=forms.Textarea({"rows": 3, **CODE}),
        help_text="One a line, such as Authorization: Bearer …. They are encrypted and never shown again; a line left "
        "with dots keeps its value.",
    )
    timeout_seconds = forms.IntegerField(
        label="Wait at most", min_value=1, max_value=10, initial=5, help_text="Seconds, 1 to 10."
    )
    cache_minutes = forms.IntegerField(
        label="Keep an answer for",
        min_value=0,
        max_value=1440,
        initial=5,
        help_text="Minutes, up to 1,440 (a day). 0 asks anew for each batch of messages.",
    )
    last_good_hours = forms.IntegerField(
        label="If it fails, use the last good answer for",
        min_value=0,
        max_value=168,
        initial=24,
        help_text="Hours, up to 168 (a week). 0: never.",
    )
    on_failure = forms.ChoiceField(
        label="And where there is none",
        choices=Source.OnFailure,
        widget=forms.RadioSelect,
        initial=Source.OnFailure.SKIP,
    )
    default = forms.CharField(
        label="Default answer",
        required=False,
        max_length=editing.LONGEST_TEMPLATE,
        widget=forms.Textarea({"rows": 3, **CODE}),
        help_text='JSON, such as {"today": {"temperature": null}}.',
    )

    def clean_headers(self) -> dict[str, str | None]:
        """Return the values by name; None where one is to stay as it is."""
        found: dict[str, str | None] = {}
        for number, line in enumerate(self.cleaned_data["headers"].splitlines(), 1):
            name, colon, value = (piece.strip() for piece in line.partition(":"))
            if not line.strip():
                continue
            if not colon or not name:
                raise forms.ValidationError(f"Line {number}: write it as Name: value.")
            if name.lower() in {known.lower() for known in found}:
                raise forms.ValidationError(f"Line {number}: {name} is given twice.")
            found[name] = None if value == MASK else value
        return found

    def clean_default(self) -> Any:
        text = self.cleaned_data["default"].strip()
        if not text:
            return None
        try:
            value = msgspec.json.decode(text.encode())
            strict.check(value, "")
        except (ValueError, RecursionError, strict.Refused) as wrong:
            raise forms.ValidationError(f"This is not JSON: {wrong}.") from wrong
        return value

    @classmethod
    def known(cls, query: Mapping[str, str]) -> dict[str, str]:
        """What a new source's form begins with, of what a link says of it."""
        return {name: query[name] for name in ("name", "method", "url", "body", "headers") if name in query}

    @classmethod
    def initial_of(cls, source: Source) -> dict[str, Any]:
        """What the form shows of a stored source."""
        shown = {name: getattr(source, name) for name in editing.PLAIN}
        default = msgspec.json.format(msgspec.json.encode(source.default), indent=2).decode()
        return shown | {
            "headers": "\n".join(f"{name}: {MASK}" for name in source.header_names),
            "default": "" if source.default is None else default,
        }


class TryForm(forms.Form):
    """For whom a source is asked."""

    who = forms.CharField(
        label="As",
        required=False,
        max_length=254,
        widget=forms.TextInput({"placeholder": "An email, id or name; empty: anybody"}),
    )
    event = forms.CharField(
        label="Event's properties",
        required=False,
        max_length=4_000,
        widget=forms.Textarea({"rows": 2, "placeholder": '{"order": "1001"}', **CODE}),
    )

    def clean_event(self) -> dict[str, Any]:
        text = self.cleaned_data["event"].strip()
        try:
            value = msgspec.json.decode(text.encode()) if text else {}
            strict.check(value, "")
        except (ValueError, RecursionError, strict.Refused) as wrong:
            raise forms.ValidationError(f"This is not JSON: {wrong}.") from wrong
        if not isinstance(value, dict):
            raise forms.ValidationError('Write an object, such as {"order": "1001"}.')
        return value
