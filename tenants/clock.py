"""The two clocks: the database's raw time for leases, the tenant's time for all a person would call time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction

if TYPE_CHECKING:
    from tenants.models import Tenant


class NotASandbox(Exception):
    """Only a sandbox tenant's clock can be moved."""


def raw_now() -> datetime:
    """Return the database's time, aware UTC; the same for every machine that shares it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    return moment


def now(tenant: Tenant) -> datetime:
    """Return the tenant's time, aware UTC: the database's plus the tenant's offset as stored this moment.

    Read it once a request or batch and pass it down, so that all of one piece of work happens at one time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp() + clock_offset FROM tenants_tenant WHERE id = %s", [tenant.pk]
        )
        (moment,) = cursor.fetchone()
    return moment


@transaction.atomic
def set_to(tenant: Tenant, moment: datetime | None) -> None:
    """Let the tenant's clock stand at ``moment`` (aware) and run on from there; None is real time.

    Raises NotASandbox for a tenant whose mail really leaves.
    """
    if not tenant.is_sandbox:
        raise NotASandbox(f"{tenant} is not a sandbox: its clock is the world's.")
    tenant.clock_offset = timedelta(0) if moment is None else moment - raw_now()
    tenant.save(update_fields=["clock_offset"])


def move_forward(tenant: Tenant, by: timedelta) -> None:
    """Move the tenant's clock ahead. Raises NotASandbox, and ValueError if ``by`` is not positive."""
    if by <= timedelta(0):
        raise ValueError("A clock only moves forward.")
    set_to(tenant, now(tenant) + by)
