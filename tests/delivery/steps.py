"""The pipeline's steps, one at a time, for tests of what may happen between them."""

from __future__ import annotations

from delivery import agenda, claim, deciding, plan
from delivery.circumstances import Known
from delivery.claim import Chunk
from tenants import clock
from tenants.models import Tenant


def planned(tenant: Tenant) -> None:
    """Plan all that is due."""
    agenda.open_due(tenant=tenant, now=clock.now(tenant))
    while plan.advance(tenant=tenant, now=clock.now(tenant)):
        pass


def claimed(tenant: Tenant) -> tuple[Chunk, list[Known]]:
    """Plan, claim and decide; return the chunk and those of it that are to be sent."""
    planned(tenant)
    chunk = claim.claim(tenant=tenant, channel="email", now=clock.now(tenant))
    return chunk, deciding.settle_decisions(chunk, tenant=tenant, channel="email", now=clock.now(tenant))
