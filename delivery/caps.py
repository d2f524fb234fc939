"""Frequency caps: what each says and counts, the room it leaves to somebody, and the reservation that takes it.

A cap keeps, for each person, its newest reservations, as many as it allows. There is room if they are fewer, or if the
oldest of them counts no more: a rolling cap lets go of it after its hours, a calendar cap when that person's day or
week is over, by the clock they live by now. So both kinds know to the instant when there is room again, and somebody
who moves to another zone takes along what they got.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import cast
from zoneinfo import ZoneInfo

from django.db import connection

from audiences import binary, holding
from campaigns import channels
from campaigns.calendar import periods
from delivery.claim import Due
from delivery.decide import Room
from delivery.models import FrequencyCap
from tenants.models import Tenant

Kind, Scope = FrequencyCap.Kind, FrequencyCap.Scope

FIELDS = [field.attname for field in FrequencyCap._meta.concrete_fields]
IN_FORCE = f"""
SELECT {", ".join(connection.ops.quote_name(name) for name in FIELDS)} FROM delivery_frequencycap
WHERE tenant_id = %s AND archived_at IS NULL ORDER BY id
"""

LOCK = (
    7_113_003  # advisory, with the tenant's id: shared by who reserves, alone for who changes what is counted
)

USES = """
SELECT u.profile_id, u.cap_id, u.times FROM delivery_capuse u
WHERE u.tenant_id = %s AND u.profile_id = ANY(%b::bigint[]) AND u.cap_id = ANY(%b::bigint[])
"""

# Of these rows: those whose occasion holds a reservation, and whether it is their own. The aggregate keeps the plan to
# one look into delivery_once for each row.
HELD = """
SELECT r.id, held.itself
FROM (SELECT g.*, %s::bigint AS tenant_id
      FROM unnest(%b::bigint[], %b::timestamptz[], %b::bigint[], %b::bigint[], %b::text[])
           AS g(id, occasion_at, campaign_id, profile_id, occasion) OFFSET 0) r
CROSS JOIN LATERAL (
    SELECT bool_or(d.id = r.id) AS itself FROM delivery_delivery d
    WHERE d.tenant_id = r.tenant_id AND d.campaign_id = r.campaign_id AND d.profile_id = r.profile_id
      AND d.occasion = r.occasion AND d.occasion_at = r.occasion_at AND d.reserved_at IS NOT NULL) held
WHERE held.itself IS NOT NULL
"""

# The newest stay, as many as the cap allows. The one that joins is later than the others, but where a sandbox's clock
# was set back.
RESERVE = """
INSERT INTO delivery_capuse AS u (tenant_id, profile_id, cap_id, times)
SELECT %s, profile_id, %s, ARRAY[%s::timestamptz] FROM unnest(%b::bigint[]) AS r(profile_id)
ON CONFLICT (tenant_id, profile_id, cap_id) DO UPDATE SET times = (
    CASE WHEN excluded.times[1] < u.times[cardinality(u.times)]
         THEN ARRAY(SELECT at FROM unnest(u.times || excluded.times) AS at ORDER BY at)
         ELSE u.times || excluded.times END)[greatest(1, cardinality(u.times) + 2 - %s):]
