"""Braze's ``{% connected_content address :save name %}``: where it stands, what it asks, what can stand for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape

from campaigns.liquid.spellings import respelled

NAME = "connected_content"
LONGEST = 8_000  # characters of one call: longer ones are left to be complained of

_START = re.compile(r"\{%(-?)\s*(?:(?P<block>raw|doc|comment)\s*-?%\}|connected_content(?=[\s%-]))")
_END = {name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("raw", "doc", "comment")}
_PIECE = re.compile(r"\{\{[^{}]*\}\}|(?<!\S):(?P<option>[a-z_]+)(?!\S)")
_SAVED = re.compile(r"[^\W\d][\w-]*\Z")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of another server, its address and options in our spelling."""

    start: int
    end: int
    address: str
    options: dict[str, str]  # by name; a flag has no value

    @property
    def saved_as(self) -> str:
        return self.options.get("save", "")


def calls(text: str) -> Iterator[Call]:
    """Yield the calls that a template makes, in order. Takes time linear in its length."""
    at = 0
    while found := _START.search(text, at):
        if block := found["block"]:
            end = _END[block].search(text, found.end())
            at = end.end() if end else len(text)
            continue
        closes = text.find("%}", found.end())
        if closes < 0:
            return
        at = closes + 2
        inside = text[found.end() : closes].removesuffix("-")
        if len(inside) <= LONGEST:
            yield _read(respelled(unescape(inside)).text, found.start(), at)


def _read(inside: str, start: int, end: int) -> Call:
    marks = [found for found in _PIECE.finditer(inside) if found["option"]]
    ends = [*(mark.start() for mark in marks), len(inside)]
    values = [inside[mark.end() : stop].strip() for mark, stop in zip(marks, ends[1:], strict=True)]
    options = dict(zip((mark["option"] for mark in marks), values, strict=True))
    return Call(start, end, inside[: ends[0]].strip().strip("'\""), options)


def instead(text: str, found: Sequence[tuple[Call, str]]) -> str:
    """Return a text with sources, by name, in place of calls, in order.

    Everything else keeps its line, and its column unless a source's name is longer than the call.
    """
    pieces, at = [], 0
    for call, source in found:
        pieces += [text[at : call.start], _reading(text[call.start : call.end], call.saved_as, source)]
        at = call.end
    return "".join([*pieces, text[at:]])


def _reading(typed: str, saved_as: str, source: str) -> str:
    left, right = "-" * typed.startswith("{%-"), "-" * typed.endswith("-%}")
    if _SAVED.match(saved_as):
        begins, ends = f"{{%{left} assign {saved_as} = source.{source} ", f"{right}%}}"
    else:
        begins, ends = f"{{{{{left} source.{source} ", f"{right}}}}}"
    kept_from = min(len(begins), len(typed.splitlines()[0]))
    room = typed[kept_from : max(kept_from, len(typed) - len(ends))]
    return begins + re.sub(r"[^\r\n]", " ", room) + ends


def places(text: str, found: Sequence[Call]) -> list[tuple[int, int]]:
    """Return the line and column of each call, both from 1."""
    from campaigns.liquid.syntax import Places

    known = Places(text)
    return [known.of(call.start) for call in found]
