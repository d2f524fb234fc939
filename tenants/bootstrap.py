"""The first login of an empty installation; from then on people are invited."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.db import transaction

from tenants.models import Membership, Tenant, User
from tenants.roles import Role

PASSWORD_BYTES = 12


@dataclass(frozen=True)
class Login:
    """How to log in, told once: only the password's hash is kept."""

    email: str
    password: str
    tenant: Tenant


def first_owner(
    *,
    email: str = "owner@localhost",
    password: str = "",
    tenant_name: str = "My brand",
    is_sandbox: bool = False,
) -> Login | None:
    """Create a tenant and its owner, who may also open the admin; return the login, or None if anybody has one.

    Without a ``password`` a random one is made.
    """
    password = password or secrets.token_urlsafe(PASSWORD_BYTES)
    with transaction.atomic():
        if User.objects.exists():
            return None
        user = User.objects.create_superuser(email, password)
        tenant = Tenant.objects.create(name=tenant_name, is_sandbox=is_sandbox)
        Membership.objects.create(tenant=tenant, user=user, role=Role.OWNER)
    return Login(email=user.email, password=password, tenant=tenant)
