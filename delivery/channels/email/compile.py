"""Turns what an author wrote into the templates that the renderer fills: once, when it is saved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from campaigns.liquid.renderer import Renderer, RendererFailed

if TYPE_CHECKING:
    from campaigns.liquid.syntax import Places
    from campaigns.liquid.wire import Problem

Format = Literal["mjml", "html"]

SYSTEM_FONT = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
"""There on every machine: MJML's own choice makes the reader's mail program ask a font server."""

_HIDDEN = (
    '<div style="display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;'
    'mso-hide:all">{preheader}</div>'
)
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_MADE_BY_MJML = "mj-outlook-group-fix"
_NOT_SHOWN = re.compile(r"<!--.*?-->|\{%-?\s*comment\b.*?endcomment\s*-?%\}", re.DOTALL)
_UNSUBSCRIBE = re.compile(r"<a\b[^>]*\bhref\s*=\s*[\"']?[^\"'>]*\{\{-?\s*unsubscribe_url\b", re.IGNORECASE)
_FETCHED = re.compile(
    r"""(?:\bsrc|\bbackground)\s*=\s*["'](https?://[^"']+)|url\(\s*["']?(https?://[^"')]+)"""
)


class CompileProblem(Struct, frozen=True):
    """What keeps a mail from being compiled, in which of its fields. Line and column count from 1."""

    part: str
    line: int
    column: int
    message: str


class CompiledEmail(Struct, frozen=True):
    """A mail as templates, with its blocks written in; empty where there are problems."""

    html: str = ""
    text: str = ""
    subject: str = ""
    preheader: str = ""
    problems: list[CompileProblem] = []


def compile_email(
    *,
    body: str,
    body_format: Format,
    subject: str = "",
    preheader: str = "",
    text: str = "",
    language: str = "",
    blocks: Mapping[str, str] | None = None,
    is_mirrored: bool = False,
) -> CompiledEmail:
    """Return a mail as Liquid templates, or what is wrong with its body. Its Liquid was checked before.

    The preheader goes into the HTML, hidden. Where there is no text of the author's, one is made from the HTML. It is
    marked as being in ``language``, and laid out from the right where that is written so. ``is_mirrored``: what MJML's
    attributes say was meant for the other way, so that left and right change places.
    """
    from campaigns.liquid.environments import environment
    from campaigns.liquid.syntax import read
    from delivery.channels.email import plaintext, spoken

    is_mjml = body_format == "mjml"
    body, places = read(body, blocks, environment("html"))
    preheader, _ = read(preheader, blocks, environment("line"))
    html, problems = (
        _from_mjml(body, places, preheader, language, is_mirrored)
        if is_mjml
        else (_with_preheader(body, preheader), _left_as_tags(body, places))
    )
    if problems:
        return CompiledEmail(problems=problems)
    html = spoken.marked(html, language, is_framed=is_mjml)
    text = read(text, blocks, environment("text"))[0] if text.strip() else plaintext.from_html(html)
    subject, _ = read(subject, blocks, environment("line"))
    return CompiledEmail(html, text, subject, preheader)


def compile_isolated(renderer: Renderer, **fields: Any) -> CompiledEmail:
    """Compile in the renderer's child: what breaks the compiler breaks nothing else. Takes what compile_email takes."""
    try:
        return msgspec.convert(renderer.run(compile_email, **fields), CompiledEmail)
    except RendererFailed as error:
        problem = CompileProblem("body", 1, 1, f"This body cannot be read. {error}")
        return CompiledEmail(problems=[problem])


def needs_inlining(html: str) -> bool:
    """Whether filled messages of this template must pass through ``inline``: hand-written, with a style sheet."""
    return bool(_STYLE.search(html)) and _MADE_BY_MJML not in html


def inline(html: str) -> str:
    """Return a filled message with its style sheets copied to the elements they match. Fetches nothing."""
    import css_inline

    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True, keep_link_tags=True)
    return inliner.inline(html)


