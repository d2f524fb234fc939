"""Why: for one person and one campaign, whether they got it, will get it, or did not, and what said so.

It reads and changes nothing: what is still to come is judged by the gates themselves, on what they would look at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from audiences import facts
from audiences.models import Profile
from audiences.rules import explain as rules
from campaigns import launching, versions
from campaigns.models import Campaign, Version
from delivery import circumstances, explaining, queueing, results
from delivery.claim import Due
from delivery.decide import Decision, decide, every_gate
from delivery.explain_entering import Entering, moment, way_in
from delivery.explaining import Step
from delivery.models import Delivery
from delivery.plan import channel_of
from delivery.results import reason_words

SHOWN = 20  # deliveries, the newest

State = Delivery.State
NEVER = "never_entered"
OUTCOMES = {  # state -> what it is called where programs read it, and people
    State.SENT: ("got_it", "Got it"),
    State.HELD_OUT: ("held_out", "Held out: in the control group"),
    State.SENDING: ("being_sent", "Is being handed over"),
    State.SKIPPED: ("did_not", "Did not get it"),
    State.FAILED: ("did_not", "Did not get it"),
    State.CANCELLED: ("did_not", "Did not get it"),
    State.UNKNOWN: ("unsure", "May have got it"),
}
PROSPECTS = {  # of a planned row: what the gates say -> the same
    "send": ("will_get_it", "Will get it"),
    "hold_out": ("will_be_held_out", "Will be held out: in the control group"),
    "wait": ("will_wait", "Will wait"),
    "skip": ("will_not", "Will not get it"),
}
VERDICTS = sorted({NEVER, *(verdict for verdict, _ in (*OUTCOMES.values(), *PROSPECTS.values()))})


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the gates would make of a delivery at a moment, if nothing changed until then; every gate is asked."""

    at: datetime
    decision: Decision
    arm: str
    steps: list[Step]

    @property
    def reason(self) -> str:
        """Return why not, as it stands inside a sentence; nobody says whether they were ever in the audience."""
        reason = self.decision.reason
        return "not in the audience" if reason == "left_audience" else _inner(reason_words(reason))

    @property
    def words(self) -> str:
        return {
            "send": "Would get it",
            "hold_out": "Would be held out: in the control group",
            "wait": f"Would wait: {self.reason}",
            "skip": f"Would not get it: {self.reason}",
        }[self.decision.verdict]

    def as_json(self) -> dict[str, Any]:
        return {
            "at": moment(self.at),
            "verdict": self.decision.verdict,
            "reason": self.decision.reason,
            "words": self.words,
            "until": moment(self.decision.until),
            "arm": self.arm,
            "gates": [step.as_json() for step in self.steps],
        }


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery: what became of it, by which gates; or when it is due, what it waits for, and what may stop it."""

    delivery: Delivery
    verdict: str
    words: str
    at: datetime | None
    steps: list[Step]
    waits_for: str = ""
    forecast: Forecast | None = None

    @property
    def heard(self) -> list[explaining.Heard]:
        """What the sources of its words gave."""
        return explaining.heard(self.delivery)

    def as_json(self) -> dict[str, Any]:
        row = self.delivery
        return {
            "state": row.state,
            "occasion": row.occasion,
            "occasion_at": moment(row.occasion_at),
            "channel": row.channel,
            "arm": row.arm,
            "version": row.version.number if row.version else None,
            "verdict": self.verdict,
            "words": self.words,
            "at": moment(self.at),
            "due_at": moment(row.due_at),
            "reason": row.reason,
            "reply": row.reply,
            "gates": [step.as_json() for step in self.steps],
            "sources": [one.as_json() for one in self.heard],
            "waits_for": self.waits_for,
            "forecast": self.forecast.as_json() if self.forecast else None,
        }


@dataclass(frozen=True, slots=True)
class Why:
    """The answer. ``verdict``, ``sentence`` and ``at``, when it came about or will, are about the newest delivery."""

    campaign: Campaign
    profile: Profile
    verdict: str
    sentence: str
    at: datetime | None
    deliveries: list[Told]
    is_more: bool  # older deliveries are left out
    entering: Entering | None  # of somebody who never had one
    audience: rules.Node | None  # whom the campaign is for, as it sees them now; None for a tombstone
    now: Forecast | None  # if one fell due at this moment; None where none can

    def as_json(self) -> dict[str, Any]:
        entering = self.entering
        return {
            "campaign": {"id": str(self.campaign.public_id), "name": self.campaign.name},
            "profile": {"id": str(self.profile.public_id), "name": str(self.profile)},
            "verdict": self.verdict,
            "sentence": self.sentence,
            "at": moment(self.at),
            "deliveries": [told.as_json() for told in self.deliveries],
            "has_more_deliveries": self.is_more,
            "conditions": [each.as_json() for each in entering.conditions] if entering else [],
            "occurrences": [each.as_json() for each in entering.occurrences] if entering else [],
            "audience": self.audience.as_json() if self.audience else None,
            "now": self.now.as_json() if self.now else None,
        }


def why(campaign: Campaign, profile: Profile, *, now: datetime) -> Why:
    """Return why somebody got a campaign or did not. ``now`` is the tenant's. A few dozen small queries, no locks."""
    version = _deciding(campaign)
    newest = Delivery.objects.filter(campaign=campaign, profile=profile).select_related("version")
    rows = list(newest.order_by("-occasion_at", "-id")[: SHOWN + 1])
    told = [_told(row, campaign, now=now) for row in rows[:SHOWN]]
    entering = way_in(version, profile, now=now)
    forecast = _if_due_now(version, profile, entering, now=now) if _may_come(version, rows) else None
    if told:
        first = told[0]
        verdict, sentence, at = first.verdict, first.words, first.at
    else:
        verdict, sentence, at = NEVER, f"Never entered: {entering.reason}", None
    return Why(
        campaign=campaign,
        profile=profile,
        verdict=verdict,
        sentence=sentence,
        at=at,
        deliveries=told,
        is_more=len(rows) > SHOWN,
        entering=None if told else entering,
        audience=_audience(version, profile, now=now),
        now=forecast,
    )


