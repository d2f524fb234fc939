"""Whose turn comes when, as far as send rates say: in words, for those who look at what waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from audiences.rules.phrases import length
from campaigns import speed, versions
from campaigns.calendar import wall
from campaigns.channels import Takes
from campaigns.models import Campaign
from delivery import warm_up
from delivery.models import Delivery, Pace, Provider
from delivery.warm_up import WarmUp
from tenants.models import Tenant

A_MOMENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """What a provider lets through from now on: so many a minute, and so many a day while it warms up."""

    per_minute: int | None
    plan: WarmUp | None
    gone: int  # of today's number
    zone: ZoneInfo

    def today(self, now: datetime) -> int | None:
        """Return what today's number is; None for any."""
        return self.plan.limit(self._day(now)) if self.plan else None

    def is_used_up(self, now: datetime) -> bool:
        today = self.today(now)
        return today is not None and self.gone >= today

    def leaves_at(self, number: int, now: datetime) -> datetime:
        """Return when the last of so many leaves, if the first goes now."""
        at, day, gone = now, self._day(now), self.gone
        while self.plan and day < self.plan.ends:
            next_day = day + timedelta(days=1)
            midnight = wall.instant(datetime.combine(next_day, time()), self.zone)
            room = self._room(day, gone, midnight - at)
            if room is None or number <= room:
                break
            number, at, day, gone = number - room, midnight, next_day, 0
        return at + (speed.takes(number, self.per_minute) if self.per_minute else timedelta(0))

    def _room(self, day: date, gone: int, left: timedelta) -> int | None:
        assert self.plan
        most = self.plan.limit(day)
        found = [] if most is None else [max(most - gone, 0)]
        if self.per_minute:
            found.append(int(self.per_minute * left / timedelta(minutes=1)))
        return min(found) if found else None

    def _day(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()


def queue(channel: str, *, tenant: Tenant, is_urgent: bool, now: datetime) -> Queue | None:
    """Return what a tenant's provider lets through; None for everything. What is urgent passes the warm-up."""
    provider = Provider.objects.filter(tenant=tenant, channel=channel, is_active=True).first()
    plan = warm_up.of(provider) if provider and not is_urgent else None
    if provider is None or (provider.per_minute is None and plan is None):
        return None
    zone = ZoneInfo(tenant.timezone)
    return Queue(provider.per_minute, plan, used_today(provider, zone=zone, now=now), zone)


def used_today(provider: Provider, *, zone: ZoneInfo, now: datetime) -> int:
    """Return how many of today's number a provider was given."""
    pace = Pace.objects.filter(provider=provider).first()
    return pace.used_today if pace and pace.day == now.astimezone(zone).date() else 0


def takes(people: int, *, channel: str, tenant: Tenant, is_urgent: bool, now: datetime) -> Takes | None:
    """Return how long the provider takes for so many, if nothing else is waiting; None where it takes no time."""
    line = queue(channel, tenant=tenant, is_urgent=is_urgent, now=now)
    span = line.leaves_at(people, now) - now if line else None
    if line is None or not span:
        return None
    by_rate = speed.takes(people, line.per_minute) if line.per_minute else timedelta(0)
    is_warming_up = span > by_rate + A_MOMENT
    return Takes(span, "while your mail server warms up" if is_warming_up else f"at {_rate(line)}")


def _rate(line: Queue) -> str:
    return f"your mail server’s {line.per_minute:,} a minute"


# --- What waits ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """When a row goes, about, and what it waits for until then."""

    at: datetime
    words: str


class Limits:
    """What holds a campaign's rows back: its own rate, and what its provider lets through."""

    def __init__(self, campaign: Campaign, *, channel: str, now: datetime) -> None:
        newest = versions.launched_last(campaign.pk)
        self.per_minute = newest.per_minute if newest else None
        self.lateness = timedelta(hours=newest.lateness_hours if newest else 0)
        is_urgent = campaign.message_class == Campaign.MessageClass.TRANSACTIONAL
        self.line = queue(channel, tenant=campaign.tenant, is_urgent=is_urgent, now=now)
        self.now = now

    def leaves_at(self, number: int, in_all: int) -> datetime:
        """Return when the last of so many of the campaign's rows leaves, one of so many in all on its channel."""
        own = speed.takes(number, self.per_minute) if self.per_minute else timedelta(0)
        return max(self.now + own, self.line.leaves_at(in_all, self.now) if self.line else self.now)

    @property
    def words(self) -> str:
        """What holds its rows back at this moment; empty where nothing does."""
        line = self.line
        today = line.today(self.now) if line else None
        if line and line.is_used_up(self.now):
            return f"Waits for tomorrow: today’s warm-up of {today:,} is used up"
        if self.per_minute and not (line and line.per_minute and line.per_minute < self.per_minute):
            return f"Held to {self.per_minute:,} a minute"
        if line and line.per_minute:
            return f"Held to {_rate(line)}"
        if line and today is not None:
            return f"Your mail server warms up: {line.gone:,} of today’s {today:,} have gone"
        return ""


def turn(row: Delivery, campaign: Campaign, *, now: datetime) -> Turn | None:
    """Return whose turn comes when, of a planned row; None where no rate holds it back."""
    limits = Limits(campaign, channel=row.channel, now=now)
    if not limits.words:
        return None
    before = Delivery.objects.filter(state=Delivery.State.PLANNED, channel=row.channel).filter(
        Q(due_at__lt=row.due_at) | Q(due_at=row.due_at, pk__lt=row.pk)
    )
    own = before.filter(campaign=campaign).count() + 1
    in_all = before.filter(campaign__state=Campaign.State.LIVE).count() + 1 if limits.line else own
    at = limits.leaves_at(own, in_all)
    if at <= max(now, row.due_at) + A_MOMENT:
        return None
    return Turn(at, f"{limits.words}; its turn comes in about {length(at - now)}")


def is_held(campaign: Campaign, *, channel: str, now: datetime, flows: timedelta) -> bool:
    """Whether a rate explains that due rows wait: today's number is used up, or some went within ``flows``."""
    limits = Limits(campaign, channel=channel, now=now)
    if not limits.words:
        return False
    ours = Pace.objects.filter(Q(campaign=campaign) | Q(campaign=None))
    is_used_up = limits.line is not None and limits.line.is_used_up(now)
    return is_used_up or ours.filter(minute__gte=now - flows - A_MOMENT).exists()


def standing(campaign: Campaign, *, now: datetime) -> str:
    """Say what holds a live campaign's due rows back, and for how long; empty where nothing does."""
    due = Delivery.objects.filter(campaign=campaign, state=Delivery.State.PLANNED, due_at__lte=now)
    first = due.order_by("due_at").first()
    if first is None or campaign.state != Campaign.State.LIVE:
        return ""
    limits = Limits(campaign, channel=first.channel, now=now)
    if not limits.words:
        return ""
    number = due.count()
    left = limits.leaves_at(number, number) - now
    until = (first.first_due_at or first.due_at) + limits.lateness
    late = f"; what is later than {length(limits.lateness)} is dropped" if now + left > until else ""
    return f"{limits.words}, about {length(left)} left{late}"
