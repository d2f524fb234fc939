"""Sending by SMTP: a finished message becomes bytes, goes over a kept connection, and its outcome is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings

from delivery import providers
from delivery.channels.email.mime import Skeleton
from delivery.channels.email.outcomes import Outcome
from delivery.channels.email.smtp import Connection, Message, Server
from delivery.tracking import Paths, add_to
from tenants.models import Tenant

_kept: dict[Server, Connection] = {}  # this process's connections; each worker is one thread


@dataclass(frozen=True, slots=True)
class Letter:
    """What makes one person's mail theirs, besides its words."""

    id: int
    to_address: str
    to_name: str
    message_id_stem: str
    paths: Paths
    at: datetime


class Mailer:
    """A tenant's mail on its way out. Raises providers.NoProvider when made for a tenant that has no server."""

    def __init__(self, tenant: Tenant, *, is_marketing: bool) -> None:
        self.tenant = tenant
        self.is_marketing = is_marketing
        self.server = Server(**providers.smtp_server(tenant))
        self.skeleton = _skeleton(
            tenant.from_email or settings.DEFAULT_FROM_EMAIL, tenant.from_name, tenant.reply_to, is_marketing
        )

    def compose(self, words: Mapping[str, str], letter: Letter) -> Message:
        """Return the mail as it leaves: tracked links and pixel, one-click unsubscribe, a Message-ID of its own.

        Raises ValueError (UnsafeHeader, InvalidAddress) for words or an address no mail can carry.
        """
        unsubscribe = letter.paths.unsubscribe() if self.is_marketing else ""
        data = self.skeleton.fill(
            to_address=letter.to_address,
            to_name=letter.to_name,
            subject=" ".join(words["subject"].split()),
            text=words["text"],
            html=add_to(words["html"], letter.paths) if words.get("html") else "",
            message_id=f"{letter.message_id_stem}@{_host()}",
            date=letter.at,
            unsubscribe_url=unsubscribe,
            headers={"X-Tact-Delivery": letter.message_id_stem},
        )
        return Message(letter.id, self.tenant.from_email, letter.to_address, data)

    def hand_over(self, mails: Iterable[Message], *, until: float) -> Iterator[Outcome]:
        """Yield each mail's outcome in order; none leaves after ``until`` (time.monotonic)."""
        connection = _kept.setdefault(self.server, Connection(self.server))
        return connection.send(mails, until=until)


@lru_cache(maxsize=64)
def _skeleton(from_address: str, from_name: str, reply_to: str, is_one_click: bool) -> Skeleton:
    return Skeleton(
        from_address=from_address, from_name=from_name, reply_to=reply_to, is_one_click=is_one_click
    )


@lru_cache(maxsize=1)
def _host() -> str:
    return urlsplit(settings.BASE_URL).hostname or "localhost"
