"""Who is in the segments that something waits for, kept so that coming and going is noticed once.

Only watched segments have memberships. Whoever data touches is looked at in the transaction that stores it; what time
alone changes is found by looking at everybody now and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from audiences import holding, segments, tombstones
from audiences.models import Segment, SegmentMember, WatchedSegment
from audiences.rules import sql
from audiences.rules.tree import InvalidRule
from audiences.signals import Merge
from tenants import binary, clock
from tenants.models import Tenant

RESTS = timedelta(minutes=1)  # between two looks at everybody
RESTS_TIMES = 20  # as long as a look took: looking takes a twentieth of one connection's time at most
LOCK = 7_113_005  # advisory, with the tenant's id
SLICE = 1_000  # people who moved, noticed in one transaction

# Two who look at the same person at once: the one that changes the row has noticed it.
UPDATE = """
WITH inside AS MATERIALIZED ({members}),
came AS (
    INSERT INTO audiences_segmentmember (tenant_id, segment_id, profile_id)
    SELECT %s, %s, id FROM inside ON CONFLICT DO NOTHING RETURNING profile_id
), went AS (
    DELETE FROM audiences_segmentmember m
    WHERE m.tenant_id = %s AND m.segment_id = %s AND m.profile_id = ANY(%s)
      AND NOT EXISTS (SELECT 1 FROM inside i WHERE i.id = m.profile_id)
    RETURNING m.profile_id
)
SELECT profile_id, true FROM came UNION ALL SELECT profile_id, false FROM went
"""

MOVED = """
WITH inside AS MATERIALIZED ({members})
SELECT coalesce(i.id, m.profile_id)
FROM inside i FULL JOIN (
    SELECT profile_id FROM audiences_segmentmember WHERE tenant_id = %s AND segment_id = %s
) m ON m.profile_id = i.id
WHERE i.id IS NULL OR m.profile_id IS NULL
ORDER BY 1
"""

FILL = """
INSERT INTO audiences_segmentmember (tenant_id, segment_id, profile_id)
SELECT %s, %s, m.id FROM ({members}) m ON CONFLICT DO NOTHING
"""

# Segment by segment: there is no index to the memberships of a person alone.
UNITE = """
WITH gone AS (
    DELETE FROM audiences_segmentmember WHERE tenant_id = %s AND profile_id = ANY(%b::bigint[])
        AND segment_id = ANY(ARRAY(SELECT segment_id FROM audiences_watchedsegment WHERE tenant_id = %s))
    RETURNING segment_id, profile_id
)
INSERT INTO audiences_segmentmember (tenant_id, segment_id, profile_id)
SELECT DISTINCT %s::bigint, g.segment_id, m.winner_id
FROM gone g JOIN unnest(%b::bigint[], %b::bigint[]) AS m(loser_id, winner_id) ON m.loser_id = g.profile_id
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody came into a segment, or left it."""

    segment: Segment
    profile_id: int
    has_entered: bool


def hold(tenant_id: int, *, alone: bool = False) -> None:
    """Until this transaction ends, let nobody forget what is watched; ``alone``: nor begin to watch."""
    holding.hold(LOCK, tenant_id, alone=alone)


@transaction.atomic
def watch(segment: Segment, *, now: datetime) -> None:
    """Begin to notice who comes and goes; those inside at ``now`` (the tenant's clock) have come unnoticed.

    Watched already is fine. One INSERT ... SELECT over the tenant's people.
    """
    hold(segment.tenant_id)  # until the campaign that waits for it can be seen
    rule = segments.resolve(segment.rule)
    _, is_new = WatchedSegment.objects.get_or_create(
        tenant_id=segment.tenant_id, segment=segment, defaults={"rule": rule}
    )
    if is_new:
        _fill(segment, rule, now=now)


def forget(*, but: Iterable[UUID]) -> None:
    """Stop watching the segments that nothing waits for any more. Needs the tenant's scope open."""
    with transaction.atomic():
        unused = list(WatchedSegment.objects.exclude(segment__public_id__in=list(but)))
        SegmentMember.objects.filter(segment__in=[watched.segment_id for watched in unused]).delete()
        WatchedSegment.objects.filter(pk__in=[watched.pk for watched in unused]).delete()


def unite(*, tenant: Tenant, merges: Sequence[Merge]) -> None:
    """Give winners the memberships of their losers: a merge is no coming. Profiles are locked by the caller."""
    losers, winners = [merge.loser_id for merge in merges], [merge.winner_id for merge in merges]
    binary.run(UNITE, [tenant.pk, losers, tenant.pk, tenant.pk, losers, winners])


def notice(*, tenant: Tenant, ids: Iterable[int], now: datetime) -> list[Move]:
    """Return who of some people came into the watched segments or left them, each move once.

    The people are locked by the caller. A statement for each watched segment.
    """
    asked = sorted(set(ids))
    if not asked:
        return []
    watched = WatchedSegment.objects.filter(tenant=tenant).select_related("segment").order_by("id")
    return [move for one in watched for move in _notice(one, asked, now=now)]


def _notice(watched: WatchedSegment, ids: list[int], *, now: datetime) -> list[Move]:
    tenant_id, segment_id = watched.tenant_id, watched.segment_id
    query = sql.members(watched.rule, tenant_id=tenant_id, now=now, ids=ids)
    with connection.cursor() as cursor:
        cursor.execute(
            UPDATE.format(members=query.sql),
            [*query.params, tenant_id, segment_id, tenant_id, segment_id, ids],
        )
        return [Move(watched.segment, profile_id, came) for profile_id, came in cursor.fetchall()]


def look_around(*, tenant: Tenant, now: datetime, tell: Callable[[list[Move]], None]) -> int:
    """Look at everybody where it is time to, and return how many moved; ``tell`` hears of them in a transaction each.

    This is how somebody leaves "active in the last week" by doing nothing. A segment whose rule was changed meanwhile
    is filled anew: who is in by another rule has not come. May run beside itself.
    """
    moved = 0
    due = WatchedSegment.objects.filter(tenant=tenant, rests_until__lte=clock.raw_now())
    for watched in due.select_related("segment"):
        began = time.monotonic()
        if _follow(watched, now=now):
            ids = _moved(watched, now=now)
            for start in range(0, len(ids), SLICE):
                moved += _tell(watched, ids[start : start + SLICE], now=now, tell=tell)
        rest = max(RESTS, RESTS_TIMES * timedelta(seconds=time.monotonic() - began))
        WatchedSegment.objects.filter(pk=watched.pk).update(rests_until=clock.raw_now() + rest)
    return moved


def _follow(watched: WatchedSegment, *, now: datetime) -> bool:
    """Whether its memberships go by the segment's rule as it is; if not, they do from now on.

    A rule that refers to what is gone by now is not followed: until somebody mends it, the one before it holds.
    """
    try:
        rule = segments.resolve(watched.segment.rule)
    except (InvalidRule, segments.SegmentCycle):
        return True
    if rule == watched.rule:
        return True
    with transaction.atomic():
        WatchedSegment.objects.select_for_update().get(pk=watched.pk)
        WatchedSegment.objects.filter(pk=watched.pk).update(rule=rule)
        SegmentMember.objects.filter(segment=watched.segment).delete()
        _fill(watched.segment, rule, now=now)
    return False


@transaction.atomic
def _tell(
    watched: WatchedSegment, ids: list[int], *, now: datetime, tell: Callable[[list[Move]], None]
) -> int:
    living = tombstones.lock_living(watched.tenant_id, ids)
    moves = _notice(watched, sorted({*living.values()}), now=now)
    if moves:
        tell(moves)
    return len(moves)


def _moved(watched: WatchedSegment, *, now: datetime) -> list[int]:
    query = sql.members(watched.rule, tenant_id=watched.tenant_id, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            MOVED.format(members=query.sql), [*query.params, watched.tenant_id, watched.segment_id]
        )
        return [id_ for (id_,) in cursor.fetchall()]


def _fill(segment: Segment, rule: segments.Rule, *, now: datetime) -> None:
    query = sql.members(rule, tenant_id=segment.tenant_id, now=now)
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(members=query.sql), [segment.tenant_id, segment.pk, *query.params])
