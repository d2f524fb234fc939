"""Send rates: how many messages of a campaign, and of all that a provider carries, may go at this moment.

A minute is the clock's. Its number is let through evenly, second by second; what nobody was there to send may be made
up in the same minute, not later, and who begins in the middle of one has only its rest. A day is the tenant's; it has
a limit while the provider warms up.

What is let through is counted in the transaction that decides to send it, under a lock: never one too many, however
many work at once. It stays counted when whoever took it dies; a tried message counts again, as at the provider.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from delivery import warm_up
from delivery.models import Provider
from tenants import binary
from tenants.models import Tenant

MINUTE = timedelta(minutes=1)
SKEW = timedelta(minutes=5)  # clocks that differ by more were moved

SPENT = """
SELECT p.id, p.campaign_id, p.minute, p.used, p.day, p.used_today FROM delivery_pace p
WHERE p.tenant_id = %s AND (p.campaign_id = ANY(%b::bigint[]) OR p.provider_id = %s)
"""

# Made where they are missing, and locked until the transaction ends, in one order for everybody.
HOLD = """
INSERT INTO delivery_pace AS p (tenant_id, campaign_id, provider_id, used, used_today)
SELECT %s, given.campaign_id, given.provider_id, 0, 0
FROM unnest(%b::bigint[], %b::bigint[]) AS given(campaign_id, provider_id)
ORDER BY given.campaign_id, given.provider_id
ON CONFLICT (tenant_id, campaign_id, provider_id) DO UPDATE SET used = p.used
RETURNING p.id, p.campaign_id, p.minute, p.used, p.day, p.used_today
"""

SPEND = """
UPDATE delivery_pace p SET minute = r.minute, used = r.used, day = r.day, used_today = r.used_today
FROM unnest(%b::bigint[], %b::timestamptz[], %b::int[], %b::date[], %b::int[]) AS r(id, minute, used, day, used_today)
WHERE p.tenant_id = %s AND p.id = r.id
"""

GIVE_BACK = """
UPDATE delivery_pace p SET used_today = greatest(p.used_today - %s, 0)
WHERE p.tenant_id = %s AND p.provider_id = %s AND p.day = %s
"""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A provider that is given so many at the most, as things are on one day; None for any number."""

    id: int
    per_minute: int | None
    day: date
    a_day: int | None


@dataclass(frozen=True, slots=True)
class Asking:
    """A message that is ready to go. One that people wait for does not wait for the warm-up, but counts."""

    id: int
    campaign_id: int
    per_minute: int | None
    is_urgent: bool


@dataclass(slots=True)
class Spent:
    """What a campaign or provider has had of its last minute and day."""

    id: int | None = None
    minute: datetime | None = None
    used: int = 0
    day: date | None = None
    used_today: int = 0

    def in_minute(self, per_minute: int, now: datetime) -> tuple[datetime, int, int]:
        """Return the minute that counts, how many of it are gone, and how many more may go by ``now``."""
        if self.minute is not None and now < self.minute < now + SKEW:
            now = self.minute  # somebody whose time was read a moment later was quicker
        minute = now.replace(second=0, microsecond=0)
        if self.minute == minute:
            used = self.used
        elif self.minute == minute - MINUTE:
            used = 0
        else:
            used = per_minute * now.second // 60
        by_now = math.ceil(per_minute * (now.second + 1) / 60)
        return minute, used, max(by_now - used, 0)

    def on(self, day: date) -> int:
        return self.used_today if self.day == day else 0


