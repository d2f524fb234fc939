"""Handing over: intent is marked, mails leave, answers are recorded, a group at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from django.conf import settings

from audiences import ingest
from delivery import claim, rates, recording, traces
from delivery.channels.email.outcomes import Accepted, NotSent, Outcome, Refused, Unknown
from delivery.channels.email.sending import Mailer
from delivery.circumstances import Known
from delivery.claim import Chunk
from delivery.composing import Ready
from delivery.decide import is_in_hours
from delivery.models import Delivery
from delivery.recording import GROUP, Result
from tenants import clock
from tenants.models import Tenant

Answered = list[tuple[Known, Outcome]]


class Handover:
    """One chunk's mails on their way. A crash anywhere in here leaves one group in doubt and no more.

    The answers to one group are recorded together with the intent of the next: one durable commit a group.
    """

    def __init__(self, mailer: Mailer, chunk: Chunk, *, tenant: Tenant, goes_on: Callable[[], bool]) -> None:
        self._mailer = mailer
        self._token = chunk.token
        self._carrier = chunk.carrier
        self._tenant = tenant
        self._goes_on = goes_on

    def run(self, ready: Sequence[Ready]) -> None:
        """Bring every mail to its outcome; when it is time to leave, or nobody takes mail, the rest waits."""
        waiting = sorted(ready, key=lambda one: one.known.row.profile_id)  # locks are taken in id order
        answered: Answered = []
        while answered or waiting:
            if not self._goes_on() or self._mailer.is_resting:
                self._release(waiting)
                waiting = []
            group, waiting = self._in_their_hours(waiting[:GROUP]), waiting[GROUP:]
            going, until = self._record_and_mark(answered, group)
            answered = self._hand_over(going, until)

    def _in_their_hours(self, group: list[Ready]) -> list[Ready]:
        """Give back those whose window has closed since the decision; return the others."""
        if not any(ready.known.circumstances.has_hours for ready in group):
            return group
        now = clock.now(self._tenant)
        open_now = [ready for ready in group if is_in_hours(ready.known.circumstances, now=now)]
        self._release([ready for ready in group if ready not in open_now])
        return open_now

    def _record_and_mark(self, answered: Answered, group: list[Ready]) -> tuple[list[Ready], float]:
        """Return those of the group that may go, and until when (time.monotonic)."""
        results = [result for known, outcome in answered if (result := _result(known, outcome))]
        rows = [(ready.known.row, ready.known.circumstances.address or "") for ready in group]
        tenant, token = self._tenant, self._token

        def write() -> tuple[set[int], float]:
            until = time.monotonic() + settings.HAND_OVER_SECONDS  # read before the lease begins
            if not results:
                return recording.mark_intent(rows, tenant=tenant, token=token), until
            now = self._now()
            return recording.record_and_mark(results, rows, tenant=tenant, token=token, now=now), until

        may, until = recording.insist(write, for_seconds=settings.HAND_OVER_SECONDS / 2)
        self._free(answered)
        # Those who may not go are decided again, with the reason they now have.
        self._release([ready for ready in group if ready.mail.id not in may])
        return [ready for ready in group if ready.mail.id in may], until

    def _hand_over(self, going: list[Ready], until: float) -> Answered:
        answered: Answered = []
        known = {ready.mail.id: ready.known for ready in going}
        for outcome in self._mailer.hand_over([ready.mail for ready in going], until=until):
            answered.append((known.pop(outcome.id), outcome))
            if not self._goes_on():
                break
        not_begun = [one.row for one in known.values()]
        claim.release(not_begun, tenant=self._tenant, token=self._token, was_intended=True)
        rates.give_back(self._carrier, len(not_begun), tenant=self._tenant)
        return answered

    def _free(self, answered: Answered) -> None:
        """Let rows that nobody took be claimed again, later and later."""
        again = [known.row for known, outcome in answered if _may_be_tried_again(outcome)]
        recording.back_off(again, tenant=self._tenant, token=self._token)
        untaken = sum(isinstance(outcome, NotSent) for _, outcome in answered)
        rates.give_back(self._carrier, untaken, tenant=self._tenant)

    def _release(self, ready: Sequence[Ready]) -> None:
        claim.release([one.known.row for one in ready], tenant=self._tenant, token=self._token)
        rates.give_back(self._carrier, len(ready), tenant=self._tenant)

    def _now(self) -> datetime:
        """The tenant's time, whose month is there for the traces; a sandbox's clock may be moved at any moment."""
        now = clock.now(self._tenant)
        ingest.ensure_months(
            [now], trust=True
        )  # before any lock is taken; no retention drops the present month
        return now


def message(known: Known) -> traces.Message:
    """Return a decided row as its traces name it."""
    campaign = known.brief.campaign
    return traces.Message(
        delivery_id=known.row.id,
        occasion_at=known.row.occasion_at,
        profile_id=known.row.profile_id,
        campaign_id=campaign.pk,
        campaign=str(campaign.public_id),
        campaign_name=campaign.name,
        version=known.brief.version.number,
        arm=known.circumstances.choice.arm,
        channel=known.circumstances.channel,
        sent_at=None,
    )


def _result(known: Known, outcome: Outcome) -> Result | None:
    """Return the outcome as the row keeps it; None where the row is to be tried again."""
    match outcome:
        case Accepted():
            return Result(
                known.row,
                message(known),
                Delivery.State.SENT,
                reply=outcome.reply,
                provider_id=outcome.provider_id,
            )
        case Refused(permanent=True):
            return Result(
                known.row,
                message(known),
                Delivery.State.FAILED,
                "refused",
                outcome.reply,
                dead_address=(known.circumstances.address or "") if outcome.is_address_dead else "",
            )
        case Unknown():
            return Result(known.row, message(known), Delivery.State.UNKNOWN, "no_answer", outcome.why)
    return None


def _may_be_tried_again(outcome: Outcome) -> bool:
    return isinstance(outcome, NotSent) or (isinstance(outcome, Refused) and not outcome.permanent)
