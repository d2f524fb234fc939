"""From a due row to a recorded outcome: claim, decide, render, intent, hand over, record."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from django_scopes import scope

from audiences import suppression
from campaigns import channels, contents
from campaigns.liquid.wire import Refused as Unrenderable
from campaigns.models import Campaign
from delivery import claim, plan, providers, recording, traces
from delivery.channels.email.outcomes import Accepted, NotSent, Outcome, Refused, Unknown
from delivery.channels.email.sending import Letter, Mailer
from delivery.channels.email.smtp import Message
from delivery.circumstances import Known
from delivery.claim import Chunk
from delivery.deciding import settle_decisions
from delivery.models import Delivery
from delivery.recording import Result
from tenants import clock
from tenants.models import Tenant

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """A decided row with the mail that is to leave."""

    known: Known
    mail: Message


def once_round() -> int:
    """Give every tenant with something due one turn; return the slices planned and rows settled in all."""
    kinds = [channel.kind for channel in channels.all()]
    return sum(_guarded_turn(Tenant.objects.get(pk=pk), kinds) for pk in claim.tenants_with_work(kinds))


def _guarded_turn(tenant: Tenant, kinds: list[str]) -> int:
    """One tenant's trouble is not the next one's: what it claimed is free again when the lease runs out."""
    try:
        return _turn(tenant, kinds)
    except Exception:
        log.exception("Tenant %s: this turn failed.", tenant.pk)
        return 0


def _turn(tenant: Tenant, kinds: list[str]) -> int:
    """Plan a slice and settle a chunk of each channel: then it is another tenant's turn."""
    with scope(tenant=tenant):
        now = clock.now(tenant)
        plan.open_due(tenant=tenant, now=now)
        worked = int(plan.advance(tenant=tenant, now=now))
        for kind in kinds:
            chunk = claim.claim(tenant=tenant, channel=kind, now=now)
            worked += settle(chunk, tenant=tenant, channel=kind, now=now)
        return worked


def settle(chunk: Chunk, *, tenant: Tenant, channel: str, now: datetime) -> int:
    """Bring a claimed chunk to its outcomes and return its size; may be killed at any line.

    Rows whose outcome could not be reached stay planned, for the next claim.
    """
    if chunk.rows:
        to_send = settle_decisions(chunk, tenant=tenant, channel=channel, now=now)
        for is_marketing in (False, True):
            same = [known for known in to_send if known.brief.is_marketing == is_marketing]
            if same:
                _send(same, chunk, tenant=tenant, channel=channel, is_marketing=is_marketing, now=now)
    return len(chunk.rows)


def _send(
    to_send: list[Known], chunk: Chunk, *, tenant: Tenant, channel: str, is_marketing: bool, now: datetime
) -> None:
    try:
        mailer = Mailer(tenant, is_marketing=is_marketing)
    except providers.NoProvider as exc:
        log.warning("Tenant %s cannot send: %s", tenant.pk, exc)
        recording.back_off([known.row for known in to_send], tenant=tenant, token=chunk.token)
        return
    ready = _render(to_send, mailer, chunk, tenant=tenant, channel=channel, now=now)
    for group in _groups_of(recording.GROUP, ready):
        _hand_over(group, mailer, chunk, tenant=tenant)


def _render(
    to_send: list[Known], mailer: Mailer, chunk: Chunk, *, tenant: Tenant, channel: str, now: datetime
) -> list[Ready]:
    """Return the mails of those who can be written to; the others are settled with what stood in the way."""
    same_words: dict[int, list[Known]] = defaultdict(list)
    for known in to_send:
        same_words[_content_id(known, channel)].append(known)
    ready: list[Ready] = []
    unrenderable: list[Result] = []
    for content_id, people in same_words.items():
        answers = contents.filled(
            channel=channel,
            parts=people[0].brief.parts[content_id],
            people=[known.person for known in people],
            shared=people[0].brief.shared,
            now=now.astimezone(ZoneInfo(tenant.timezone)),
        )
        for known, answer in zip(people, answers, strict=True):
            made = answer if isinstance(answer, Unrenderable) else _compose(known, answer, mailer, now)
            if isinstance(made, Ready):
                ready.append(made)
            else:
                message = _message(known, channel)
                unrenderable.append(Result(known.row, message, Delivery.State.SKIPPED, "render", made.reason))
    recording.record(unrenderable, tenant=tenant, token=chunk.token, now=now)
    return ready


