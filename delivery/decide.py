"""The decision: one pure function from what is known about a due delivery to what becomes of it, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from campaigns import arms
from campaigns.arms import Choice
from campaigns.calendar.windows import Quiet, Window, next_allowed
from delivery.occasions import Occasion

NEVER_STATED = "never stated"

Verdict = Literal["send", "hold_out", "skip", "wait"]


@dataclass(frozen=True, slots=True)
class Room:
    """What one frequency cap leaves to one person."""

    cap_id: int
    words: str
    limit: int
    used: int
    opens_at: datetime | None  # the moment there is room again; None: there is some now


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the gates look at, all read before the decision and kept with it."""

    campaign_state: str
    is_marketing: bool
    due_at: datetime  # at first, whatever it has waited for since
    lateness: timedelta
    is_living: bool
    is_in_audience: bool
    choice: Choice
    channel: str
    address: str | None
    standing: str  # on the channel; empty if never stated
    is_suppressed: bool
    has_sender: bool  # the brand has said who it is and, for marketing, where it lives
    topic: str = ""  # the campaign's
    topic_standing: str = ""
    occasion: Occasion | None = None  # what set it off, of a triggered row
    again: str = "once"  # whether somebody who had it may get it again
    again_after: timedelta = timedelta(0)
    delay_from_activity: timedelta | None = None  # it waits until they have done nothing for so long
    last_active_at: datetime | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))  # the clock they live by
    window: Window | None = None
    quiet: Quiet | None = None
    waits_outside: bool = True
    caps: Sequence[Room] = ()  # it would count towards these; none where it is exempt, or has its reservation
    is_cap_exempt: bool = False
    waits_if_capped: bool = False

    @property
    def has_hours(self) -> bool:
        return self.window is not None or self.quiet is not None


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate's answer: passed, or the reason it was not, and what it saw."""

    name: str
    passed: bool
    saw: Any
    reason: str = ""
    until: datetime | None = None  # not passed yet: the moment to ask again


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    reason: str  # empty unless it is skipped or waits
    gates: tuple[Gate, ...] = field(default=())
    until: datetime | None = None  # of one that waits: when it is due again

    def as_json(self) -> dict[str, Any]:
        """Return the record kept on the row: the gates passed in order, and the one that said no."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "gates": [[gate.name, gate.passed, gate.saw] for gate in self.gates],
        }


def decide(circumstances: Circumstances, *, now: datetime) -> Decision:
    """Return what becomes of a delivery at ``now`` (the tenant's clock). Pure: the same input, the same decision."""
    gates: list[Gate] = []
    for ask in GATES:
        gate = ask(circumstances, now)
        gates.append(gate)
        if not gate.passed:
            return Decision("wait" if gate.until else "skip", gate.reason, tuple(gates), gate.until)
    return Decision("hold_out" if circumstances.choice.is_control else "send", "", tuple(gates))


def every_gate(circumstances: Circumstances, *, now: datetime) -> tuple[Gate, ...]:
    """Return what each gate says, also those after the first no: what else somebody would have to put right."""
    return tuple(ask(circumstances, now) for ask in GATES)


def _campaign_live(known: Circumstances, now: datetime) -> Gate:
    return Gate("campaign_live", known.campaign_state == "live", known.campaign_state, "campaign_not_live")


def _not_late(known: Circumstances, now: datetime) -> Gate:
    late = max(now - known.due_at, timedelta(0))
    return Gate("not_late", late <= known.lateness, {"late_seconds": int(late.total_seconds())}, "too_late")


def _in_audience(known: Circumstances, now: datetime) -> Gate:
    if not known.is_living:
        return Gate("in_audience", False, "merged or erased", "gone")
    return Gate("in_audience", known.is_in_audience, known.is_in_audience, "left_audience")


def _exception(known: Circumstances, now: datetime) -> Gate:
    called_off_by = known.occasion.called_off_by if known.occasion else None
    return Gate("exception", called_off_by is None, called_off_by, "exception")


def _at_rest(known: Circumstances, now: datetime) -> Gate:
    """Of rows whose delay counts from when the person was last active: whether they have rested so long."""
    if known.delay_from_activity is None or known.last_active_at is None:
        return Gate("at_rest", True, None)
    rested_at = known.last_active_at + known.delay_from_activity
    saw = {"last_active_at": known.last_active_at.isoformat()}
    if rested_at > known.due_at + known.lateness:
        return Gate("at_rest", False, saw, "never_rested")
    return Gate("at_rest", rested_at <= now, saw, "still_active", until=rested_at)


def is_in_hours(known: Circumstances, *, now: datetime) -> bool:
    """Whether the send window is open at this moment, and no quiet hours are."""
    return _hours(known, now).passed


def _hours(known: Circumstances, now: datetime) -> Gate:
    """The send window and the quiet hours, by the person's own clock."""
    if not known.has_hours:
        return Gate("hours", True, None)
    opens_at = next_allowed(now, known.zone, known.window, known.quiet)
    saw = {"zone": known.zone.key, "opens_at": opens_at and opens_at.isoformat()}
    if opens_at is None:
        return Gate("hours", False, saw, "no_hours")
    may_wait = known.waits_outside and opens_at <= known.due_at + known.lateness
    return Gate("hours", opens_at <= now, saw, "outside_hours", until=opens_at if may_wait else None)


def _re_eligible(known: Circumstances, now: datetime) -> Gate:
    """Of what is triggered or repeats: whether they may have it, or have it again."""
    occasion = known.occasion
    if occasion is None or known.again == "always":
        return Gate("re_eligible", True, known.again)
    saw = {"had": occasion.had, "last_at": occasion.had_last_at and occasion.had_last_at.isoformat()}
    if occasion.is_on_its_way:
        return Gate("re_eligible", False, saw | {"on_its_way": True}, "had_it")
    if occasion.had_last_at is None or not occasion.had:
        return Gate("re_eligible", True, saw)
    may_again = known.again == "after" and occasion.had_last_at + known.again_after <= now
    return Gate("re_eligible", may_again, saw, "had_it")


def _arm(known: Circumstances, now: datetime) -> Gate:
    choice = known.choice
    saw: dict[str, Any] = {"arm": choice.arm}
    if choice.lacks:
        saw["lacks"] = list(choice.lacks)
    if known.occasion:
        saw |= arms.seen(choice, known.occasion.event, now=now)
    if language := choice.language_words(known.channel):
        saw["language"] = language
    if choice.way is not None and choice.content(known.channel) is None:
        return Gate("arm", False, saw, "no_words")
    return Gate("arm", choice.way is not None, saw, choice.reason)


def _address(known: Circumstances, now: datetime) -> Gate:
    return Gate("address", bool(known.address), known.address, "no_address")


def _consent(known: Circumstances, now: datetime) -> Gate:
    saw = {known.channel: known.standing or NEVER_STATED}
    if known.topic:
        saw[f"topic:{known.topic}"] = known.topic_standing or NEVER_STATED
    refused = known.is_marketing and "unsubscribed" in saw.values()
    return Gate("consent", not refused, saw, "unsubscribed")


def _suppression(known: Circumstances, now: datetime) -> Gate:
    return Gate("suppression", not known.is_suppressed, known.is_suppressed, "suppressed")


def _sender(known: Circumstances, now: datetime) -> Gate:
    return Gate("sender", known.has_sender, known.has_sender, "no_sender_identity")


def _caps(known: Circumstances, now: datetime) -> Gate:
    if known.is_cap_exempt:
        return Gate("caps", True, "exempt")
    saw: dict[str, Any] = {room.words: f"{room.used} of {room.limit}" for room in known.caps}
    full = {room.words: room.opens_at for room in known.caps if room.opens_at is not None}
    if not full:
        return Gate("caps", True, saw)
    opens_at = max(full.values())  # the last of them to have room
    seen = {"full": list(full), "used": saw, "room_at": opens_at.isoformat()}
    may_wait = known.waits_if_capped and opens_at <= known.due_at + known.lateness
    return Gate("caps", False, seen, "capped", until=opens_at if may_wait else None)


GATES: tuple[Callable[[Circumstances, datetime], Gate], ...] = (
    _campaign_live,
    _not_late,
    _in_audience,
    _exception,
    _at_rest,
    _re_eligible,
    _arm,
    _address,
    _consent,
    _suppression,
    _sender,
    _hours,
    _caps,
)

# What each reason is called where people read it.
REASONS = {
    "campaign_not_live": "The campaign was not live",
    "too_late": "It would have come too late",
    "hour_passed": "Its hour had passed where they live when it was launched",
    "gone": "The profile was merged or erased",
    "left_audience": "No longer in the audience",
    "exception": "Did what calls it off",
    "replaced": "A newer event took its place",
    "still_active": "Was active just now",
    "never_rested": "Was active for so long that it would have come too late",
    "had_it": "Had it already",
    "lacks_data": "Lacks data that every fitting variant needs",
    "no_variant": "No variant is meant for them",
    "no_words": "Their variant says nothing on this channel",
    "no_address": "Has no address on this channel",
    "unsubscribed": "Unsubscribed",
    "suppressed": "The address is suppressed",
    "no_sender_identity": "The brand has no sender address or postal address",
    "outside_hours": "Due outside the hours in which it may be sent",
    "no_hours": "The quiet hours leave nothing of its send window",
    "capped": "Had reached a frequency cap",
    "aborted": "The message itself said not to send it",
    "source": "A source had nothing for them",
    "render": "The message could not be rendered for them",
    "error": "Something failed on our side each time it was tried",
    "refused": "Refused by the recipient's server",
    "no_answer": "Handed over, but no answer came",
    "stopped": "The campaign was stopped",
    "erased": "The person was erased",
    "merged": "Merged into a profile that has this message",
}
