"""Quiet hours: when nobody is to be disturbed by marketing, by each person's own clock."""

from __future__ import annotations

from datetime import time

from django.db import transaction

from tenants import audit
from tenants.models import Tenant, User


@transaction.atomic
def set_hours(*, tenant: Tenant, actor: User, start: time | None, end: time | None) -> Tenant:
    """Set a tenant's quiet hours, or none where both are None; return it. Noted in the audit log.

    Raises ValueError for one end without the other, and for hours that last no time.
    """
    if (start is None) != (end is None):
        raise ValueError("Say from when and to when it is quiet, or neither.")
    if start is not None and start == end:
        raise ValueError("Quiet hours need a beginning and an end that differ.")
    held = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    before, now = (held.quiet_start, held.quiet_end), (start, end)
    if before == now:
        return held
    held.quiet_start, held.quiet_end = now
    held.save(update_fields=["quiet_start", "quiet_end"])
    audit.note(
        tenant=held,
        actor=actor,
        action="changed",
        thing="quiet hours",
        thing_id=held.public_id,
        name=held.name,
        fields={"hours": (_said(*before), _said(*now))},
    )
    return held


def _said(start: time | None, end: time | None) -> str:
    return "none" if start is None or end is None else f"{start:%H:%M} to {end:%H:%M}"
