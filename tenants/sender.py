"""How a tenant introduces itself: its name, the address mail comes from, where it lives, its zone and language."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.db import transaction

from tenants import audit
from tenants.models import Tenant, User

FIELDS = ("name", "from_name", "from_email", "reply_to", "postal_address", "timezone", "language", "currency")


@transaction.atomic
def change(*, tenant: Tenant, actor: User, **new: str) -> Tenant:
    """Store what is in ``new`` (some of FIELDS) and return the tenant.

    Raises TypeError for another field and zoneinfo's error for a zone nobody knows.
    """
    if stranger := set(new) - set(FIELDS):
        raise TypeError(f"Not a sender's field: {', '.join(sorted(stranger))}.")
    if "timezone" in new:
        ZoneInfo(new["timezone"])
    held = Tenant.objects.select_for_update().get(pk=tenant.pk)
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
        thing="sender",
        thing_id=held.public_id,
        name=held.name,
        fields=changes,
    )
    return held
