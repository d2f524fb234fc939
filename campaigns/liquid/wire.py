"""What the renderer and its child say to each other, and how it is cut into frames."""

import hashlib
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

Output = Literal["html", "text", "line", "url", "json"]

HEADER = 4  # bytes of length, big-endian, before every frame
OUT_OF_MEMORY = 3  # the child's exit status when it has used up what it may


class Source(Struct, frozen=True):
    """A template's text and where its output goes.

    In html, an url and json what is printed is escaped as each asks for; text is as it is; a line is one trimmed line.
    """

    text: str
    output: Output = "html"
    blocks: dict[str, str] | None = None  # what it may render, by name; None: that is written into it already


class Template(Struct, frozen=True):
    """The named pieces of one message, filled together for one person."""

    parts: dict[str, Source]

    @property
    def key(self) -> str:
        """The same for the same parts, whoever made them."""
        return hashlib.blake2b(msgspec.msgpack.encode(self.parts), digest_size=16).hexdigest()


class Problem(Struct, frozen=True):
    """What keeps a template from being used, said to its author. Line and column count from 1."""

    line: int
    column: int
    message: str


class Checked(Struct, frozen=True, tag="checked"):
    """What reading a template found out."""

    errors: list[Problem] = []
    variables: list[str] = []  # every path read from the data, for whatever purpose
    places: list[tuple[int, int]] = []  # line and column where each of them is read first
    needs: list[str] = []  # the paths without which it cannot be filled
    blocks: list[str] = []  # all that it renders, and that those render
    takes: list[str] = []  # of a block: the names that whoever renders it may give a value


class Rendered(Struct, frozen=True, tag="rendered"):
    """One person's message."""

    parts: dict[str, str]


class Refused(Struct, frozen=True, tag="refused"):
    """Why this one person gets no message. Line and column are 0 when no place is to blame."""

    reason: str
    part: str = ""
    line: int = 0
    column: int = 0
    is_wanted: bool = False  # the template itself said so


class Check(Struct, frozen=True, tag="check"):
    """Asks for one Checked a source, in order."""

    sources: list[Source]
    roots: list[str]
    always_present: list[str]
    is_block: bool = False  # names that nobody knows are what it takes


class Render(Struct, frozen=True, tag="render"):
    """Asks for one Rendered or Refused a person, in order. The parts are left out once the child knows them."""

    key: str
    people: list[msgspec.Raw]  # objects, read one at a time
    shared: dict[str, Any]
    now: datetime
    zone: str  # an IANA name; the wire keeps a moment and loses its zone
    parts: dict[str, Source] | None = None
    one_by_one: bool = False  # each answer is sent at once, so that the parent knows on whom the child died


class Run(Struct, frozen=True, tag="run"):
    """Asks for the result of a pure top-level function."""

    module: str
    name: str
    arguments: dict[str, Any]


class Unknown(Struct, frozen=True, tag="unknown"):
    """The child does not know a template by this key: send its parts."""


class Ran(Struct, frozen=True, tag="ran"):
    """A function's result."""

    result: Any


class Ready(Struct, frozen=True, tag="ready"):
    """The child's first words: it is there and confined."""


class Failed(Struct, frozen=True, tag="failed"):
    """A function raised, or a request could not be served."""

    reason: str


Request = Check | Render | Run
Answer = Checked | Rendered | Refused | Unknown | Ran | Ready | Failed


def frame(payload: bytes) -> bytes:
    """Return the payload with its length before it."""
    return len(payload).to_bytes(HEADER, "big") + payload