def _deciding(campaign: Campaign) -> Version:
    """Return the version that decides: the newest launched, else the draft."""
    version = versions.launched_last(campaign.pk) or versions.newest(campaign)
    version.campaign, version.tenant = campaign, campaign.tenant
    return version


def _may_come(version: Version, rows: list[Delivery]) -> bool:
    """Whether another delivery is conceivable: none is open, and the campaign does not go once only."""
    if version.launched_at is None or (rows and version.when in (Version.When.NOW, Version.When.AT)):
        return False
    return not any(row.state in (State.PLANNED, State.SENDING) for row in rows)


def _audience(version: Version, profile: Profile, *, now: datetime) -> rules.Node | None:
    rule = launching.audience_rule(version)
    if rule is None:
        return None
    known = facts.load(tenant_id=profile.tenant_id, ids=[profile.pk], rules=[rule], now=now)
    return rules.explain(rule, known[profile.pk], now=now) if profile.pk in known else None


# --- One delivery -------------------------------------------------------------------------------------------------


def _told(row: Delivery, campaign: Campaign, *, now: datetime) -> Told:
    if row.state == State.PLANNED:
        return _planned(row, campaign, now=now)
    verdict, words = OUTCOMES[State(row.state)]
    if row.reason:
        words = f"{words}: {_inner(reason_words(row.reason))}"
    at = row.sent_at or row.exposed_at or row.settled_at
    return Told(row, verdict, words, at, explaining.steps(row))


def _planned(row: Delivery, campaign: Campaign, *, now: datetime) -> Told:
    turn = queueing.turn(row, campaign, now=now)
    at = max(now, row.due_at, turn.at if turn else now)
    forecast = _forecast(Due.of(row), campaign, channel=row.channel, at=at)
    verdict, words = PROSPECTS[forecast.decision.verdict]
    if forecast.decision.reason:
        words = f"{words}, as things stand: {forecast.reason}"
    waits_for = _waits_for(row, campaign, turn, now=now)
    return Told(
        row, verdict, words, forecast.decision.until or at, explaining.steps(row), waits_for, forecast
    )


def _waits_for(row: Delivery, campaign: Campaign, turn: queueing.Turn | None, *, now: datetime) -> str:
    """Say what a planned row waits for at this moment."""
    if campaign.state == Campaign.State.PAUSED:
        return "Waits until the campaign is resumed"
    if campaign.state == Campaign.State.STOPPED:
        return "The campaign was stopped: it is about to be cancelled"
    if row.due_at > now:
        return results.why(row) or "Waits until it is due"
    if turn:
        return turn.words
    if row.attempts:
        return f"Is being worked on, or waits to be tried again (attempt {row.attempts})"
    return "Is due: it goes as soon as its turn comes"


# --- What the gates would say -------------------------------------------------------------------------------------


def _if_due_now(version: Version, profile: Profile, entering: Entering, *, now: datetime) -> Forecast:
    """Ask the gates about a row that does not exist, set off by an event like the newest that fits."""
    is_triggered = entering.event is not None
    row = Due(
        id=0,
        occasion_at=now,
        profile_id=profile.pk,
        campaign_id=version.campaign_id,
        occasion=_today(version, now) if version.date_of else "",
        due_at=now,
        attempts=1,
        event_id=0 if is_triggered else None,
    )
    imagined = {0: entering.event or {}}
    return _forecast(row, version.campaign, channel=channel_of(version), at=now, imagined=imagined)


def _today(version: Version, now: datetime) -> str:
    return now.astimezone(ZoneInfo(version.tenant.timezone)).date().isoformat()


def _forecast(
    row: Due,
    campaign: Campaign,
    *,
    channel: str,
    at: datetime,
    imagined: Mapping[int, dict[str, Any]] | None = None,
) -> Forecast:
    tenant = campaign.tenant
    asked = circumstances.Asked([row], tenant=tenant)
    (known,) = circumstances.look([row], asked, tenant=tenant, channel=channel, now=at, imagined=imagined)
    gates = every_gate(known.circumstances, now=at)
    return Forecast(
        at=at,
        decision=decide(known.circumstances, now=at),
        arm=known.circumstances.choice.arm,
        steps=explaining.said((gate.name, gate.passed, gate.saw) for gate in gates),
    )


def _inner(words: str) -> str:
    """Return a sentence's words as they stand inside another."""
    return words[:1].lower() + words[1:]
