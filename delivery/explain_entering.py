"""What had to happen before a campaign owed somebody a message, and how far it came.

Each kind of schedule or trigger answers in one place: a line of KINDS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from audiences.models import Event, Profile
from audiences.rules import explain
from campaigns import schedules, triggers
from campaigns.models import Campaign, Version
from delivery.models import Plan

OCCURRENCES = 5  # of what might have set it off, the newest
LOOKED_AT = 50  # events among which they are looked for


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that had to come first; ``reason`` says in words what it means that it did not."""

    asks: str
    holds: bool
    reason: str = ""
    at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "asks": self.asks,
            "holds": self.holds,
            "reason": "" if self.holds else self.reason,
            "at": moment(self.at),
        }


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something they did that might have set it off, and why it did not; ``filters`` are the trigger's verdicts."""

    event: str
    at: datetime
    reason: str
    filters: explain.Node | None

    def as_json(self) -> dict[str, Any]:
        filters = self.filters.as_json() if self.filters else None
        return {"event": self.event, "at": moment(self.at), "reason": self.reason, "filters": filters}


@dataclass(frozen=True, slots=True)
class Entering:
    """The way into a campaign. ``event`` is what the next event would likely bring; None where none sets it off."""

    conditions: list[Condition] = field(default_factory=list)
    occurrences: list[Occurrence] = field(default_factory=list)
    event: dict[str, Any] | None = None

    @property
    def reason(self) -> str:
        """Return why nothing is owed to them: the first condition that does not hold."""
        return next((each.reason for each in self.conditions if not each.holds), "")


def moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def way_in(version: Version, profile: Profile, *, now: datetime) -> Entering:
    """Return how far somebody without a delivery of the campaign came towards one, by the version that decides."""
    if version.launched_at is None:
        return Entering([Condition("The campaign was launched", False, "the campaign has not been launched")])
    launched = Condition("The campaign was launched", True, at=version.launched_at)
    found = KINDS.get(Version.When(version.when), _planned)(version, profile, now)
    return Entering([launched, *found.conditions], found.occurrences, found.event)


# --- Planned by the clock -----------------------------------------------------------------------------------------


def _planned(version: Version, profile: Profile, now: datetime) -> Entering:
    """Each time planning walks through the people once; whoever is in the audience then is owed a message."""
    plans = Plan.objects.filter(campaign_id=version.campaign_id).order_by("-occasion_at", "-id")
    plan = plans.exclude(opened_at=None).first()
    next_plan = plan or plans.filter(done_at=None).last()
    begins_at = next_plan.opens_at if next_plan else version.starts_at or version.launched_at
    assert begins_at is not None
    return Entering(list(_planning(version, plan, profile, begins_at=begins_at, now=now)))


def _planning(
    version: Version, plan: Plan | None, profile: Profile, *, begins_at: datetime, now: datetime
) -> Iterator[Condition]:
    yield Condition("Its hour has come", begins_at <= now, "its hour has not come", at=begins_at)
    is_done = plan is not None and plan.done_at is not None
    is_reached = plan is not None and profile.pk <= plan.planned_to
    yield Condition("Planning has come to them", is_reached or is_done, _not_planned(version.campaign))
    yield Condition("They were known by then", is_reached, "they came after it was planned")
    if plan is not None and schedules.is_by_person(version):
        yield Condition(
            "Launched before its hour where they live",
            _is_hour_to_come(version, plan, profile),
            "its hour had passed where they live when it was launched",
        )
    yield Condition(
        "In the audience at that time",
        False,
        "they were not in the audience when it was planned",
        at=plan.opens_at if plan else None,
    )


def _is_hour_to_come(version: Version, plan: Plan, profile: Profile) -> bool:
    zone, name = ZoneInfo(version.tenant.timezone), profile.timezone or ""
    occasion = schedules.find(version, plan.occasion, zone=zone)
    return occasion is None or schedules.dues(version, occasion, [name], zone=zone)[name] is not None


def _not_planned(campaign: Campaign) -> str:
    if campaign.state == Campaign.State.LIVE:
        return "planning has not come to them yet"
    return f"the campaign was {campaign.get_state_display().lower()} before planning came to them"


# --- Set off by what people do, or what becomes of them -----------------------------------------------------------


def _triggered(version: Version, profile: Profile, now: datetime) -> Entering:
    """An event in their stream that fits the trigger, after the campaign began to listen, owes them a message."""
    assert version.trigger is not None
    begins_at = version.starts_at or version.launched_at
    assert begins_at is not None
    heard = triggers.heard(version.trigger)
    met = [(event, _filters(heard, event)) for event in _newest(heard, profile, now)]
    shown = [(event, filters) for event, filters in met if _is_about_it(heard, filters)][:OCCURRENCES]
    occurrences = [
        Occurrence(event.name, event.occurred_at, _unheard(version, event, filters, begins_at), filters)
        for event, filters in shown
    ]
    reason = (
        f"when “{occurrences[0].event}” came last, {occurrences[0].reason}"
        if occurrences
        else "what sets it off has never happened"
    )
    fits = (event.properties for event, filters in shown if filters is None or filters.verdict)
    return Entering(
        [
            Condition("It listens", begins_at <= now, "it does not listen yet", at=begins_at),
            Condition(f"What sets it off: they {triggers.said(version.trigger)}", False, reason),
        ],
        occurrences,
        event=next(fits, {}),
    )


def _newest(heard: triggers.Happening, profile: Profile, now: datetime) -> QuerySet[Event]:
    did = Event.objects.filter(profile=profile, name=heard.name, is_internal=heard.is_internal)
    return did.filter(occurred_at__lte=now).order_by("-occurred_at", "-id")[:LOOKED_AT]


def _filters(heard: triggers.Happening, event: Event) -> explain.Node | None:
    if heard.where is None:
        return None
    return explain.explain_properties(heard.where, event.properties, now=event.occurred_at)


def _is_about_it(heard: triggers.Happening, filters: explain.Node | None) -> bool:
    """Whether one of our own events is about what is meant, such as a segment or a place: its first filter says."""
    return not heard.is_internal or filters is None or filters.children[0].verdict


def _unheard(version: Version, event: Event, filters: explain.Node | None, begins_at: datetime) -> str:
    """Return why an event set nothing off, as ``triggers.Listener`` would have judged it."""
    if event.occurred_at < begins_at:
        return "it happened before the campaign began to listen"
    if version.ends_at is not None and event.occurred_at >= version.ends_at:
        return "it happened after the campaign had ended"
    if filters is not None and not filters.verdict:
        return "what it brought did not pass the filter"
    if event.received_at - event.occurred_at > timedelta(hours=version.tenant.trigger_age_hours):
        return "it reached us too late to set anything off"
    if version.campaign.state == Campaign.State.STOPPED:
        return "the campaign was stopped"
    return "nobody waited for it when it arrived"


# --- Asked for by a server ----------------------------------------------------------------------------------------


def _by_request(version: Version, profile: Profile, now: datetime) -> Entering:
    """A request that named them would owe them a message."""
    asked = Condition("Your server asked for it", False, "your server has not asked for it")
    return Entering([asked], event={})


Kind = Callable[[Version, Profile, datetime], Entering]
KINDS: dict[Version.When, Kind] = {
    Version.When.NOW: _planned,
    Version.When.AT: _planned,
    Version.When.REPEAT: _planned,
    Version.When.EVENT: _triggered,
    Version.When.API: _by_request,
}