def has_unsubscribe_link(html: str) -> bool:
    """Whether a template links to where its reader can unsubscribe, in words that are shown."""
    return bool(_UNSUBSCRIBE.search(_NOT_SHOWN.sub("", html)))


def _from_mjml(
    body: str, places: Places, preheader: str, language: str, is_mirrored: bool
) -> tuple[str, list[CompileProblem]]:
    from mjml import mjml2html

    from delivery.channels.email.mjml_source import Mistake, Reading
    from delivery.channels.email.placeholders import Vault

    vault = Vault()
    reading = Reading(body, vault, drop_preview=bool(preheader.strip()), is_mirrored=is_mirrored)
    mistakes = reading.mistakes
    html = ""
    if not mistakes:
        try:
            html = mjml2html(_with_our_head(reading, vault, preheader, language), fonts={})
        except ValueError as error:
            mistakes = [Mistake(0, f"MJML cannot read this: {error}.")]
    if not mistakes:
        mistakes = [
            Mistake(index, "MJML takes no Liquid in this attribute: write a plain value.")
            for word, index in reading.kept.items()
            if word not in html
        ]
        html = vault.restore(html)
        mistakes += [
            Mistake(0, f"MJML would load {url} here: give the tag a picture of your own.")
            for url in _fetched(html)
            if url not in body
        ]
    return html, _told(places.problem(found.index, found.message) for found in mistakes)


def _left_as_tags(body: str, places: Places) -> list[CompileProblem]:
    """MJML's tags in a body of HTML, which nobody would lay out; of a block the first, for all stand where it does."""
    from delivery.channels.email.mjml_source import mjml_in
    from delivery.channels.email.placeholders import masked

    said = "<{}> is MJML, and this body is written in HTML: say it in HTML, or choose MJML for the body."
    found = [places.problem(index, said.format(tag)) for index, tag in mjml_in(masked(body))]
    return _told({(each.line, each.column): each for each in reversed(found)}.values())


def _told(problems: Iterable[Problem]) -> list[CompileProblem]:
    """Of the body, in order; what is wrong where a block begins and where it ends is said once."""
    said = dict.fromkeys((each.line, each.column, each.message) for each in problems)
    return [CompileProblem("body", *each) for each in sorted(said, key=lambda each: each[:2])]


def _with_our_head(reading: Any, vault: Any, preheader: str, language: str) -> str:
    from campaigns import languages
    from delivery.channels.email.spoken import MJML_FROM_THE_RIGHT

    from_the_right = MJML_FROM_THE_RIGHT if languages.is_right_to_left(language) else ""
    head = f'<mj-attributes><mj-all font-family="{SYSTEM_FONT}" />{from_the_right}</mj-attributes>'
    if preheader.strip():
        head += f"<mj-preview>{vault.keep(_as_html(preheader))}</mj-preview>"
    pieces = list(reading.pieces)
    if reading.head_at is not None:
        pieces.insert(reading.head_at, head)
    else:
        pieces.insert(reading.mjml_at, f"<mj-head>{head}</mj-head>")
    return "".join(pieces)


def _with_preheader(body: str, preheader: str) -> str:
    if not preheader.strip():
        return body
    hidden = _HIDDEN.format(preheader=_as_html(preheader))
    if found := _BODY.search(body):
        return body[: found.end()] + hidden + body[found.end() :]
    return hidden + body


def _as_html(words: str) -> str:
    """Escape an author's plain words and leave the Liquid among them."""
    from delivery.channels.email.placeholders import LIQUID

    pieces = []
    at = 0
    for match in LIQUID.finditer(words):
        pieces += [escape(words[at : match.start()], quote=False), match.group()]
        at = match.end()
    return "".join([*pieces, escape(words[at:], quote=False)])


def _fetched(html: str) -> list[str]:
    return list(dict.fromkeys(first or second for first, second in _FETCHED.findall(html)))
