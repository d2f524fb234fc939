"""What Tact's own messages did, as events in the same stream: marked internal, no activity of the person's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction

from audiences import definitions, tombstones
from audiences.ingest import events, receipts
from audiences.signals import RecordedEvent, events_recorded
from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class InternalEvent:
    call_id: str  # the same one again changes nothing
    profile_id: int
    name: str
    occurred_at: datetime
    properties: dict[str, Any]


class _Row(msgspec.Struct, gc=False):
    """An ``events.Row``."""

    name: str
    at: datetime
    is_clamped: bool
    may_start: bool
    properties: dict[str, Any]


def record_internal(*, tenant: Tenant, events: list[InternalEvent], now: datetime) -> int:
    """Store events as ``record_new`` does, and return how many were new."""
    return len(record_new(tenant=tenant, events=events, now=now))


def record_new(*, tenant: Tenant, events: list[InternalEvent], now: datetime) -> dict[str, RecordedEvent]:
    """Store events of our own messages, each call id once, and return those that were new, by their call ids.

    Sends ``events_recorded``. Events of a merged profile go to the one it was merged into, those of an erased one are
    dropped. Locks the profiles in id order: in a transaction of one's own, call it before touching rows that a merge
    moves, or the two wait for each other.
    """
    moments = [event.occurred_at for event in events]
    _ensure_months(moments)
    with transaction.atomic():
        recorded = _store(tenant, events, now)
        if recorded:
            told = list(recorded.values())
            events_recorded.send(None, tenant=tenant, now=now, events=told, changes=[], merges=[])
    return recorded


_ensure_months = events.ensure_months


def record_known_new(*, tenant: Tenant, events: list[InternalEvent], now: datetime) -> int:
    """Store events as ``record_internal`` does, without looking whether their call ids came before; return how many.

    For a caller that knows they are new, has locked the living profiles (``tombstones.lock_living``) in this
    transaction, and has made their months (``ensure_months``).
    """
    recorded = _insert(tenant, events, now)
    if recorded:
        events_recorded.send(None, tenant=tenant, now=now, events=recorded, changes=[], merges=[])
    return len(recorded)


def _store(tenant: Tenant, given: list[InternalEvent], now: datetime) -> dict[str, RecordedEvent]:
    by_digest = {hashlib.blake2b(event.call_id.encode(), digest_size=16).digest(): event for event in given}
    if not by_digest:
        return {}
    fresh = receipts.claim(tenant.pk, by_digest)
    new = [event for digest, event in by_digest.items() if digest in fresh]
    if not new:
        return {}
    living = tombstones.lock_living(tenant.pk, {event.profile_id for event in new})
    of_living = [
        replace(event, profile_id=living[event.profile_id]) for event in new if event.profile_id in living
    ]
    recorded = _insert(tenant, of_living, now)
    return {event.call_id: stored for event, stored in zip(of_living, recorded, strict=True)}


def _insert(tenant: Tenant, given: list[InternalEvent], now: datetime) -> list[RecordedEvent]:
    oldest = now - timedelta(hours=tenant.trigger_age_hours)
    rows = [
        _Row(event.name, event.occurred_at, False, event.occurred_at >= oldest, event.properties)
        for event in given
    ]
    kinds = definitions.kinds_by_path((row.name, row.properties) for row in rows)
    profile_ids = [event.profile_id for event in given]
    insertion = events.Insertion(tenant.pk, profile_ids, rows, is_internal=True, now=now)
    recorded = insertion.recorded()
    definitions.note_events(tenant.pk, kinds, is_internal=True, now=now)
    return recorded
