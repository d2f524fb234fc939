"""Messages as rules speak of them: the events that they leave, and the campaigns they are of.

The apps above us register both at start, we never import them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

# What somebody may have done with a message, as people say it. "Ignored" leaves no event: it is one sent, not answered.
DEEDS = {
    "received": "received",
    "opened": "opened",
    "clicked": "clicked a link in",
    "converted": "converted after",
    "ignored": "left unopened",
    "unsubscribed": "unsubscribed from",
}


@dataclass(frozen=True, slots=True)
class Channel:
    """A way that messages go, and what the events that they leave there are called, by deed."""

    kind: str
    label: str
    noun: str  # one of its messages
    events: Mapping[str, str]
    reachable_sql: Callable[
        [str], str
    ]  # whether a profile, by its alias, may be sent marketing; without parameters


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as rules name it, with its variants' names by key."""

    id: UUID
    name: str
    variants: Mapping[str, str]
    is_archived: bool = False


Find = Callable[[Collection[UUID] | None], list[Campaign]]

_channels: dict[str, Channel] = {}
_find: Find = lambda ids: []  # noqa: E731  # replaced when Django starts


def register_channel(channel: Channel) -> None:
    """Let rules speak of a channel's messages; the same kind again replaces it. Call it from ``AppConfig.ready()``."""
    _channels[channel.kind] = channel


def register_campaigns(find: Find) -> None:
    """Let rules speak of campaigns: ``find`` returns those with some ids, or all, of the tenant whose scope is open."""
    global _find
    _find = find


def channels() -> list[Channel]:
    return list(_channels.values())


def channel(kind: str) -> Channel | None:
    return _channels.get(kind)


def events(deed: str, kind: str = "") -> tuple[str, ...]:
    """Return the names of the events that a deed leaves, on one channel or any; each once."""
    asked = [_channels[kind]] if kind in _channels else channels() if not kind else []
    return tuple(dict.fromkeys(one.events[deed] for one in asked if deed in one.events))


def campaigns(ids: Collection[UUID] | None = None) -> list[Campaign]:
    """Return the campaigns with these ids, or all, archived ones last. Needs the tenant's scope open."""
    return _find(ids) if ids is None or ids else []
