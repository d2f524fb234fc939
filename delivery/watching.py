"""What becomes of people while campaigns wait for it: noticed, and left in their streams as events of our own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction

from audiences import ingest, memberships
from audiences.ingest import InternalEvent
from audiences.memberships import Move
from audiences.models import WatchedSegment
from audiences.signals import AttributeChange, Merge, RecordedEvent
from campaigns import triggers
from delivery.triggers import Listener, listening
from tenants import each
from tenants.models import Tenant

OUR_MOVES = frozenset(triggers.MOVES.values())  # what these events themselves change is not looked at


def notice(
    listeners: Sequence[Listener],
    *,
    tenant: Tenant,
    events: Sequence[RecordedEvent],
    changes: Sequence[AttributeChange],
    merges: Sequence[Merge],
    now: datetime,
) -> None:
    """Leave an event for each change that ``listeners`` wait for, in the transaction that stores what caused it.

    The people are locked by the caller.
    """
    noticed = list(_changed(listeners, changes, now=now))
    if any(one.trigger["on"] == "segment" for one in listeners):
        if merges:
            memberships.unite(tenant=tenant, merges=merges)
        touched = {event.profile_id for event in events if event.name not in OUR_MOVES}
        touched |= {change.profile_id for change in changes} | {merge.winner_id for merge in merges}
        noticed += _moved(memberships.notice(tenant=tenant, ids=touched, now=now), now=now)
    if noticed:
        ingest.record_known_new(tenant=tenant, events=noticed, now=now)


def look_around() -> int:
    """Notice in every tenant what time alone has changed; return how many people moved."""
    tenants = WatchedSegment._base_manager.values_list("tenant_id", flat=True).distinct()
    return each.add_up(
        Tenant.objects.filter(pk__in=list(tenants)),
        _look_around,
        trouble="its segments could not be looked at.",
    )


def _look_around(tenant: Tenant, now: datetime) -> int:
    with transaction.atomic():
        memberships.hold(tenant.pk, alone=True)
        waited_for = [one.trigger["id"] for one in listening(tenant) if one.trigger["on"] == "segment"]
        memberships.forget(but=map(UUID, waited_for))
    ingest.ensure_months([now])
    return memberships.look_around(tenant=tenant, now=now, tell=partial(_tell, tenant, now))


def _tell(tenant: Tenant, now: datetime, moves: list[Move]) -> None:
    ingest.record_known_new(tenant=tenant, events=list(_moved(moves, now=now)), now=now)


def _changed(
    listeners: Sequence[Listener], changes: Sequence[AttributeChange], *, now: datetime
) -> Iterator[InternalEvent]:
    waited_for = {one.trigger["name"] for one in listeners if one.trigger["on"] == "attribute"}
    for change in changes:
        if change.attribute in waited_for:
            properties = {"attribute": change.attribute, "old": change.old, "new": change.new}
            yield InternalEvent(
                f"{change.attribute} {change.call_id}", change.profile_id, triggers.ATTRIBUTE_CHANGED, now, properties
            )  # fmt: skip


def _moved(moves: Sequence[Move], *, now: datetime) -> Iterator[InternalEvent]:
    for move in moves:
        did = "entered" if move.has_entered else "left"
        properties = {"segment": str(move.segment.public_id), "segment_name": move.segment.name}
        yield InternalEvent(f"{did} {move.segment.pk}", move.profile_id, triggers.MOVES[did], now, properties)
