"""What somebody did and got, newest first; and what arrives just now, whoever did it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import F, Q

from audiences.models import Event, Profile

LOOKED_AT = 200_000  # newest events of all tenants among which a tenant's newest are looked for


class Place(NamedTuple):
    """Where a timeline goes on: before this event."""

    at: datetime
    id: int


def of_profile(
    profile: Profile, *, before: Place | None = None, limit: int = 50
) -> tuple[list[Event], Place | None]:
    """Return a profile's events, newest first, and where older ones begin, None if there are none."""
    events = Event.objects.filter(tenant_id=profile.tenant_id, profile_id=profile.pk)
    if before:
        events = events.filter(Q(occurred_at__lt=before.at) | Q(occurred_at=before.at, id__lt=before.id))
    found = list(events.order_by("-occurred_at", "-id")[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], Place(last.occurred_at, last.id) if last else None


def arrivals(*, tenant_id: int, name: str = "", after: int = 0, limit: int = 100) -> list[Event]:
    """Return the events that arrived last, the latest first, with their profiles; only those after event ``after``.

    Looks among the installation's latest arrivals, so that a quiet tenant beside busy ones costs nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM audiences_event_id_seq")
        (latest,) = cursor.fetchone()
    events = Event.objects.filter(tenant_id=tenant_id, id__gt=max(after, latest - LOOKED_AT))
    if name:
        events = events.filter(name=name)
    return list(events.select_related("profile").order_by(F("id").desc())[:limit])
