"""Frequency caps: what each says and counts, the room it leaves to somebody, and the reservation that takes it.

A cap keeps, for each person, its newest reservations, as many as it allows. There is room if they are fewer, or if the
oldest of them counts no more: a rolling cap lets go of it after its hours, a calendar cap when that person's day or
week is over, by the clock they live by now. So both kinds know to the instant when there is room again, and somebody
who moves to another zone takes along what they got.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection

from audiences import holding
from campaigns import channels
from campaigns.calendar import periods
from delivery.claim import Due
from delivery.decide import Room
from delivery.models import FrequencyCap
from tenants import binary
from tenants.models import Tenant

Kind, Scope = FrequencyCap.Kind, FrequencyCap.Scope

FIELDS = [field.attname for field in FrequencyCap._meta.concrete_fields]
LIVE = "FROM delivery_frequencycap WHERE tenant_id = %s AND archived_at IS NULL"
IN_FORCE = f"SELECT {', '.join(connection.ops.quote_name(name) for name in FIELDS)} {LIVE} ORDER BY id"

LOCK = (
    7_113_003  # advisory, with the tenant's id: shared by who reserves, alone for who changes what is counted
)

# Without any cap the array is empty, and nothing is looked up.
USES = f"""
SELECT u.profile_id, u.cap_id, u.times, u.ctid FROM delivery_capuse u
WHERE u.tenant_id = %s AND u.profile_id = ANY(%b::bigint[])
  AND u.cap_id = ANY(ARRAY(SELECT id {LIVE}))
"""

# Of these rows: those whose occasion holds a reservation, and whether it is their own. The aggregate keeps the plan to
# one look into delivery_once for each row. Without any cap it looks nothing up.
HELD = f"""
SELECT r.id, held.itself
FROM (SELECT g.*, %s::bigint AS tenant_id
      FROM unnest(%b::bigint[], %b::timestamptz[], %b::bigint[], %b::bigint[], %b::text[])
           AS g(id, occasion_at, campaign_id, profile_id, occasion) OFFSET 0) r
CROSS JOIN LATERAL (
    SELECT bool_or(d.id = r.id) AS itself FROM delivery_delivery d
    WHERE d.tenant_id = r.tenant_id AND d.campaign_id = r.campaign_id AND d.profile_id = r.profile_id
      AND d.occasion = r.occasion AND d.occasion_at = r.occasion_at AND d.reserved_at IS NOT NULL) held
WHERE held.itself IS NOT NULL
  AND EXISTS (SELECT {LIVE})
"""

# The newest stay, as many as the cap allows. The one that joins is later than the others, but where a sandbox's clock
# was set back.
JOINED = """(CASE WHEN r.at < u.times[cardinality(u.times)]
                  THEN ARRAY(SELECT at FROM unnest(u.times || r.at) AS at ORDER BY at)
                  ELSE u.times || r.at END)[greatest(1, cardinality(u.times) + 2 - r.most):]"""
TAKER = "(SELECT %s::bigint AS tenant_id, %s::bigint AS cap_id, %s::timestamptz AS at, %s::int AS most, {taker}) r"
# Changed at the place where it was read: at half of what finding it once more by its key would cost.
RESERVE_AGAIN = f"""
UPDATE delivery_capuse u SET times = {JOINED}
FROM {TAKER.format(taker="unnest(%b::bigint[]) AS profile_id, unnest(%b::tid[]) AS tid")}
WHERE u.ctid = r.tid AND u.tenant_id = r.tenant_id AND u.profile_id = r.profile_id AND u.cap_id = r.cap_id
RETURNING u.profile_id
"""
RESERVE = f"""
INSERT INTO delivery_capuse AS u (tenant_id, profile_id, cap_id, times)
SELECT tenant_id, profile_id, cap_id, ARRAY[at] FROM {TAKER.format(taker="unnest(%b::bigint[]) AS profile_id")}
ON CONFLICT (tenant_id, profile_id, cap_id) DO UPDATE
SET times = (SELECT {JOINED} FROM (SELECT excluded.times[1] AS at, %s::int AS most) r)
"""


# What somebody used of a cap: when they reserved, the oldest first, and where that lies in its table.
Use = tuple[list[datetime], bytes]

# A chunk's people share a few zones and moments.
_begins_at = lru_cache(maxsize=1_000)(periods.begins_at)
_ends_at = lru_cache(maxsize=10_000)(periods.ends_at)


class Asking(msgspec.Struct, frozen=True, gc=False):
    """A due row as caps see it."""

    row: Due
    tags: Collection[str]  # the campaign's
    zone: ZoneInfo  # the person's


@dataclass(frozen=True, slots=True)
class _Counted:
    """A cap as it is held against the rows of a chunk."""

    cap_id: int
    words: str
    limit: int
    channel: str | None  # only what goes there
    tag: str | None  # only what has it
    lasts: timedelta | None  # how long a reservation counts; None: until the period it was made in is over
    counts_from: datetime | None  # the first moment that counts; None: as the person's period begins
    period: periods.Period
    uses: dict[int, Use]  # by profile
    open_rooms: dict[int, Room] = field(default_factory=dict)  # by what was used: people share a few

    @classmethod
    def of(cls, cap: FrequencyCap, uses: dict[int, Use], *, now: datetime) -> _Counted:
        lasts = timedelta(hours=cap.hours or 0) if cap.kind == Kind.ROLLING else None
        return cls(
            cap_id=cap.pk,
            words=words(cap),
            limit=cap.limit,
            channel=cap.value if cap.scope == Scope.CHANNEL else None,
            tag=cap.value if cap.scope == Scope.TAG else None,
            lasts=lasts,
            counts_from=now - lasts + datetime.resolution if lasts else None,
            period=cast(periods.Period, cap.kind),
            uses=uses,
        )

    def room(self, profile_id: int, zone: ZoneInfo, now: datetime) -> Room:
        """Return what is left to somebody who lives in ``zone``."""
        use = self.uses.get(profile_id)
        if use is None:
            return self._open(0)
        times, _ = use
        used = len(times) - bisect_left(times, self.counts_from or _begins_at(now, zone, self.period))
        if used < self.limit:
            return self._open(used)
        oldest = times[-self.limit]  # of those that count: it lets go first
        frees_at = oldest + self.lasts if self.lasts else _ends_at(oldest, zone, self.period)
        return Room(self.cap_id, self.words, self.limit, self.limit, frees_at)

    def _open(self, used: int) -> Room:
        room = self.open_rooms.get(used)
        if room is None:
            room = self.open_rooms[used] = Room(self.cap_id, self.words, self.limit, used, None)
        return room


class Asked:
    """What was sent for about some rows: the caps in force, what their people used of them, who holds a reservation.

    Who means to reserve has locked the profiles by then.
    """

    def __init__(self, rows: Sequence[Due], *, tenant: Tenant) -> None:
        profile_ids = binary.bigints([row.profile_id for row in rows])
        self._caps = binary.send(IN_FORCE, [tenant.pk])
        self._uses = binary.send(USES, [tenant.pk, profile_ids, tenant.pk], reads_binary=True)
        self._held = _ask_held([row for row in rows if not row.is_unreserved], tenant=tenant)

    @cached_property
    def caps(self) -> list[FrequencyCap]:
        return _read(self._caps)

    @cached_property
    def held(self) -> dict[int, bool]:
        """Rows whose occasion holds a reservation: True where it is their own, False where it is another's."""
        return dict(self._held.rows()) if self._held else {}

    @cached_property
    def uses(self) -> defaultdict[int, dict[int, Use]]:
        """What was used, by cap and profile."""
        uses: defaultdict[int, dict[int, Use]] = defaultdict(dict)
        for profile_id, cap_id, times, tid in self._uses.rows():
            uses[cap_id][profile_id] = times, tid
        return uses


