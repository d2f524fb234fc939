"""A text as translators see it: words, and the codes among them that a translation has to keep."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

LIQUID = r"\{%-?\s*(?P<whole>comment|raw)\b.*?\{%-?\s*end(?P=whole)\s*-?%\}|\{\{.*?\}\}|\{%.*?%\}"
TAG = r"""<!--.*?-->|<![^>]*>|</?[A-Za-z](?:[^<>"']|"[^"]*"|'[^']*')*>"""
MASK = "\ue000"  # stands for each character of Liquid, so that a quote in it ends no attribute
UNWRITABLE = r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]"  # what XML cannot carry as it is

_LIQUID = re.compile(LIQUID, re.DOTALL)
_CODE = re.compile(f"{MASK}+|{TAG}|{UNWRITABLE}", re.DOTALL)
_STAND_IN = re.compile(r"""(?<=\bdefault:)\s*(?:"([^"]*)"|'([^']*)')""")
_SAID_OF = re.compile(r"""\s(?:alt|title|aria-label)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)


class Piece(NamedTuple):
    """A stretch of a text: words to translate, or a code to keep."""

    text: str
    is_code: bool


def masked(text: str) -> str:
    """Return a text of the same length in which each character of Liquid is MASK."""
    return _LIQUID.sub(lambda found: MASK * len(found.group()), text)


def pieces(text: str) -> list[Piece]:
    """Return a text cut at its codes: Liquid, tags, and what no file can carry. Joined they are the text again.

    What stands in for missing data, and what a tag says of itself to readers (alt, title), are words.
    """
    hidden = masked(text)
    liquid_ends = {found.start(): found.end() for found in _LIQUID.finditer(text)}
    found: list[Piece] = []
    at = 0
    for code in _CODE.finditer(hidden):
        if code.start() > at:
            found.append(Piece(text[at : code.start()], is_code=False))
        found += _cut(text, code.start(), code.end(), liquid_ends)
        at = code.end()
    if at < len(text):
        found.append(Piece(text[at:], is_code=False))
    return [piece for piece in found if piece.text]


def _cut(text: str, start: int, end: int, liquid_ends: dict[int, int]) -> Iterator[Piece]:
    """Each Liquid of a run by itself; a tag and Liquid cut around the words in them."""
    if start in liquid_ends:
        while start < end:
            stop = liquid_ends.get(start, end)
            yield from _around(_STAND_IN, text[start:stop])
            start = stop
    else:
        yield from _around(_SAID_OF, text[start:end])


def _around(words: re.Pattern[str], code: str) -> Iterator[Piece]:
    at = 0
    for found in words.finditer(masked(code) if words is _SAID_OF else code):
        group = 1 if found[1] is not None else 2
        yield Piece(code[at : found.start(group)], is_code=True)
        inside = code[found.start(group) : found.end(group)]
        yield from pieces(inside) if words is _SAID_OF else [Piece(inside, is_code=False)]
        at = found.end(group)
    yield Piece(code[at:], is_code=True)


def has_words(text: str) -> bool:
    """Whether there is anything in a text to translate."""
    return any(letter.isalpha() for piece in pieces(text) if not piece.is_code for letter in piece.text)


def difference(source: str, target: str) -> str:
    """Say which codes a translation lost or invented; empty if it has the source's, its Liquid tags in their order."""
    ours, theirs = _codes(source), _codes(target)
    lost, invented = Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)
    if lost:
        return f"lacks {_listed(lost)}"
    if invented:
        return f"has {_listed(invented)}, which the source has not"
    if _tags(ours) != _tags(theirs):
        return f"has its Liquid tags in another order: keep {', '.join(_tags(ours))}"
    return ""


def _codes(text: str) -> list[str]:
    return [piece.text for piece in pieces(text) if piece.is_code]


def _tags(codes: list[str]) -> list[str]:
    return [code for code in codes if code.startswith("{%")]


def _listed(codes: Counter[str]) -> str:
    return ", ".join(" ".join(code.split()) for code in codes)
