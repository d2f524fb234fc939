"""MJML laid out for one way of writing, made fit for the other: left and right change places in its attributes."""

from __future__ import annotations

import re

_ATTRIBUTE = re.compile(r"""(?P<before>\s)(?P<name>[\w-]+)(?P<is>\s*=\s*)(?P<quoted>"[^"{]*"|'[^'{]*')""")
_SIDE = re.compile(r"\b(?:left|right)\b")
_OTHER = {"left": "right", "right": "left"}
_SAID = {"align", "text-align", "ico-align", "icon-position", "background-position", "background-position-x"}
_AROUND = {
    "padding",
    "inner-padding",
    "text-padding",
    "icon-padding",
    "ico-padding",
}  # top, right, bottom, left
_CORNERS = {"border-radius", "inner-border-radius"}  # top left, top right, bottom right, bottom left
_SIDED = re.compile(r"(?:padding|border)-(?:left|right)\Z")


def mirrored(tag: str) -> str:
    """Return an opening tag with its sides changed; style sheets and values with Liquid stay as they are."""
    return _ATTRIBUTE.sub(_mirrored, tag)


def names_a_side(body: str) -> bool:
    """Whether anything in a body may be changed."""
    return bool(_SIDE.search(body))


def _mirrored(found: re.Match[str]) -> str:
    name, quoted = found["name"], found["quoted"]
    quote, value = quoted[0], quoted[1:-1]
    if _SIDED.search(name):
        name = _changed(name)
    elif name in _SAID:
        value = _changed(value)
    elif len(four := value.split()) == 4:
        first, second, third, fourth = four
        if name in _AROUND:
            value = f"{first} {fourth} {third} {second}"
        elif name in _CORNERS:
            value = f"{second} {first} {fourth} {third}"
    return f"{found['before']}{name}{found['is']}{quote}{value}{quote}"


def _changed(text: str) -> str:
    return _SIDE.sub(lambda side: _OTHER[side.group()], text)
