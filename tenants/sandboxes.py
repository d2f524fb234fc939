"""Sandboxes: tenants whose messages never leave and whose clock may be moved; any owner may make one."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django_scopes import scope

from tenants import audit, brand, team
from tenants.models import Tenant, User
from tenants.roles import Role

COPIED = (
    "timezone", "language", "currency", "from_name", "from_email", "reply_to", "postal_address", *brand.FIELDS
)  # fmt: skip
AT_MOST = 10


class Enough(Exception):
    """This person has as many sandboxes as one may have."""


@transaction.atomic
def make(*, name: str, like: Tenant, owner: User) -> Tenant:
    """Return a new, empty sandbox that ``owner`` owns, with the sender and zone of ``like``. Raises Enough."""
    User.objects.select_for_update().get(pk=owner.pk)
    owned = Tenant.objects.filter(is_sandbox=True, memberships__user=owner, memberships__role=Role.OWNER)
    if owned.count() >= AT_MOST:
        raise Enough(f"You own {AT_MOST} sandboxes already. Use one of those.")
    sandbox = Tenant(name=name, is_sandbox=True, clock_offset=timedelta(0))
    for field in COPIED:
        setattr(sandbox, field, getattr(like, field))
    sandbox.save()
    with scope(tenant=sandbox):
        audit.note(
            tenant=sandbox,
            actor=owner,
            action="made",
            thing="tenant",
            thing_id=sandbox.public_id,
            name=sandbox.name,
        )
        team.add(tenant=sandbox, user=owner, role=Role.OWNER, actor=owner)
    return sandbox
