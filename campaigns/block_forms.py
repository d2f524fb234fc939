"""The forms of a block."""

from __future__ import annotations

from typing import Any

from django import forms

from campaigns import languages
from campaigns.blocks import editing


class BlockForm(forms.Form):
    """A block's words in one language; of a new one its name too."""

    name = forms.CharField(
        max_length=editing.LONGEST_NAME,
        help_text='As messages say it: footer becomes {% render "footer" %}. It stays as it is.',
        widget=forms.TextInput({"autocomplete": "off", "class": "font-monospace", "spellcheck": "false"}),
    )
    text = forms.CharField(
        label="Words",
        required=False,  # what is missing is said like any other problem
        strip=False,
        widget=forms.Textarea({"rows": 18, "spellcheck": "false", "data-editor": "mjml"}),
        help_text="Liquid in plain words, HTML, or a piece of MJML such as an mj-section.",
    )

    def __init__(self, *args: Any, is_new: bool, language: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["name"]
        self.fields["text"].widget.attrs |= {"dir": languages.direction(language), "lang": language}
