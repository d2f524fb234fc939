"""Sending by SMTP: a finished message becomes bytes, goes over a kept connection, and its outcome is named."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings

from delivery import providers
from delivery.channels.email import headers
from delivery.channels.email.mime import Skeleton
from delivery.channels.email.outcomes import NotSent, Outcome
from delivery.channels.email.smtp import Connection, Message, Server
from delivery.tracking import Paths, add_to
from tenants.models import Tenant

KEPT_CONNECTIONS = 32
RESTS_SECONDS = 20  # a server that took nothing is left alone, so that other tenants do not wait for it


class _OfThread(threading.local):
    """A thread's connections, the one used last at the end, and when servers that took nothing may be tried again."""

    def __init__(self) -> None:
        self.kept: dict[Server, Connection] = {}
        self.rests_until: dict[Server, float] = {}


_ours = _OfThread()


@dataclass(frozen=True, slots=True)
class Letter:
    """What makes one person's mail theirs, besides its words. Marketing mail can be unsubscribed from by a click."""

    id: int
    to_address: str
    to_name: str
    message_id_stem: str
    paths: Paths
    at: datetime
    is_marketing: bool


class Mailer:
    """A tenant's mail on its way out. Raises providers.NoProvider when made for a tenant that has no server."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        patience = settings.HAND_OVER_SECONDS
        self.server = Server(
            **providers.smtp_server(tenant),
            timeout=min(15.0, patience / 6),
            data_timeout=min(60.0, patience * 2 / 3),
        )

    @property
    def is_resting(self) -> bool:
        """Whether the server could not be spoken to a moment ago."""
        return time.monotonic() < _ours.rests_until.get(self.server, 0.0)

    def compose(self, words: Mapping[str, str], letter: Letter) -> Message:
        """Return the mail as it leaves: tracked links and pixel, one-click unsubscribe, a Message-ID of its own.

        Raises ValueError (UnsafeHeader, InvalidAddress) for words or an address no mail can carry.
        """
        sender = self.tenant
        skeleton = _skeleton(
            sender.from_email, sender.from_name or sender.name, sender.reply_to, letter.is_marketing
        )
        data = skeleton.fill(
            to_address=letter.to_address,
            to_name=letter.to_name,
            subject=" ".join(words["subject"].split()),
            text=words["text"],
            html=add_to(words["html"], letter.paths) if words.get("html") else "",
            message_id=f"{letter.message_id_stem}@{_host()}",
            date=letter.at,
            unsubscribe_url=letter.paths.unsubscribe() if letter.is_marketing else "",
            headers={"X-Tact-Delivery": letter.message_id_stem}
            | headers.of_language(words.get("language", "")),
        )
        return Message(letter.id, sender.from_email, letter.to_address, data)

    def hand_over(self, mails: Iterable[Message], *, until: float) -> Iterator[Outcome]:
        """Yield each mail's outcome in order; none leaves after ``until`` (time.monotonic).

        Whoever stops taking outcomes stops the mails as well.
        """
        for outcome in _connection(self.server).send(mails, until=until):
            if isinstance(outcome, NotSent):
                _ours.rests_until[self.server] = time.monotonic() + RESTS_SECONDS
            yield outcome


def _connection(server: Server) -> Connection:
    connection = _ours.kept.pop(server, None) or Connection(server)
    while len(_ours.kept) >= KEPT_CONNECTIONS:
        _ours.kept.pop(next(iter(_ours.kept))).close()
    _ours.kept[server] = connection
    return connection


def close_all() -> None:
    """Say goodbye on every connection this thread kept, and forget which servers rest."""
    while _ours.kept:
        _ours.kept.popitem()[1].close()
    _ours.rests_until.clear()


@lru_cache(maxsize=64)
def _skeleton(from_address: str, from_name: str, reply_to: str, is_one_click: bool) -> Skeleton:
    return Skeleton(
        from_address=from_address, from_name=from_name, reply_to=reply_to, is_one_click=is_one_click
    )


@lru_cache(maxsize=1)
def _host() -> str:
    return urlsplit(settings.BASE_URL).hostname or "localhost"