"""


_ends_at = lru_cache(maxsize=10_000)(periods.ends_at)  # what one chunk reserved has one time


@dataclass(frozen=True, slots=True)
class Asking:
    """A due row as caps see it."""

    row: Due
    tags: Collection[str]  # the campaign's
    zone: ZoneInfo  # the person's


@dataclass(frozen=True, slots=True)
class _Counted:
    """A cap as it is held against the rows of a chunk."""

    free: Room  # what it leaves to somebody who got nothing of late
    channel: str | None  # only what goes there
    tag: str | None  # only what has it
    lasts: timedelta | None  # how long a reservation counts; None: until the period it was made in is over
    period: periods.Period

    @classmethod
    def of(cls, cap: FrequencyCap) -> _Counted:
        return cls(
            free=Room(cap.pk, words(cap), cap.limit, 0, None),
            channel=cap.value if cap.scope == Scope.CHANNEL else None,
            tag=cap.value if cap.scope == Scope.TAG else None,
            lasts=timedelta(hours=cap.hours or 0) if cap.kind == Kind.ROLLING else None,
            period=cast(periods.Period, cap.kind),
        )


def in_force(tenant: Tenant) -> list[FrequencyCap]:
    """Return the tenant's caps, in the order they were made.

    In plain SQL: every chunk asks, and putting a query together costs more than running it.
    """
    return [FrequencyCap.from_db(connection.alias, FIELDS, row) for row in binary.run(IN_FORCE, [tenant.pk])]


def words(cap: FrequencyCap) -> str:
    """Say what a cap does, such as "At most 3 emails in 7 days"."""
    return f"At most {cap.limit} {_what(cap)} {_period(cap)}"


def _what(cap: FrequencyCap) -> str:
    noun = channels.get(cap.value).noun if cap.scope == Scope.CHANNEL else "message"
    counted = noun if cap.limit == 1 else f"{noun}s"
    return f"{counted} tagged {cap.value}" if cap.scope == Scope.TAG else counted


def _period(cap: FrequencyCap) -> str:
    if cap.kind == Kind.DAY:
        return "a day, by each person's own clock"
    if cap.kind == Kind.WEEK:
        return "a week from Monday, by each person's own clock"
    hours = cap.hours or 0
    if hours % 24 == 0 and hours > 24:
        return f"in {hours // 24} days"
    return "in 1 hour" if hours == 1 else f"in {hours} hours"


def hold(tenant: Tenant, *, alone: bool = False) -> None:
    """Until this transaction ends, let nobody change caps; ``alone``: let nobody reserve either."""
    holding.hold(LOCK, tenant.pk, alone=alone)


def rooms(
    asking: Sequence[Asking], *, tenant: Tenant, channel: str, now: datetime
) -> dict[int, tuple[Room, ...]]:
    """Return by row what each cap it would count towards leaves to its person.

    A row that has its reservation counts no more; beside one of the same occasion it counts for its channel only.
    Read it with the profiles locked, else another may reserve meanwhile.
    """
    caps = [_Counted.of(cap) for cap in in_force(tenant)] if asking else []
    if not caps:
        return {}
    held = _held([one.row for one in asking], tenant=tenant)
    used = {
        (profile_id, cap_id): times
        for profile_id, cap_id, times in binary.run(
            USES,
            [
                tenant.pk,
                binary.bigints(one.row.profile_id for one in asking),
                [cap.free.cap_id for cap in caps],
            ],
            reads_binary=True,
        )
    }
    return {
        one.row.id: tuple(
            [
                _room(cap, used.get((one.row.profile_id, cap.free.cap_id)), zone=one.zone, now=now)
                for cap in caps
                if _counts(cap, one, channel=channel, held=held)
            ]
        )
        for one in asking
    }


def _held(rows: list[Due], *, tenant: Tenant) -> dict[int, bool]:
    """Return the rows whose occasion holds a reservation: True where it is theirs, False where it is another's."""
    rows = [row for row in rows if not row.is_unreserved]
    if not rows:
        return {}
    columns = [
        [row.id for row in rows],
        [row.occasion_at for row in rows],
        [row.campaign_id for row in rows],
        [row.profile_id for row in rows],
        [row.occasion for row in rows],
    ]
    return dict(binary.run(HELD, [tenant.pk, *columns]))


def _counts(cap: _Counted, one: Asking, *, channel: str, held: dict[int, bool]) -> bool:
    is_its_own = held.get(one.row.id)
    if is_its_own or (is_its_own is False and cap.channel is None):
        return False
    if cap.channel is not None:
        return cap.channel == channel
    return cap.tag is None or cap.tag in one.tags


def _room(cap: _Counted, times: list[datetime] | None, *, zone: ZoneInfo, now: datetime) -> Room:
    free = cap.free
    if not times:
        return free
    limit, frees_at = free.limit, now
    used = min(len(times), limit)
    for at in times[-limit:]:  # the oldest first: it stops counting before the others
        frees_at = at + cap.lasts if cap.lasts else _ends_at(at, zone, cap.period)
        if frees_at > now:
            break
        used -= 1
    return Room(free.cap_id, free.words, limit, used, frees_at if used == limit else None) if used else free


def reserve(taken: Iterable[tuple[int, Room]], *, tenant: Tenant, now: datetime) -> None:
    """Take the room of each (profile id, room): once for each row, in the transaction that marks it reserved."""
    takers: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for profile_id, room in taken:
        takers[room.cap_id, room.limit].append(profile_id)
    with binary.together():
        for (cap_id, limit), profile_ids in takers.items():
            binary.send(RESERVE, [tenant.pk, cap_id, now, binary.bigints(profile_ids), limit])
