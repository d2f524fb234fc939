"""The channels there are: each brings its own form, compiling, preview and test send; nothing here knows a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from django import forms

from audiences.models import Profile
from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a content from being launched, said to its author. Lines and columns count from 1; 0: all of it."""

    field: str
    message: str
    line: int = 0
    column: int = 0
    make_source: str = (
        ""  # where an owner can make the source that is missing: a path with what is known of it
    )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A content's fields made ready to be filled for many people.

    ``parts`` is ``Content.parts``: name -> {"text", "output"} as the renderer takes them, and what else the channel
    wants to remember of a part. ``notes`` tell the author what was done without being asked.
    """

    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    needs_of_brand: list[str] = field(default_factory=list)  # what of ``brand`` it prints, come what may
    variables: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sources: dict[str, list[str]] = field(default_factory=dict)  # as ``Content.sources``; no channel fills it
    blocks: dict[str, int] = field(default_factory=dict)  # as ``Content.blocks``


@dataclass(frozen=True, slots=True)
class BlockWords:
    """What a block says in a language, and by which of its versions."""

    text: str
    version: int


@dataclass(frozen=True, slots=True)
class Starter:
    """Words to begin with."""

    key: str
    label: str
    description: str
    fields: dict[str, str]
    is_triggered: bool = False  # its words speak of the event that sets a campaign off


@dataclass(frozen=True, slots=True)
class Takes:
    """How long whoever carries a channel takes for so many messages, and by what: "at 60 a minute"."""

    length: timedelta
    words: str


@dataclass(frozen=True, slots=True)
class Text:
    """A part of a content's fields that is to be translated by itself."""

    key: str  # the same while the words around it are laid out alike
    text: str
    of: str  # what it is, to whoever translates it: "subject", "mj-button"


class TestNotSent(Exception):
    """A test message was not handed over; the words say why and what to do."""

    __test__ = False  # no test class, whatever pytest thinks of the name


class Channel(Protocol):
    """One way to reach a person."""

    kind: str
    label: str
    noun: str  # one of its messages, as people count them
    icon: str
    preview_template: str  # shows what ``preview`` returns, as ``shown``

    def form(
        self, data: Mapping[str, Any] | None = None, *, fields: Mapping[str, Any], language: str = ""
    ) -> forms.Form:
        """The form of ``Content.fields``, to be written in a language; its ``cleaned_data`` is what gets stored."""
        ...

    def starters(self) -> Sequence[Starter]:
        """What a new content may begin with; the first is what it begins with."""
        ...

    def compile(
        self,
        fields: Mapping[str, Any],
        *,
        is_marketing: bool,
        language: str = "",
        blocks: Mapping[str, BlockWords] = ...,
        is_mirrored: bool = False,
    ) -> Compiled:
        """Check the fields, written in a language (BCP 47), and make them ready, with the blocks they render in them.

        ``is_mirrored``: they were laid out for a language that is written the other way.

        Never raises for what an author may write.
        """
        ...

    def around(self, rendering: str, words: str) -> dict[str, str]:
        """Return the fields of a message that shows nothing but a block, by the tag that renders it and its words."""
        ...

    def texts(self, fields: Mapping[str, Any]) -> list[Text]:
        """Return what of the fields is to be translated, in the order of reading."""
        ...

    def translated(self, fields: Mapping[str, Any], translations: Mapping[str, str]) -> dict[str, Any]:
        """Return the fields with texts in place of those under the same keys; with their own, the fields again."""
        ...

    def finished(self, parts: Mapping[str, Any], rendered: Mapping[str, str]) -> dict[str, str]:
        """Return one person's message from what the renderer made of ``parts``; the last step before sending."""
        ...

    def preview(self, message: Mapping[str, str], *, tenant: Tenant, to: str) -> Any:
        """What ``preview_template`` shows of a finished message."""
        ...

    def page(self, message: Mapping[str, str], *, is_dark: bool = False) -> str:
        """The message as a document of its own, for a frame without scripts."""
        ...

    def address(self, profile: Profile) -> str:
        """Where the profile is reached; empty if nowhere."""
        ...

    def reachable_sql(self, alias: str, *, is_marketing: bool) -> str:
        """A condition on a row of profiles called ``alias``: has an address that may be sent to.

        Consent counts for marketing only, suppression always: as the pipeline's gates have it.

        Every table it asks is asked for ``alias``'s tenant only. It has no parameters.
        """
        ...

    def sender_problems(self, tenant: Tenant, *, is_marketing: bool) -> list[tuple[str, str]]:
        """What the tenant still has to set before anything may leave on this channel, and the page (its URL's name)
        where it does.
        """
        ...

    def takes(self, people: int, *, tenant: Tenant, is_urgent: bool, now: datetime) -> Takes | None:
        """How long it takes until the last of so many has left; None where nobody limits it.

        ``is_urgent``: of a transactional campaign.
        """
        ...

    def send_test(self, message: Mapping[str, str], *, tenant: Tenant, to: str) -> str:
        """Hand one finished message to ``to``, marked as a test, and return what to tell the sender.

        Raises TestNotSent.
        """
        ...


_channels: dict[str, Channel] = {}


def register(channel: Channel) -> None:
    """Make a channel known; the same kind again replaces it."""
    _channels[channel.kind] = channel


def get(kind: str) -> Channel:
    """Return the channel of a kind. Raises KeyError for one nobody registered."""
    return _channels[kind]


def all() -> list[Channel]:  # read as channels.all()
    """Every channel, in the order they were registered."""
    return list(_channels.values())
