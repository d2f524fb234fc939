"""What being at places leaves in people's streams: "Place Entered" and "Place Left", events of our own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from django_scopes import scopes_disabled

from audiences import presence
from audiences.ingest import events
from audiences.ingest.internal import InternalEvent, record_known_new
from audiences.models import PlacePresence
from audiences.partitions import month_of
from audiences.presence import Fix, Visit
from audiences.signals import Merge
from tenants import each
from tenants.models import Tenant


def follow(
    *, tenant: Tenant, fixes: Sequence[Fix], merges: Sequence[Merge], is_quiet: bool, now: datetime
) -> None:
    """Note where the people of a batch were. Their profiles are locked, the fixes' months made."""
    if merges:
        presence.unite(tenant_id=tenant.pk, merges=merges)
    if fixes:
        visits = presence.follow(tenant_id=tenant.pk, fixes=fixes, is_quiet=is_quiet)
        made = {month_of(at) for at in (now, *(fix.at for fix in fixes))}
        # Who entered by staying in a month that has no table is said to have entered now.
        _tell(tenant, now, [one if month_of(one.at) in made else replace(one, at=now) for one in visits])


def look_around() -> int:
    """Let those enter in every tenant who have stayed long enough at a place; return how many. Run it every minute."""
    with scopes_disabled():
        waiting = PlacePresence.objects.filter(entered_at=None, left_at=None)
        tenants = list(Tenant.objects.filter(pk__in=waiting.values("tenant_id").distinct()))
    return each.add_up(tenants, _look_around, trouble="who is at its places could not be looked at.")


def _look_around(tenant: Tenant, now: datetime) -> int:
    tell = partial(_tell, tenant, now)
    return presence.look_around(tenant=tenant, now=now, months=events.ensure_months, tell=tell)


def _tell(tenant: Tenant, now: datetime, visits: Sequence[Visit]) -> None:
    if visits:
        record_known_new(tenant=tenant, events=list(map(_event, visits)), now=now)


def _event(visit: Visit) -> InternalEvent:
    properties: dict[str, Any] = {"place": visit.place.name, "place_id": str(visit.place.public_id)}
    if visit.dwell is not None:
        properties |= {"dwell_seconds": int(visit.dwell.total_seconds())}
    call_id = f"place {visit.did} {visit.place.pk}"
    return InternalEvent(call_id, visit.profile_id, presence.EVENTS[visit.did], visit.at, properties)
