"""What delivery owes to data that was just stored: done in the transaction that stores it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from audiences.signals import Merge, RecordedEvent, events_recorded
from delivery import conversions, merging, triggers
from tenants.models import Tenant


@receiver(events_recorded)
def on_events_recorded(
    sender: Any, *, tenant: Tenant, now: datetime, events: list[RecordedEvent], merges: list[Merge], **_: Any
) -> None:
    """Move what merged profiles had, credit what people did, and plan what it sets off. Our own messages' traces
    convert nobody and set nothing off.
    """
    theirs = [event for event in events if not event.is_internal]
    if merges:
        merging.move(tenant=tenant, merges=merges, now=now)
    # A recount has credited all events of those who merged, the new ones among them.
    merged = {merge.winner_id for merge in merges}
    if credit := [event for event in theirs if event.profile_id not in merged]:
        conversions.credit(tenant=tenant, events=credit)
    if theirs:
        triggers.hear(tenant=tenant, events=theirs, now=now)
