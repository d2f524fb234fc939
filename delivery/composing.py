"""Mails made: words filled by the renderer become the message that leaves, or the reason why there is none."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns import contents
from campaigns.liquid.wire import Refused as Unrenderable
from campaigns.sources.gathering import lacks_value
from delivery.channels.email.sending import Letter, Mailer
from delivery.channels.email.smtp import Message
from delivery.circumstances import Known
from tenants.models import Tenant

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """A decided row with the mail that is to leave."""

    known: Known
    mail: Message


@dataclass(frozen=True, slots=True)
class Unmade:
    """A decided row that no mail can be made for, and why, in words of its own and as one of ``decide.REASONS``."""

    known: Known
    why: str
    reason: str = "render"


def make(
    to_send: Sequence[Known], mailer: Mailer, *, tenant: Tenant, channel: str, now: datetime
) -> list[Ready | Unmade]:
    """Return each row's mail, or why there is none. One call of the renderer for each content among them."""
    same_words: dict[int, list[Known]] = defaultdict(list)
    for known in to_send:
        content_id = known.content_id(channel)
        if content_id is None:
            raise LookupError(f"Delivery {known.row.id} was decided without words for {channel}.")
        same_words[content_id].append(known)
    zone = ZoneInfo(tenant.timezone)
    return [
        made
        for content_id, people in same_words.items()
        for made in _same(content_id, people, mailer, channel=channel, now=now, zone=zone)
    ]


def _same(
    content_id: int, people: list[Known], mailer: Mailer, *, channel: str, now: datetime, zone: ZoneInfo
) -> Iterator[Ready | Unmade]:
    brief, source = people[0].brief, people[0].source
    # What all of them got of their sources travels to the renderer once.
    is_alike = all(known.source is source for known in people)
    answers = contents.filled(
        channel=channel,
        parts=brief.parts[content_id],
        people=[known.person if is_alike else known.person | {"source": known.source} for known in people],
        shared=brief.shared | {"source": source} if source and is_alike else brief.shared,
        now=now.astimezone(zone),
        language=brief.spec.language_of(content_id),
    )
    for known, answer in zip(people, answers, strict=True):
        if isinstance(answer, Unrenderable):
            of_source = lacks_value(answer.reason)
            reason = "aborted" if answer.is_wanted else "source" if of_source else "render"
            yield Unmade(known, of_source or answer.reason, reason)
        else:
            yield _composed(known, answer, mailer, now)


def _composed(known: Known, words: dict[str, str], mailer: Mailer, now: datetime) -> Ready | Unmade:
    profile = known.person["profile"]
    letter = Letter(
        id=known.row.id,
        to_address=known.circumstances.address or "",
        to_name=" ".join(str(profile[name]) for name in ("first_name", "last_name") if profile.get(name)),
        message_id_stem=f"{known.row.id}.{int(known.row.occasion_at.timestamp())}",
        paths=known.paths,
        at=now,
        is_marketing=known.brief.is_marketing,
    )
    try:
        return Ready(known, mailer.compose(words, letter))
    except ValueError as exc:  # words or an address no mail can carry: this person's message, nobody else's
        return Unmade(known, str(exc))
