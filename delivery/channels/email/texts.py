"""What of a mail is to be translated: its subject, its preheader, and the words between the tags of its body."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from campaigns.channels import Text
from campaigns.texts import codes

# Tags that stand inside a sentence; all others end one.
_INLINE = {
    "a", "abbr", "b", "bdi", "bdo", "big", "br", "cite", "code", "del", "dfn", "em", "font", "i", "img", "ins",
    "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time",
    "tt", "u", "var", "wbr",
}  # fmt: skip
_SILENT = ("style", "script", "mj-style", "mj-attributes")  # what is inside is not for readers
_TAG = re.compile(codes.TAG, re.DOTALL)
_NAME = re.compile(r"</?([A-Za-z][\w:-]*)")
_SAID = re.compile(r"""\s(alt|title|aria-label)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")

Cut = Iterator[tuple[str, str]]  # text, and what it is of; that is empty for what is not to be translated


def texts(fields: Mapping[str, Any]) -> list[Text]:
    """Return the texts of a mail in the order of reading."""
    return [Text(key, text, of) for key, text, of in _all(fields) if of]


def replaced(fields: Mapping[str, Any], translated: Mapping[str, str]) -> dict[str, Any]:
    """Return a mail's fields with texts put in place of those under the same keys."""
    made: dict[str, list[str]] = {}
    for key, text, of in _all(fields):
        made.setdefault(key.partition(".")[0], []).append(translated.get(key, text) if of else text)
    return {**fields, **{name: "".join(pieces) for name, pieces in made.items()}}


def _all(fields: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every stretch of every field, with its key and what it is of; joined by field they are the fields."""
    for name, cut in (("subject", _line), ("preheader", _line), ("body", _markup), ("text", _paragraphs)):
        count = 0
        for text, of in cut(str(fields.get(name) or "")):
            of = of.replace("FIELD", name) if codes.has_words(text) else ""
            count += bool(of)
            yield name if cut is _line else f"{name}.{count}", text, of


def _line(text: str) -> Cut:
    yield text, "FIELD"


def _paragraphs(text: str) -> Cut:
    at = 0
    for gap in _PARAGRAPH.finditer(text):
        yield from _trimmed(text[at : gap.start()], "plain text")
        yield gap.group(), ""
        at = gap.end()
    yield from _trimmed(text[at:], "plain text")


def _markup(body: str) -> Cut:
    """Cut at the tags that end a sentence; of those that have words of their own, these too."""
    hidden = codes.masked(body)
    at = start = 0  # where the stretch begins, and the next tag may
    of = "body"
    while tag := _TAG.search(hidden, start):
        start = tag.end()
        name = _NAME.match(tag.group())
        if (
            name is None or name[1].lower() in _INLINE
        ):  # a comment is none of a translator's business, but stays
            continue
        yield from _trimmed(body[at : tag.start()], of)
        is_opening = not tag.group().startswith("</")
        if is_opening and name[1].lower() in _SILENT and not tag.group().endswith("/>"):
            start = _after(hidden, name[1], start)
        yield from _own_words(body[tag.start() : start], name[1])
        of = name[1] if is_opening else "body"
        at = start
    yield from _trimmed(body[at:], of)


def _after(hidden: str, name: str, start: int) -> int:
    closing = re.compile(rf"</{re.escape(name)}\s*>", re.IGNORECASE).search(hidden, start)
    return closing.end() if closing else len(hidden)


def _own_words(tag: str, name: str) -> Cut:
    at = 0
    for said in _SAID.finditer(codes.masked(tag)) if name.lower() not in _SILENT else ():
        group = 2 if said[2] is not None else 3
        yield tag[at : said.start(group)], ""
        yield tag[said.start(group) : said.end(group)], f"{name}, {said[1].lower()}"
        at = said.end(group)
    yield tag[at:], ""


def _trimmed(text: str, of: str) -> Cut:
    """White space around a text is the layout's."""
    words = text.strip()
    start = text.index(words) if words else len(text)
    yield text[:start], ""
    yield words, of
    yield text[start + len(words) :], ""
