"""What was laid out for a language written from the left comes from the right in one written so, and the other way."""

from __future__ import annotations

import pytest

from campaigns import contents, drafts
from campaigns.models import Version
from delivery.channels.email.mirror import mirrored
from tenants.models import Tenant, User

TAGS = {
    "a side": ('<mj-text align="left">', '<mj-text align="right">'),
    "in single quotes, with spaces": ("<mj-text align = 'right' >", "<mj-text align = 'left' >"),
    "the middle stays": ('<mj-text align="center" color="left">',) * 2,
    "room at one side": ('<x padding-left="9px" padding-right="1px">', '<x padding-right="9px" padding-left="1px">'),
    "room all around": ('<mj-column padding="1px 2px 3px 4px">', '<mj-column padding="1px 4px 3px 2px">'),
    "two or three lengths have no sides": ('<mj-text padding="1px 2px 3px">', '<mj-text padding="1px 2px 3px">'),
    "corners": ('<mj-column border-radius="1px 2px 3px 4px">', '<mj-column border-radius="2px 1px 4px 3px">'),
    "a line at one side": ('<mj-column border-left="1px solid red">', '<mj-column border-right="1px solid red">'),
    "where a picture lies": ('<x background-position="left top">', '<x background-position="right top">'),
    "words are no sides": ('<mj-image alt="left of it" src="https://a.test/left.png">',) * 2,
    "Liquid stays": ('<mj-text align="{{ event.side }}" padding-top="2px">',) * 2,
    "nothing said": ("<mj-text>", "<mj-text>"),
}  # fmt: skip


@pytest.mark.parametrize(("tag", "changed"), TAGS.values(), ids=TAGS)
def test_left_and_right_change_places_in_a_tag(tag: str, changed: str) -> None:
    assert mirrored(tag) == changed
    assert mirrored(changed) == tag


BODY = """<mjml><mj-head><mj-attributes><mj-class name="far" padding-left="77px" /></mj-attributes></mj-head><mj-body>
<mj-section><mj-column><mj-text align="left" mj-class="far"><span align="left">Hi</span></mj-text>
</mj-column></mj-section></mj-body></mjml>"""
LANGUAGES = {
    "a translation written from the right": ("en", "ar", "right"),
    "one written like the default": ("en", "de", "left"),
    "the default words as they are": ("en", "", "left"),
    "those of a campaign written from the right, too": ("ar", "", "left"),
    "and their translation into one from the left": ("ar", "en", "right"),
    "from the right into another such": ("ar", "he", "left"),
}


@pytest.mark.parametrize(("default", "language", "side"), LANGUAGES.values(), ids=LANGUAGES)
def test_a_translation_is_laid_out_as_its_language_is_written(
    default: str, language: str, side: str, version: Version
) -> None:
    version.language = default
    fields = {"subject": "Hi", "preheader": "", "body_format": "mjml", "body": BODY, "text": ""}
    made = contents.compile_fields(channel="email", fields=fields, version=version, language=language)
    html = made.parts["html"]["text"]
    assert f'<td align="{side}" style="font-size:0px;padding:10px 25px;' in html.replace("; ", ";")
    assert f"padding-{side}:77px" in html
    assert '<span align="left">' in html
    assert any("change places" in note for note in made.notes) == (side == "right")


@pytest.fixture
def version(tenant: Tenant, owner: User) -> Version:
    return drafts.create(tenant=tenant, actor=owner, name="Spring").versions.get()