def _compose(known: Known, words: dict[str, str], mailer: Mailer, now: datetime) -> Ready | Unrenderable:
    profile = known.person["profile"]
    letter = Letter(
        id=known.row.id,
        to_address=known.circumstances.address or "",
        to_name=" ".join(str(profile[name]) for name in ("first_name", "last_name") if profile.get(name)),
        message_id_stem=f"{known.row.id}.{int(known.row.occasion_at.timestamp())}",
        paths=known.paths,
        at=now,
    )
    try:
        return Ready(known, mailer.compose(words, letter))
    except ValueError as exc:  # words or an address no mail can carry: this person's message, nobody else's
        return Unrenderable(str(exc))


def _hand_over(group: Sequence[Ready], mailer: Mailer, chunk: Chunk, *, tenant: Tenant) -> None:
    """Mark intent, hand over, record: what a crash in here leaves in doubt is this group and no more."""
    until = time.monotonic() + recording.HANDS_OVER_WITHIN_SECONDS
    rows = [(ready.known.row, ready.known.circumstances.address or "") for ready in group]
    may = recording.mark_intent(rows, tenant=tenant, token=chunk.token)
    going = {ready.mail.id: ready.known for ready in group if ready.mail.id in may}
    stayed = [ready.known.row for ready in group if ready.mail.id not in may]
    claim.release(stayed, tenant=tenant, token=chunk.token)  # decided again, with the reason they now have
    mails = [ready.mail for ready in group if ready.mail.id in may]
    outcomes = list(mailer.hand_over(mails, until=until))
    now = clock.now(tenant)
    results = [result for outcome in outcomes if (result := _result(going[outcome.id], outcome))]
    recording.record(results, tenant=tenant, token=chunk.token, now=now)
    again = [going[outcome.id].row for outcome in outcomes if _may_be_tried_again(outcome)]
    recording.back_off(again, tenant=tenant, token=chunk.token)
    _suppress_dead(outcomes, going, tenant=tenant, now=now)


def _result(known: Known, outcome: Outcome) -> Result | None:
    """Return the outcome as the row keeps it; None where the row is to be tried again."""
    message = _message(known, known.circumstances.channel)
    match outcome:
        case Accepted():
            return Result(
                known.row, message, Delivery.State.SENT, reply=outcome.reply, provider_id=outcome.provider_id
            )
        case Refused(permanent=True):
            return Result(known.row, message, Delivery.State.FAILED, "refused", outcome.reply)
        case Unknown():
            return Result(known.row, message, Delivery.State.UNKNOWN, "no_answer", outcome.why)
    return None


def _may_be_tried_again(outcome: Outcome) -> bool:
    return isinstance(outcome, NotSent) or (isinstance(outcome, Refused) and not outcome.permanent)


def _suppress_dead(
    outcomes: Sequence[Outcome], going: dict[int, Known], *, tenant: Tenant, now: datetime
) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Refused) and outcome.is_address_dead:
            circumstances = going[outcome.id].circumstances
            suppression.add(
                tenant=tenant, channel=circumstances.channel, address=circumstances.address or "",
                reason="bounced", detail=outcome.reply, now=now,
            )  # fmt: skip


def _content_id(known: Known, channel: str) -> int:
    way = known.circumstances.choice.way
    words = way.content(channel) if way else None
    if words is None:
        raise LookupError(f"Delivery {known.row.id} was decided without words for {channel}.")
    return words.id


def _message(known: Known, channel: str) -> traces.Message:
    campaign: Campaign = known.brief.campaign
    return traces.Message(
        delivery_id=known.row.id,
        occasion_at=known.row.occasion_at,
        profile_id=known.row.profile_id,
        campaign_id=campaign.pk,
        campaign=str(campaign.public_id),
        campaign_name=campaign.name,
        version=known.brief.version.number,
        arm=known.circumstances.choice.arm,
        channel=channel,
        sent_at=None,
    )


def _groups_of(size: int, items: Sequence[Ready]) -> Iterator[list[Ready]]:
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group
