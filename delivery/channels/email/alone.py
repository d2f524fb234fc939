"""A mail that shows nothing but a block: in MJML, with the tags around it that it may stand in."""

from __future__ import annotations

import re

from delivery.channels.email.mjml_tags import PARENTS

_FIRST = re.compile(r"<(mj-[a-z-]+)")


def fields(rendering: str, words: str) -> dict[str, str]:
    """Return the fields of a mail that shows a block, by the tag that renders it and its words."""
    shown = {"subject": "A block", "preheader": "", "text": ""}
    first = _FIRST.search(words)
    if first is None:
        return shown | {"body_format": "html", "body": rendering}
    return shown | {"body_format": "mjml", "body": _framed(rendering, first[1])}


def _framed(rendering: str, tag: str) -> str:
    body, parent = rendering, _parent(tag)
    while parent != "mjml":
        body, parent = f"<{parent}>{body}</{parent}>", _parent(parent)
    if "<mj-body>" not in body:
        body += "<mj-body></mj-body>"
    return f"<mjml>{body}</mjml>"


def _parent(tag: str) -> str:
    """What the first tag of a block may stand in; one that may stand anywhere is taken to be a section's neighbour."""
    return PARENTS.get(tag, ("mj-body",))[0]
