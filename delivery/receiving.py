"""What delivery owes to data that was just stored: done in the transaction that stores it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from audiences.signals import AttributeChange, Merge, RecordedEvent, events_recorded
from delivery import conversions, merging, triggers, watching
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
    """Move what merged profiles had, credit what people did, plan what it sets off, and notice what it changes.

    Our own messages' traces convert nobody.
    """
    if merges:
        merging.move(tenant=tenant, merges=merges, now=now)
    # A recount has credited all events of those who merged, the new ones among them.
    merged = {merge.winner_id for merge in merges}
    credit = [event for event in events if not event.is_internal and event.profile_id not in merged]
    if credit:
        conversions.credit(tenant=tenant, events=credit)
    if listeners := triggers.listening(tenant):
        triggers.hear(listeners, tenant=tenant, events=events, now=now)
        watching.notice(listeners, tenant=tenant, events=events, changes=changes, merges=merges, now=now)
