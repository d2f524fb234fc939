"""The form of a mail's words."""

from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Field, Layout
from django import forms
from django.utils.text import normalize_newlines

from campaigns import languages

BODY_LIMIT = 200_000  # characters, the renderer's own limit on a source


class MailForm(forms.Form):
    """What is stored as ``Content.fields`` of a mail."""

    subject = forms.CharField(
        max_length=500,
        required=False,
        help_text="Around 50 characters show on a phone.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    preheader = forms.CharField(
        max_length=500,
        required=False,
        help_text="The grey line after the subject in the inbox.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    body_format = forms.ChoiceField(
        label="Body written in",
        choices=[("mjml", "MJML"), ("html", "HTML")],
        initial="mjml",
        widget=forms.RadioSelect({"class": "form-check-input"}),
    )
    body = forms.CharField(
        max_length=BODY_LIMIT,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false"}),
    )
    text = forms.CharField(
        label="Plain text",
        max_length=BODY_LIMIT,
        required=False,
        help_text="For readers without HTML. Left empty, it is made from the body.",
        widget=forms.Textarea(attrs={"rows": 8, "data-editor": "liquid-text"}),
    )

    def __init__(self, *args: Any, language: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("subject", "preheader", "text"):
            self.fields[name].widget.attrs |= {"dir": languages.direction(language), "lang": language}
        written_in = self["body_format"].value() or "mjml"
        self.fields["body"].widget.attrs["data-editor"] = "mjml" if written_in == "mjml" else "liquid-html"
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.helper.layout = Layout(
            Field("subject"),
            Field("preheader"),
            Field("body_format", template="delivery/email/_body_format.html"),
            Field("body"),
            Div(
                HTML("<summary>Plain text version</summary>"),
                Field("text"),
                template="delivery/email/_details.html",
            ),
        )

    def clean(self) -> dict[str, Any]:
        """Browsers send CRLF; what counts lines and what gets stored has LF."""
        cleaned = super().clean() or {}
        return {name: normalize_newlines(value) for name, value in cleaned.items()}