def in_force(tenant: Tenant) -> list[FrequencyCap]:
    """Return the tenant's caps, in the order they were made.

    In plain SQL: every chunk asks, and putting a query together costs more than running it.
    """
    return _read(binary.send(IN_FORCE, [tenant.pk]))


def _read(answer: binary.Answer) -> list[FrequencyCap]:
    return [FrequencyCap.from_db(connection.alias, FIELDS, row) for row in answer.rows()]


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


def _ask_held(rows: list[Due], *, tenant: Tenant) -> binary.Answer | None:
    if not rows:
        return None
    columns = [
        [row.id for row in rows],
        [row.occasion_at for row in rows],
        [row.campaign_id for row in rows],
        [row.profile_id for row in rows],
        [row.occasion for row in rows],
    ]
    return binary.send(HELD, [tenant.pk, *columns, tenant.pk])


def rooms(asking: Sequence[Asking], asked: Asked, *, channel: str, now: datetime) -> dict[int, list[Room]]:
    """Return by row what each cap it would count towards leaves to its person; ``asked`` was about these rows.

    A row that has its reservation counts no more; beside one of the same occasion it counts for its channel only.
    """
    counted = [_Counted.of(cap, asked.uses[cap.pk], now=now) for cap in asked.caps]
    counted = [cap for cap in counted if cap.channel in (None, channel)]
    if not counted:
        return {}
    held = asked.held
    found: dict[int, list[Room]] = {one.row.id: [] for one in asking}
    for cap in counted:
        counts_all = cap.tag is None and not held
        for one in asking if counts_all else [one for one in asking if _counts(cap, one, held)]:
            found[one.row.id].append(cap.room(one.row.profile_id, one.zone, now))
    return found


def _counts(cap: _Counted, one: Asking, held: dict[int, bool]) -> bool:
    is_its_own = held.get(one.row.id)
    if is_its_own or (is_its_own is False and cap.channel is None):
        return False
    return cap.tag is None or cap.tag in one.tags


def reserve(taken: Iterable[tuple[int, Room]], asked: Asked, *, tenant: Tenant, now: datetime) -> None:
    """Take the room of each (profile id, room), none twice, in the transaction that marks their rows reserved."""
    takers: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for profile_id, room in taken:
        takers[room.cap_id, room.limit].append(profile_id)
    again = []
    with binary.together():
        for (cap_id, limit), profile_ids in takers.items():
            values = [tenant.pk, cap_id, now, limit]
            uses = asked.uses[cap_id]
            tids = {id_: uses[id_][1] for id_ in profile_ids if id_ in uses}
            if tids:
                columns = [binary.bigints(tids), binary.tids(tids.values())]
                again.append((values, tids.keys(), binary.send(RESERVE_AGAIN, [*values, *columns])))
            _reserve([id_ for id_ in profile_ids if id_ not in tids], values)
    for values, known, answer in again:
        if answer.count < len(known):  # the row of some went elsewhere
            _reserve(known - {id_ for (id_,) in answer.rows()}, values)


def _reserve(profile_ids: Collection[int], values: list[Any]) -> None:
    if profile_ids:
        binary.send(RESERVE, [*values, binary.bigints(profile_ids), values[-1]])
