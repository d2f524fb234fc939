"""The two clocks: the database's raw time for leases, the tenant's time for all a person would call time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction

from tenants import audit, binary, wake

if TYPE_CHECKING:
    from tenants.models import Tenant, User

NOW = "SELECT clock_timestamp() + clock_offset FROM tenants_tenant WHERE id = %s"
FARTHEST = timedelta(days=3653)  # partitions are made a month at a time, as the clock reaches them


class NotASandbox(Exception):
    """Only a sandbox tenant's clock can be moved."""


class TooFar(Exception):
    """No clock may stand there."""


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
    ((moment,),) = binary.run(NOW, [tenant.pk])
    return moment


def steady_since(tenant: Tenant) -> datetime | None:
    """Return the moment to which the tenant's clock was moved last, by that clock; None if it always ran evenly.

    What lies before it did not take the time it seems to have taken. Needs the tenant's scope open.
    """
    if not tenant.is_sandbox:
        return None
    moved = audit.last(tenant=tenant, thing="clock", action="moved")
    return datetime.fromisoformat(moved.changes["time"][1]) if moved and "time" in moved.changes else None


@transaction.atomic
def set_to(tenant: Tenant, moment: datetime | None, *, actor: User | None = None) -> None:
    """Let the tenant's clock stand at ``moment`` (aware) and run on from there; None is real time.

    Raises NotASandbox for a tenant whose mail really leaves.
    """
    held = _held(tenant)
    _move(held, timedelta(0) if moment is None else moment - raw_now(), actor)
    tenant.clock_offset = held.clock_offset


@transaction.atomic
def move_forward(tenant: Tenant, by: timedelta, *, actor: User | None = None) -> None:
    """Move the tenant's clock ahead. Raises NotASandbox, TooFar, and ValueError if ``by`` is not positive."""
    if by <= timedelta(0):
        raise ValueError("A clock only moves forward.")
    held = _held(tenant)  # two who move it at one moment both count
    if held.clock_offset + by > FARTHEST:
        raise TooFar("A sandbox's clock can be ten years ahead, no more. Go back to real time first.")
    _move(held, held.clock_offset + by, actor)
    tenant.clock_offset = held.clock_offset


def _held(tenant: Tenant) -> Tenant:
    if not tenant.is_sandbox:
        raise NotASandbox(f"{tenant} is not a sandbox: its clock is the world's.")
    return type(tenant).objects.select_for_update(no_key=True).get(pk=tenant.pk)


def _move(held: Tenant, offset: timedelta, actor: User | None) -> None:
    before = now(held)
    held.clock_offset = offset
    held.save(update_fields=["clock_offset"])
    moments = (before.isoformat(timespec="seconds"), now(held).isoformat(timespec="seconds"))
    audit.note(
        tenant=held,
        actor=actor,
        action="moved",
        thing="clock",
        thing_id=held.public_id,
        name=held.name,
        time=moments,
    )
    wake.soon()  # what the move made due
