"""Reading MJML before MJML does: mistakes with their places, and everything that is not MJML put out of its way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from campaigns.liquid.blocks import OF_BLOCK
from delivery.channels.email.mirror import mirrored
from delivery.channels.email.mjml_tags import ANYWHERE, ATTRIBUTES, FREE, HOLDS_RAW, PARENTS, WORDS
from delivery.channels.email.placeholders import LIQUID, MASK, Vault, masked

_TAG = re.compile(
    r"<(?P<close>/)?(?P<name>[A-Za-z][\w:-]*)"
    r"(?P<attributes>(?:\s+[^\s=<>/\"']+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'))?)*)\s*(?P<empty>/)?>"
)
_ATTRIBUTE = re.compile(r"\s([^\s=<>/\"']+)(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'))?")
_MJML_TAG = re.compile(r"<(mjml|mj-[a-z-]+)\b", re.IGNORECASE)
_WORDS = re.compile(rf"[^\s{MASK}]")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong at an index of the source."""

    index: int
    message: str


@dataclass(frozen=True, slots=True)
class _Open:
    name: str
    index: int


class Reading:
    """One pass over an MJML source.

    ``mistakes`` is what is wrong with it, in order. ``pieces`` is the source as MJML may see it, cut at tags;
    ``lost`` maps each word put away in an attribute to its place, for MJML drops values it cannot take.
    """

    def __init__(
        self, source: str, vault: Vault, *, drop_preview: bool = False, is_mirrored: bool = False
    ) -> None:
        self.mistakes: list[Mistake] = []
        self.pieces: list[str] = []
        self.kept: dict[str, int] = {}
        self.head_at: int | None = None  # where in pieces something may be added to the head
        self.mjml_at: int | None = None
        self._source = source
        self._masked = masked(source)
        self._vault = vault
        self._drop_preview = drop_preview
        self._is_mirrored = is_mirrored
        self._open: list[_Open] = []
        self._read()

    @property
    def mjml(self) -> str:
        return "".join(self.pieces)

    @property
    def _parent(self) -> str:
        """The tag that is open; empty outside of all."""
        return self._open[-1].name if self._open else ""

    def _wrong(self, index: int, message: str) -> None:
        self.mistakes.append(Mistake(index, message))

    def _read(self) -> None:
        at = 0
        while (start := self._masked.find("<", at)) >= 0:
            self._between(at, start)
            if comment := _COMMENT.match(self._masked, start):
                at = comment.end()
            elif tag := _TAG.match(self._masked, start):
                at = self._tag(tag)
            else:
                self._wrong(start, "This tag is not complete: is a quote or a > missing?")
                at = start + 1
        self._between(at, len(self._masked))
        for block in self._open:
            self._wrong(block.index, f"This <{block.name}> is never closed: add </{block.name}>.")
        if self.mjml_at is None and not self.mistakes:
            self._wrong(0, "MJML begins with <mjml> and ends with </mjml>.")
        self.mistakes.sort(key=lambda mistake: mistake.index)

    def _between(self, start: int, end: int) -> None:
        """Between tags there is only white space; MJML would drop or misplace anything else."""
        text = self._masked[start:end]
        if self._open and self._open[-1].name == "mj-style":
            self.pieces.append(self._vault.keep_liquid(self._source[start:end]))
        elif not text.strip():
            self.pieces.append(text)
        elif stray := _WORDS.search(text):
            self._wrong(start + stray.start(), "Text stands between MJML tags: put it inside <mj-text>.")
        else:
            for liquid in LIQUID.finditer(self._source, start, end):
                self._between_tags(liquid)

    def _between_tags(self, liquid: re.Match[str]) -> None:
        """Take Liquid that stands between MJML tags: it may only where a block begins or ends, and mj-raw may stand."""
        parent = self._parent
        if not OF_BLOCK.match(liquid.group()):
            said = f"{_short(liquid.group())} stands between MJML tags: put it inside <mj-raw>…</mj-raw>."
            self._wrong(liquid.start(), said)
        elif parent in HOLDS_RAW:
            self.pieces.append(f"<mj-raw>{self._vault.keep(liquid.group())}</mj-raw>")
        elif parent in ("", "mjml"):
            self._wrong(liquid.start(), "A block cannot stand outside <mj-body>: render it inside.")
        else:
            said = f"A block cannot stand inside <{parent}>: put the whole <{parent}> into the block."
            self._wrong(liquid.start(), said)

    def _tag(self, tag: re.Match[str]) -> int:
        """Take one tag, and all of what is inside where that is not MJML; return where to go on."""
        name = tag["name"]
        if tag["close"]:
            self._closed(name, tag.start())
            return tag.end()
        self._check(tag)
        opening = self._source[tag.start() : tag.end()]
        if self._is_mirrored:
            opening = mirrored(opening)
        end = tag.end()
        if name in WORDS and not tag["empty"]:
            closing = re.compile(rf"</{re.escape(name)}\s*>").search(self._masked, tag.end())
            if closing is None:
                self._wrong(tag.start(), f"This <{name}> is never closed: add </{name}>.")
                return tag.end()
            if name == "mj-preview" and self._drop_preview:
                return closing.end()
            self._check_words(name, tag.end(), closing.start())
            inside = self._source[tag.end() : closing.start()]
            self.pieces += [self._attributes(opening, tag.start()), self._vault.keep(inside), f"</{name}>"]
            return closing.end()
        self.pieces.append(self._attributes(opening, tag.start()))
        if not tag["empty"]:
            self._open.append(_Open(name, tag.start()))
            self._note_position(name)
        elif name == "mj-head":
            self.pieces[-1:] = ["<mj-head>", "</mj-head>"]
            self.head_at = len(self.pieces) - 1
        return end

    def _note_position(self, name: str) -> None:
        if name == "mjml" and self.mjml_at is None:
            self.mjml_at = len(self.pieces)
        elif name == "mj-head" and self.head_at is None:
            self.head_at = len(self.pieces)

    def _attributes(self, opening: str, index: int) -> str:
        before = len(self.kept)
        text = self._vault.keep_liquid(opening)
        for word in re.findall(r"tactkeeps\d+x", text):
            self.kept[word] = index
        return text if len(self.kept) > before else opening

    def _closed(self, name: str, index: int) -> None:
        if not any(block.name == name for block in self._open):
            self._wrong(index, f"This </{name}> closes nothing.")
            return
        while self._open[-1].name != name:
            unclosed = self._open.pop()
            self._wrong(unclosed.index, f"This <{unclosed.name}> is never closed: add </{unclosed.name}>.")
        self._open.pop()
        self.pieces.append(f"</{name}>")

    def _check(self, tag: re.Match[str]) -> None:
        name, start = tag["name"], tag.start()
        parent = self._parent
        within = {block.name for block in self._open}
        if name == "mj-include":
            self._wrong(start, "<mj-include> is not available: write the content here.")
        elif name not in ATTRIBUTES and name not in FREE:
            self._wrong(start, _unknown_tag(name))
        else:
            if "mj-attributes" not in within and name in PARENTS and parent not in PARENTS[name]:
                places = " or ".join(f"<{each}>" for each in PARENTS[name])
                self._wrong(start, f"<{name}> belongs inside {places}.")
            if name == "mj-raw" and parent not in HOLDS_RAW:
                self._wrong(start, _raw_elsewhere(parent))
            if name not in FREE:
                self._check_attributes(tag, ATTRIBUTES[name] | ANYWHERE)

    def _check_words(self, name: str, start: int, end: int) -> None:
        """Inside of a tag whose inside is HTML, MJML lays nothing out."""
        for index, tag in mjml_in(self._masked[start:end]):
            said = f"<{tag}> stands inside <{name}>, where only HTML is read: put it outside."
            self._wrong(start + index, said)

    def _check_attributes(self, tag: re.Match[str], known: set[str]) -> None:
        for attribute in _ATTRIBUTE.finditer(tag["attributes"] or ""):
            name = attribute[1]
            if name not in known and not name.startswith(("xmlns", "data-", "aria-")):
                near = get_close_matches(name, known, 1)
                hint = f" Did you mean {near[0]}?" if near else ""
                index = tag.start("attributes") + attribute.start(1)
                self._wrong(index, f"<{tag['name']}> has no attribute '{name}'.{hint}")


def mjml_in(html: str) -> Iterator[tuple[int, str]]:
    """Yield where a tag of MJML stands in what is read as HTML, and which."""
    for tag in _MJML_TAG.finditer(_COMMENT.sub(lambda comment: " " * len(comment.group()), html)):
        yield tag.start(), tag[1]


def _raw_elsewhere(parent: str) -> str:
    if parent in ("", "mjml"):
        return "<mj-raw> cannot stand outside <mj-body>: put it inside."
    return f"<mj-raw> cannot stand inside <{parent}>: put it around the whole <{parent}>."


def _unknown_tag(name: str) -> str:
    if not name.startswith("mj"):
        return f"<{name}> is HTML: put it inside <mj-text> or <mj-raw>."
    near = get_close_matches(name, ATTRIBUTES, 1)
    return f"Unknown tag <{name}>." + (f" Did you mean <{near[0]}>?" if near else "")


def _short(liquid: str) -> str:
    one_line = " ".join(liquid.split())
    return one_line if len(one_line) <= 40 else one_line[:39] + "…"
