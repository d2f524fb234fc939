"""Addresses that must not be sent to, whoever they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from audiences.models import Profile, Suppression
from tenants import binary
from tenants.models import Tenant

AMONG = "SELECT address FROM audiences_suppression WHERE tenant_id = %s AND channel = %s AND address = ANY(%b::text[])"


def add(*, tenant: Tenant, channel: str, address: str, reason: str, detail: str = "", now: datetime) -> bool:
    """Suppress ``address`` on ``channel`` and return whether it was not so already; the first reason stays.

    Upper and lower case are the same. Raises ValueError for a reason we do not have or an empty address.
    """
    key = key_of(address)
    if not key:
        raise ValueError("An empty address cannot be suppressed.")
    row = Suppression(
        tenant=tenant,
        channel=channel,
        address=key,
        reason=Suppression.Reason(reason),
        detail=detail[:500].replace("\x00", ""),
        at=now,
    )
    before = Suppression.objects.filter(tenant=tenant, channel=channel, address=key)
    if before.exists():
        return False
    Suppression.objects.bulk_create([row], ignore_conflicts=True)
    return True


def remove(*, tenant: Tenant, channel: str, address: str) -> bool:
    """Let ``address`` be sent to again and return whether it was suppressed."""
    gone, _ = Suppression.objects.filter(tenant=tenant, channel=channel, address=key_of(address)).delete()
    return gone > 0


def among(*, tenant_id: int, channel: str, addresses: Iterable[str]) -> set[str]:
    """Return those of ``addresses``, as they were given, that must not be sent to."""
    given = {address: key_of(address) for address in addresses}
    suppressed = {
        address for (address,) in binary.run(AMONG, [tenant_id, channel, sorted(set(given.values()))])
    }
    return {address for address, key in given.items() if key in suppressed}


def of(profile: Profile) -> list[Suppression]:
    """Return what keeps a person's own addresses from being sent to."""
    addresses = [key_of(address) for address in (profile.email, profile.phone) if address]
    return list(Suppression.objects.filter(address__in=addresses).order_by("channel"))


def key_of(address: str) -> str:
    """Return an address as it is suppressed. Python's lower case, which for some letters is not the database's."""
    return address.strip().lower()
