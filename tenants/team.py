"""Who belongs to a tenant and as what; a tenant always keeps an owner."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from tenants import audit
from tenants.models import Membership, Tenant, User
from tenants.roles import Role


class LastOwner(Exception):
    """Without this member the tenant would have no owner, and nobody who could make one."""


class Unheard(Exception):
    """There is no such member in this tenant."""


@transaction.atomic
def change_role(*, tenant: Tenant, member: UUID, role: str, actor: User) -> Membership:
    """Give a member another role and return the membership. Raises Unheard and LastOwner; ValueError for no role."""
    membership = _locked(tenant, member)
    old, new = membership.role, Role(role)
    if old == Role.OWNER and new != Role.OWNER:
        _another_owner_must_stay(membership)
    membership.role = new
    membership.save(update_fields=["role"])
    if old != new:
        _note(membership, actor, "changed", role=(old, str(new)))
    return membership


@transaction.atomic
def remove(*, tenant: Tenant, member: UUID, actor: User) -> Membership:
    """End a membership, also one's own, and return what it was. Raises Unheard and LastOwner."""
    membership = _locked(tenant, member)
    if membership.role == Role.OWNER:
        _another_owner_must_stay(membership)
    _note(
        membership,
        actor,
        "left" if membership.user_id == actor.pk else "removed",
        role=(membership.role, None),
    )
    Membership.objects.filter(pk=membership.pk).delete()
    return membership


@transaction.atomic
def add(*, tenant: Tenant, user: User, role: str, actor: User | None) -> Membership:
    """Make ``user`` a member and return the membership; somebody who is one keeps the role they have."""
    membership, is_new = Membership.objects.get_or_create(
        tenant=tenant, user=user, defaults={"role": Role(role)}
    )
    if is_new:
        _note(membership, actor, "joined", role=(None, str(membership.role)))
    return membership


def _locked(tenant: Tenant, member: UUID) -> Membership:
    """The membership, while whoever changes another waits: two owners may demote each other at one moment."""
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    membership = (
        Membership.objects.select_related("user", "tenant").filter(tenant=tenant, public_id=member).first()
    )
    if membership is None:
        raise Unheard
    return membership


def _another_owner_must_stay(membership: Membership) -> None:
    owners = Membership.objects.filter(tenant=membership.tenant, role=Role.OWNER, user__is_active=True)
    if not owners.exclude(pk=membership.pk).exists():
        raise LastOwner(f"{membership.user} is the last owner. Make somebody else an owner first.")


def _note(
    membership: Membership, actor: User | None, action: str, **changes: tuple[str | None, str | None]
) -> None:
    audit.note(
        tenant=membership.tenant,
        actor=actor,
        action=action,
        thing="member",
        thing_id=membership.public_id,
        name=str(membership.user),
        fields=changes,
    )
