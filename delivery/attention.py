"""What new events are held against: what campaigns wait for, and whose goal they are. Asked in one query."""

from __future__ import annotations

from collections.abc import Collection

from delivery import conversions, triggers
from delivery.conversions import Goals
from delivery.triggers import Listener
from tenants import binary
from tenants.models import Tenant

ATTENTIVE = f"""
SELECT one.id, one.priority::int, NULL, NULL, NULL FROM ({triggers.LISTENING}) one
UNION ALL
SELECT one.id, NULL, one.event, one.condition, one.revenue_property
FROM ({conversions.GOALS} AND conversion_event = ANY(%b::text[])) one
"""


def paid(tenant: Tenant, *, names: Collection[str]) -> tuple[list[Listener], Goals]:
    """Return what the tenant's campaigns wait for at this moment and the goals that events so named may reach."""
    waiting, goals = [], []
    for version_id, priority, *goal in binary.run(ATTENTIVE, [tenant.pk, tenant.pk, list(names)]):
        if priority is None:
            goals.append((version_id, *goal))
        else:
            waiting.append((version_id, priority))
    return triggers.listeners(waiting), conversions.by_event(goals)
