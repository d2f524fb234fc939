"""What delivery owes to data that was just stored: done in the transaction that stores it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from audiences.signals import AttributeChange, Merge, RecordedEvent, events_recorded
from delivery import attention, conversions, merging, triggers, watching
from tenants.models import Tenant


@receiver(events_recorded)
def on_events_recorded(
    sender: Any,
    *,
    tenant: Tenant,
    now: datetime,
    events: list[RecordedEvent],
    changes: list[AttributeChange],
    merges: list[Merge],
    **_: Any,
) -> None:
    """Move what merged profiles had, plan what people set off, notice what changes, and credit what they did.

    Crediting comes last: it leaves traces, which are heard in their turn. Our own messages' traces convert nobody.
    """
    if merges:
        merging.move(tenant=tenant, merges=merges, now=now)
    merged = {id_ for merge in merges for id_ in (merge.winner_id, merge.loser_id)}
    # Of those who were merged all that they did counts anew, the new events among it.
    credited = [event for event in events if not event.is_internal and event.profile_id not in merged]
    listeners, goals = attention.paid(tenant, names={event.name for event in credited})
    if listeners:
        triggers.hear(listeners, tenant=tenant, events=events, now=now)
        watching.notice(listeners, tenant=tenant, events=events, changes=changes, merges=merges, now=now)
    if merged:
        conversions.recount(tenant=tenant, profile_ids=sorted(merged), now=now)
    conversions.credit(tenant=tenant, events=credited, goals=goals, now=now)
