"""What the segment pages ask for."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from django import forms

from audiences import segments
from audiences.rules import schema
from audiences.rules.tree import InvalidRule

LONGEST_RULE = 200_000  # characters


class RuleField(forms.CharField):
    """A rule as JSON. ``path`` of the validation error's params says where it is wrong."""

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=LONGEST_RULE, strip=True, **options)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)

    def clean(self, value: Any) -> segments.Rule:
        text = super().clean(value)
        try:
            rule = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as exc:
            raise forms.ValidationError(f"This is no JSON: {exc}.", code="json") from exc
        try:
            schema.check(rule)
        except InvalidRule as exc:
            raise invalid(exc) from exc
        return rule


def invalid(problem: InvalidRule) -> forms.ValidationError:
    """Return what a form shows for a rule that is none: what is wrong, and then where, for those who read JSON."""
    said = f"{problem.message} ({problem.path})" if problem.path else problem.message
    where = {"said": said, "message": problem.message, "path": problem.path}
    return forms.ValidationError("%(said)s", code="rule", params=where)


class SegmentForm(forms.Form):
    """A segment's name and rule."""

    name = forms.CharField(
        max_length=120, widget=forms.TextInput({"autocomplete": "off", "placeholder": "Lapsed buyers"})
    )
    description = forms.CharField(
        required=False,
        max_length=2_000,
        widget=forms.Textarea({"rows": 2}),
        help_text="For your team: what it is for.",
    )
    rule = RuleField(
        label="Rule as JSON",
        widget=forms.Textarea(
            {"rows": 14, "spellcheck": "false", "autocomplete": "off", "class": "font-monospace"}
        ),
    )

    def add_refusal(self, exc: Exception) -> None:
        """Show why the segment was not saved beside the field that it is about."""
        if isinstance(exc, InvalidRule):
            self.add_error("rule", invalid(exc))
        else:
            self.add_error("name" if isinstance(exc, segments.NameTaken) else "rule", str(exc))


class RuleForm(forms.Form):
    """A rule that somebody is trying out."""

    rule = RuleField()
    seed = forms.IntegerField(required=False, min_value=0, max_value=2**31)


class WhyForm(forms.Form):
    """A rule, and somebody it may or may not mean."""

    rule = RuleField()
    person = forms.CharField(required=False, max_length=200)
