"""How a tenant introduces itself: its name, the address mail comes from, where it lives, its zone and language."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from zoneinfo import ZoneInfo

from django.db import transaction

from tenants import audit
from tenants.models import Tenant, User

FIELDS = ("name", "from_name", "from_email", "reply_to", "postal_address", "timezone", "language", "currency")


def change(*, tenant: Tenant, actor: User, **new: str) -> Tenant:
    """Store what is in ``new`` (some of FIELDS) and return the tenant.

    Raises TypeError for another field and zoneinfo's error for a zone nobody knows.
    """
    if "timezone" in new:
        ZoneInfo(new["timezone"])
    return stored(tenant, actor, new, known=FIELDS, thing="sender")


@transaction.atomic
def stored(
    tenant: Tenant, actor: User, new: Mapping[str, str], *, known: Collection[str], thing: str
) -> Tenant:
    """Store some of a tenant's own fields, noted as being of a thing; raises TypeError for one that is not known."""
    if stranger := set(new) - set(known):
        raise TypeError(f"Not a field of the {thing}: {', '.join(sorted(stranger))}.")
    held = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    changes = {
        field: (getattr(held, field), value) for field, value in new.items() if getattr(held, field) != value
    }
    if not changes:
        return held
    for field, (_, value) in changes.items():
        setattr(held, field, value)
    held.save(update_fields=list(changes))
    audit.note(
        tenant=held,
        actor=actor,
        action="changed",
        thing=thing,
        thing_id=held.public_id,
        name=held.name,
        fields=changes,
    )
    return held
