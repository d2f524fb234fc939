"""Planning: delivery.plan over everyone, beside a bare INSERT ... SELECT of the same rows into the same table."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

from django.db import connection
from django_scopes import scope

from audiences import partitions
from benchmarks import campaigns, data
from benchmarks.data import World
from benchmarks.harness import Bound, Options, Result, interleave
from campaigns.models import Campaign
from delivery import agenda, plan
from tenants import clock

MEGABYTE = 1024 * 1024
PAGE = 4096

BARE = """
INSERT INTO delivery_delivery
    (tenant_id, campaign_id, profile_id, occasion, occasion_at, slot, channel, priority, due_at)
SELECT tenant_id, %s, id, 'once', %s, 'first', 'email', 3, %s FROM audiences_profile
WHERE tenant_id = %s AND merged_into_id IS NULL AND erased_at IS NULL
"""


def run(world: World, options: Options) -> list[Result]:
    grown: list[float] = []
    partitions.ensure_months("delivery_delivery", [world.loaded_at, world.loaded_at + timedelta(days=1)])
    with scope(tenant=world.tenant):
        live = [_live(world, f"Planned {number}") for number in range(-1, options.rounds)]
        times = interleave(
            options.rounds,
            lambda number: _planned(world, live[number + 1], grown),
            lambda number: _inserted(world, live[number + 1]),
        )
        _clear()
    size = f"{world.people:,} people"
    return [
        Result(f"planning, {size}", "s", Bound("<=", 3), *times, beside="bare INSERT"),
        Result("planning, memory gained", "MB", Bound("<=", 10), grown[1:]),  # but for the warm-up's
    ]


def _live(world: World, name: str) -> Campaign:
    """Return a campaign ready for planning that nobody plans yet."""
    campaign = campaigns.launched(world, name=name, rule={"all": []})
    _set_state(campaign, Campaign.State.PAUSED)
    return campaign


def _planned(world: World, campaign: Campaign, grown: list[float]) -> float:
    """Return the seconds from a launched campaign to a row for everyone."""
    _set_state(campaign, Campaign.State.LIVE)
    before, started = _memory(), time.perf_counter()
    now = clock.now(world.tenant)
    agenda.open_due(tenant=world.tenant, now=now)
    while plan.advance(tenant=world.tenant, now=now):
        pass
    taken = time.perf_counter() - started
    grown.append(max(0.0, (_memory() - before) / MEGABYTE))
    _set_state(campaign, Campaign.State.PAUSED)
    assert data.count("delivery_delivery", f"campaign_id = {campaign.pk}") == world.people
    return taken


def _inserted(world: World, campaign: Campaign) -> float:
    """Insert the same rows for a campaign that does not exist: its number is the real one's, negative."""
    at: datetime = clock.now(world.tenant)
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(BARE, [-campaign.pk, at, at, world.tenant.pk])
    taken = time.perf_counter() - started
    assert data.count("delivery_delivery", f"campaign_id = {-campaign.pk}") == world.people
    return taken


def _set_state(campaign: Campaign, state: str) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state=state)


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def _clear() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_delivery, delivery_plan")
