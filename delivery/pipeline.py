"""From a due row to a recorded outcome: claim, decide, render, intent, hand over, record."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from django.db import InterfaceError, OperationalError
from django_scopes import scope

from campaigns import channels
from delivery import agenda, claim, composing, plan, providers, rates, recording, sourcing
from delivery.channels.email.sending import Mailer
from delivery.claim import TENANTS_NOW, Chunk, Due
from delivery.composing import Ready, Unmade
from delivery.deciding import settle_decisions
from delivery.handover import Handover, message
from delivery.models import Delivery
from delivery.recording import GROUP, Result
from delivery.stamps import stamp
from tenants import binary
from tenants.models import Tenant

log = logging.getLogger(__name__)

SUSPECT_AFTER = 4  # attempts: from then on rows go in small portions, so that what kills us takes few along
GIVES_UP_AFTER = 6  # attempts of a row that fails even alone
TROUBLED_RESTS_SECONDS = 5.0

# The tenant's time, and the stamps of all that its mail goes by.
TURN = f"""
SELECT {TENANTS_NOW}, {stamp("t")},
       (SELECT {stamp("p")} FROM delivery_provider p WHERE p.tenant_id = t.id AND p.channel = %s AND p.is_active)
FROM tenants_tenant t WHERE t.id = %s
"""

_troubled_until: dict[int, float] = {}  # tenants whose turn failed as a whole, in this process


def always() -> bool:
    return True


def once_round(goes_on: Callable[[], bool] = always) -> int:
    """Give every tenant with something due one turn; return the slices planned and rows settled in all.

    ``goes_on`` is asked between mails: once it says no, what was not begun is given back and the round ends.
    """
    kinds = [channel.kind for channel in channels.all()]
    due = claim.tenants_with_work(kinds)
    return sum(_guarded_turn(pk, kinds, to_plan, goes_on) for pk, to_plan in due.items() if goes_on())


def _guarded_turn(tenant_id: int, kinds: list[str], to_plan: bool, goes_on: Callable[[], bool]) -> int:
    """One tenant's trouble is not the next one's: what it claimed is free again when the lease runs out."""
    if time.monotonic() < _troubled_until.get(tenant_id, 0.0):
        return 0
    try:
        return _turn(tenant_id, kinds, to_plan, goes_on)
    except InterfaceError:
        raise  # no connection: nobody's turn can succeed
    except Exception:
        log.exception("Tenant %s: this turn failed.", tenant_id)
        _troubled_until[tenant_id] = time.monotonic() + TROUBLED_RESTS_SECONDS
        return 0


def _turn(tenant_id: int, kinds: list[str], to_plan: bool, goes_on: Callable[[], bool]) -> int:
    """Plan a slice and settle a chunk of each channel: then it is another tenant's turn."""
    ((now, *stamps),) = binary.run(TURN, [providers.EMAIL, tenant_id])
    tenant = _tenant(tenant_id, stamps[0])
    worked = 0
    with scope(tenant=tenant):
        if to_plan or tenant.is_sandbox:
            worked += agenda.open_due(tenant=tenant, now=now)
        if to_plan:
            worked += int(plan.advance(tenant=tenant, now=now))
        for kind in kinds:
            mailer = _mailer(tenant, tuple(stamps))
            if mailer and not mailer.is_resting and goes_on():
                chunk = claim.claim(tenant=tenant, channel=kind, now=now)
                worked += settle(chunk, mailer, tenant=tenant, channel=kind, now=now, goes_on=goes_on)
        return worked


@lru_cache(maxsize=1_024)
def _tenant(tenant_id: int, stamp: str) -> Tenant:
    """Return a tenant as it is under this stamp, read once per process."""
    return Tenant.objects.get(pk=tenant_id)


def _mailer(tenant: Tenant, stamps: tuple[str, ...]) -> Mailer | None:
    """Nothing is claimed for a tenant whose mail nobody carries: it waits, and is not tried in vain."""
    try:
        return Mailer(tenant) if tenant.is_sandbox else _kept_mailer(tenant, stamps)
    except providers.NoProvider as exc:
        log.debug("Tenant %s cannot send: %s", tenant.pk, exc)
        return None


@lru_cache(maxsize=256)
def _kept_mailer(tenant: Tenant, stamps: tuple[str, ...]) -> Mailer:
    """Return the mailer made of a tenant and a provider with these stamps: a password is opened once per process."""
    return Mailer(tenant)


def settle(
    chunk: Chunk,
    mailer: Mailer,
    *,
    tenant: Tenant,
    channel: str,
    now: datetime,
    goes_on: Callable[[], bool] = always,
) -> int:
    """Bring a claimed chunk to its outcomes and return its size; may be killed at any line.

    Rows whose outcome could not be reached stay planned, for the next claim. Where something unforeseen fails, the
    rows go one by one, so that only the one that causes it is held up, and given up in the end.
    """
    portions = _portions(chunk.rows)
    while portions:
        rows = portions.pop(0)
        if not goes_on():
            claim.release(rows, tenant=tenant, token=chunk.token)
            continue
        try:
            _settle(
                replace(chunk, rows=rows), mailer, tenant=tenant, channel=channel, now=now, goes_on=goes_on
            )
        except (OperationalError, InterfaceError):
            raise  # the database's trouble, not the rows'
        except Exception as exc:
            log.exception("Tenant %s: %s deliveries failed together.", tenant.pk, len(rows))
            if len(rows) > 1:
                portions += [[replace(row, is_unreserved=False)] for row in rows]
            else:
                _hold_up(rows[0], repr(exc), tenant=tenant, token=chunk.token, now=now)
    return len(chunk.rows)


def _portions(rows: list[Due]) -> list[list[Due]]:
    together = [row for row in rows if row.attempts < SUSPECT_AFTER]
    suspect = [row for row in rows if row.attempts >= SUSPECT_AFTER]
    return [together, *(suspect[at : at + GROUP] for at in range(0, len(suspect), GROUP))]


def _hold_up(row: Due, why: str, *, tenant: Tenant, token: int, now: datetime) -> None:
    if row.attempts >= GIVES_UP_AFTER:
        recording.give_up(row, why, tenant=tenant, token=token, now=now)
    else:
        wait = recording.wait_seconds(row.attempts)
        claim.release([row], tenant=tenant, token=token, after_seconds=wait, was_tried=True)


def _settle(
    chunk: Chunk,
    mailer: Mailer,
    *,
    tenant: Tenant,
    channel: str,
    now: datetime,
    goes_on: Callable[[], bool],
) -> None:
    if not chunk.rows:
        return
    to_send = settle_decisions(chunk, tenant=tenant, channel=channel, now=now)
    supplied = sourcing.supply(
        to_send, tenant=tenant, token=chunk.token, channel=channel, now=now, goes_on=goes_on
    )
    made = composing.make(supplied.ready, mailer, tenant=tenant, channel=channel, now=now)
    unmade = [
        Result(one.known.row, message(one.known), Delivery.State.SKIPPED, one.reason, one.why)
        for one in made
        if isinstance(one, Unmade)
    ]
    recording.record([*supplied.skipped, *unmade], tenant=tenant, token=chunk.token, now=now)
    rates.give_back(chunk.carrier, len(to_send) - len(made) + len(unmade), tenant=tenant)
    ready = [one for one in made if isinstance(one, Ready)]
    Handover(mailer, chunk, tenant=tenant, goes_on=goes_on).run(ready)