class Room:
    """What the limits leave at a moment, less with everything that is let through."""

    def __init__(
        self,
        per_minute: Mapping[int, int],
        carrier: Carrier | None,
        spent: Mapping[int | None, Spent],
        *,
        now: datetime,
    ) -> None:
        self._carrier = carrier
        self._spent = spent
        self._now = now
        self._limits: dict[int | None, int] = dict(per_minute.items())
        if carrier and carrier.per_minute is not None:
            self._limits[None] = carrier.per_minute
        self._minutes = {key: self._of(key).in_minute(most, now) for key, most in self._limits.items()}
        self._taken = dict.fromkeys([*per_minute, None], 0)

    def _of(self, key: int | None) -> Spent:
        """Return what a campaign has had; of None, the carrier."""
        return self._spent.get(key) or Spent()

    def left(self, campaign_id: int, *, is_urgent: bool) -> int | None:
        """Return how many more of a campaign may go; None for any number."""
        found = [
            self._minutes[key][2] - self._taken[key] for key in (campaign_id, None) if key in self._limits
        ]
        if self._carrier and self._carrier.a_day is not None and not is_urgent:
            gone = self._of(None).on(self._carrier.day) + self._taken[None]
            found.append(self._carrier.a_day - gone)
        return max(min(found), 0) if found else None

    def take(self, campaign_id: int, number: int) -> None:
        for key in (campaign_id, None):
            if key in self._taken:
                self._taken[key] += number

    def spent(self) -> list[Spent]:
        """Return what each has had by now, of those that something was taken of."""
        return [self._now_spent(key) for key, number in self._taken.items() if number and key in self._spent]

    def _now_spent(self, key: int | None) -> Spent:
        before, number = self._of(key), self._taken[key]
        minute, used = self._minutes[key][:2] if key in self._minutes else (self._now, 0)
        day = self._carrier.day if self._carrier and key is None else None
        return Spent(before.id, minute, used + number, day, before.on(day) + number if day else 0)


def carrier(provider: Provider, *, tenant: Tenant, now: datetime) -> Carrier | None:
    """Return a provider's limits at ``now``; None if it has none."""
    plan, day = warm_up.of(provider), now.astimezone(ZoneInfo(tenant.timezone)).date()
    if provider.per_minute is None and plan is None:
        return None
    return Carrier(provider.pk, provider.per_minute, day, plan.limit(day) if plan else None)


def look(
    per_minute: Mapping[int, int | None], carrier: Carrier | None, *, tenant: Tenant, now: datetime
) -> Room:
    """Return what the limits leave of campaigns, by id. Costs nothing where there are none; holds nobody up."""
    limits = _only_limits(per_minute)
    if not limits and carrier is None:
        return Room({}, None, {}, now=now)
    rows = binary.run(SPENT, [tenant.pk, list(limits), carrier and carrier.id])
    return Room(limits, carrier, _by_campaign(rows), now=now)


def take(asking: Sequence[Asking], carrier: Carrier | None, *, tenant: Tenant, now: datetime) -> set[int]:
    """Count what may go of these, the first first, and return the ids of those that may not yet.

    In the transaction that decides to send them. Costs nothing where nothing has a limit.
    """
    limits = _only_limits({one.campaign_id: one.per_minute for one in asking})
    if not asking or (not limits and carrier is None):
        return set()
    keys: list[tuple[int | None, int | None]] = [(campaign_id, None) for campaign_id in sorted(limits)]
    if carrier:
        keys.append((None, carrier.id))
    rows = binary.run(HOLD, [tenant.pk, [key[0] for key in keys], [key[1] for key in keys]])
    room = Room(limits, carrier, _by_campaign(rows), now=now)
    held = set()
    for one in asking:
        if room.left(one.campaign_id, is_urgent=one.is_urgent) == 0:
            held.add(one.id)
        else:
            room.take(one.campaign_id, 1)
    _spend(room.spent(), tenant=tenant)
    return held


def give_back(carrier: Carrier | None, number: int, *, tenant: Tenant) -> None:
    """Let others have what was counted on the carrier's day and certainly not handed over. Minutes pass anyway."""
    if carrier and carrier.a_day is not None and number:
        binary.run(GIVE_BACK, [number, tenant.pk, carrier.id, carrier.day])


def _only_limits(per_minute: Mapping[int, int | None]) -> dict[int, int]:
    return {campaign_id: most for campaign_id, most in per_minute.items() if most is not None}


def _by_campaign(rows: Iterable[tuple[Any, ...]]) -> dict[int | None, Spent]:
    """None is the carrier's."""
    return {campaign_id: Spent(id_, *spent) for id_, campaign_id, *spent in rows}


def _spend(spent: Sequence[Spent], *, tenant: Tenant) -> None:
    if spent:
        columns = [
            [one.id for one in spent],
            [one.minute for one in spent],
            [one.used for one in spent],
            [one.day for one in spent],
            [one.used_today for one in spent],
        ]
        binary.run(SPEND, [*columns, tenant.pk])
