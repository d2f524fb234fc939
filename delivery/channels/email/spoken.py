"""A mail's HTML in one language: says which it is, and runs the way that language is written."""

from __future__ import annotations

import re

from campaigns import languages

_MARKED = re.compile(
    r"""<(?:html|body)\b(?:[^>"']|"[^"]*"|'[^']*')*>|<div aria-roledescription="email"[^>]*>""", re.IGNORECASE
)
_OWN = re.compile(r"""\s(?:lang|dir)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']+)""", re.IGNORECASE)
_BODY = re.compile(r"""<body\b(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
_END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)

# What MJML would lay out from the left; an author's own attributes come after these and win.
MJML_FROM_THE_RIGHT = (
    '<mj-section direction="rtl" /><mj-group direction="rtl" /><mj-column direction="rtl" />'
    '<mj-text align="right" /><mj-table align="right" />'
)


def marked(html: str, language: str, *, is_framed: bool) -> str:
    """Return a mail's HTML with ``lang`` and ``dir`` on its root, its body, and what frames all within.

    Mail programs drop the first two. ``is_framed`` says that MJML made such a frame; else one is put around the words.
    An empty language leaves all as it is.
    """
    if not language:
        return html
    said = f' lang="{language}" dir="{languages.direction(language)}"'
    if not is_framed:
        html = _framed(html, said)
    return _MARKED.sub(lambda tag: _said(tag.group(), said), html)


def _said(tag: str, said: str) -> str:
    name = re.match(r"<\w+", tag)
    assert name is not None
    return name.group() + said + _OWN.sub("", tag[name.end() :])


def _framed(html: str, said: str) -> str:
    opening = _BODY.search(html)
    if opening is None and re.search(r"<html\b", html, re.IGNORECASE):
        return html  # a body that begins unsaid: the root has to do
    start = opening.end() if opening else 0
    ends = list(_END_OF_BODY.finditer(html, start))
    end = ends[-1].start() if ends else len(html)
    return f"{html[:start]}<div{said}>{html[start:end]}</div>{html[end:]}"
