"""Templates as Braze writes them, read as ours: ``{{${first_name}}}`` is ``{{profile.first_name}}``.

Only what stands inside tags is rewritten, and every place in the result is known in what was typed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from campaigns.liquid.values import written

ATTRIBUTES = {
    "user_id": "external_id",
    "email_address": "email",
    "phone_number": "phone",
    "time_zone": "timezone",
    "most_recent_locale": "language",
}
"""Braze's standard attributes that are called otherwise here; the others keep their names."""

OBJECTS = {
    "custom_attribute": "profile",
    "event_properties": "event",
    "api_trigger_properties": "event",
    "canvas_entry_properties": "event",
    "context": "event",
}
_WHOLE = {
    "${set_user_to_unsubscribed_url}": "unsubscribe_url",
    "campaign.${name}": "campaign.name",
    "campaign.${api_id}": "campaign.public_id",
}
_NOTHING_LIKE_IT = {
    "braze_id", "random_bucket_number", "last_used_app_date", "most_recent_app_version", "most_recent_location",
    "set_user_to_subscribed_url", "set_user_to_opted_in_url",
}  # fmt: skip

_START = re.compile(r"\{%-?\s*(?:raw|doc)\s*-?%\}|\{\{|\{%")
_ENDRAW = re.compile(r"\{%-?\s*end(?:raw|doc)\s*-?%\}")
_INSIDE = re.compile(r"'(?:(?!\}\}|%\})[^'])*'|\"(?:(?!\}\}|%\})[^\"])*\"|\$\{([^{}]*)\}|\{\{|\}\}|%\}")
_BLOCK = re.compile(r"\{\{(-?)\s*content_blocks\.\$\{\s*([\w-]+)\s*\}[^{}]*?(-?)\}\}")
_OBJECT = re.compile(r"(?<![\w.])(\w+)\s*\.\s*\Z")
_LONGEST_OBJECT = 40  # characters looked at before a ${


@dataclass(frozen=True, slots=True)
class Respelled:
    """A text in our spelling, where its pieces came from, and what has no counterpart (with its place in the text).

    ``pieces`` are (start in the result, start in what was typed, whether it is typed like that), in order.
    """

    text: str
    pieces: tuple[tuple[int, int, bool], ...] = ()
    strange: tuple[tuple[int, str], ...] = ()

    def typed(self, index: int) -> int:
        """Return the index in what was typed of an index in the result."""
        if not self.pieces:
            return index
        start, origin, is_kept = self.pieces[bisect_right(self.pieces, index, key=lambda piece: piece[0]) - 1]
        return origin + (index - start if is_kept else 0)


def respelled(text: str) -> Respelled:
    """Return a template in our spelling; one that has no other comes back as it is. Takes time linear in its length."""
    if "${" not in text:
        return Respelled(text)
    writing = _Writing(text)
    at = 0
    while start := _START.search(text, at):
        if start.group() in ("{{", "{%"):
            at = writing.block(start.start()) or writing.tag(start.end(), is_output=start.group() == "{{")
        else:
            end = _ENDRAW.search(text, start.end())
            at = end.end() if end else len(text)
    return writing.done()


class _Writing:
    """One pass over a text that has other spellings in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._made: list[str] = []
        self._length = 0
        self._done = 0  # everything typed before this is written
        self._pieces: list[tuple[int, int, bool]] = []
        self._strange: list[tuple[int, str]] = []

    def block(self, at: int) -> int:
        """Replace what shows a block, if that begins here; return where the text goes on, or 0."""
        found = _BLOCK.match(self._text, at)
        if found is None:
            return 0
        self._replace(at, found.end(), f'{{%{found[1]} render "{found[2].lower()}" {found[3]}%}}')
        return found.end()

    def tag(self, at: int, *, is_output: bool) -> int:
        """Rewrite one tag from behind its opening; return where the text goes on. Inside {% %} braces mean nothing."""
        while found := _INSIDE.search(self._text, at):
            at = found.end()
            if found.group() == ("}}" if is_output else "%}"):
                return at
            if found[1] is not None:
                self._name(found)
            elif not is_output and found.group() in ("{{", "}}"):
                self._replace(*found.span(), "")
        return len(self._text)

    def _name(self, found: re.Match[str]) -> None:
        start, name = found.start(), found[1].strip()
        before = self._text[max(start - _LONGEST_OBJECT, self._done) : start]
        of = _OBJECT.search(before)
        if of:
            start -= len(before) - of.start()
        self._replace(start, found.end(), self._ours(of[1] if of else "", name, start))

    def _ours(self, of: str, name: str, at: int) -> str:
        spelling = f"{of}.${{{name}}}" if of else f"${{{name}}}"
        if spelling in _WHOLE:
            return _WHOLE[spelling]
        if of in OBJECTS:
            return f"{OBJECTS[of]}[{_quoted(name)}]"
        if of or name in _NOTHING_LIKE_IT:
            self._strange.append((self._length + at - self._done, spelling))
            return "profile"
        return written(["profile", ATTRIBUTES.get(name, name)])

    def _replace(self, start: int, end: int, instead: str) -> None:
        self._write(self._text[self._done : start], self._done, is_kept=True)
        self._write(instead, start, is_kept=False)
        self._done = end

    def _write(self, piece: str, origin: int, *, is_kept: bool) -> None:
        self._pieces.append((self._length, origin, is_kept))
        self._made.append(piece)
        self._length += len(piece)

    def done(self) -> Respelled:
        self._write(self._text[self._done :], self._done, is_kept=True)
        return Respelled("".join(self._made), tuple(self._pieces), tuple(self._strange))


def _quoted(name: str) -> str:
    return f'"{name}"' if "'" in name else f"'{name}'"
