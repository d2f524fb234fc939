"""A campaign's diary: the times at which it still goes out by a calendar, and what became of those behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.urls import reverse

from campaigns import summary, versions
from campaigns.models import Campaign, Version
from campaigns.summary import Next
from delivery.models import Plan

SHOWN = 10

SENT = """
SELECT occasion, count(*), count(*) FILTER (WHERE state = 'sent') FROM delivery_delivery
WHERE tenant_id = %s AND campaign_id = %s AND occasion = ANY(%s) AND occasion_at = ANY(%s)
GROUP BY occasion
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One time that a campaign went out, or was to."""

    day: date
    state: str
    people: int
    sent: int
    url: str


@dataclass(frozen=True, slots=True)
class Diary:
    coming: list[Next]
    past: list[Page]


def of(campaign: Campaign, *, now: datetime) -> Diary:
    """Return the next times of a campaign that is live or paused, and the latest of one that repeats."""
    version = versions.launched_last(campaign.pk)
    if version is None:
        return Diary([], [])
    version.tenant = campaign.tenant
    begun = (
        Plan.objects.filter(campaign=campaign).exclude(opened_at=None, done_at=None).order_by("-occasion_at")
    )
    coming = []
    if campaign.state in (Campaign.State.LIVE, Campaign.State.PAUSED):
        held = set(begun.filter(due_until__gt=now).values_list("occasion", flat=True))
        coming = [one for one in summary.coming(version, now=now, most=4) if one.key not in held]
    is_recurring = version.when == Version.When.REPEAT
    return Diary(coming[:3], _past(campaign, list(begun[:SHOWN]), now) if is_recurring else [])


def _past(campaign: Campaign, plans: list[Plan], now: datetime) -> list[Page]:
    keys = [plan.occasion for plan in plans]
    with connection.cursor() as cursor:
        moments = [plan.occasion_at for plan in plans]
        cursor.execute(SENT, [campaign.tenant_id, campaign.pk, keys, moments])
        counts = {key: (people, sent) for key, people, sent in cursor.fetchall()}
    people_url = reverse("campaign_people", args=[campaign.public_id])
    return [
        Page(
            plan.occasion_at.date(),
            _state(plan, now),
            *counts.get(plan.occasion, (0, 0)),
            url=f"{people_url}?occasion={plan.occasion}",
        )
        for plan in plans
    ]


def _state(plan: Plan, now: datetime) -> str:
    if plan.opened_at is None:
        return "Passed over: it would have come too late"
    if plan.done_at is None:
        return "Being planned"
    return "Under way" if plan.due_until > now else ""
