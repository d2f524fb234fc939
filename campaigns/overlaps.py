"""How variants stand in one another's way, counted: whom each group is for, and who gets one that stands before it.

Where some ask about the event that sets the campaign off, what is counted is the last of such events; else people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audiences import segments
from audiences.rules import sql
from campaigns import arms, channels, launching, triggers
from campaigns.arms import Group, Rule, Spec
from campaigns.models import Version
from campaigns.reach import Judge
from campaigns.speakers import Speakers
from campaigns.triggers import Happening

MOST_EVENTS = 10_000  # looked at, the newest
LOOKED_BACK = timedelta(days=30)

NOT_FOR, LACKS, TAKES = "-", "l", "t"  # how a group stands to somebody


@dataclass(frozen=True, slots=True)
class Alike:
    """People, or events, that stand to every group alike."""

    stands: str  # a letter for each group in order
    is_control: bool
    count: int

    def taken_by(self, order: Sequence[int]) -> int | None:
        """The first of the groups, tried in an order of their indexes, that takes them."""
        return next((index for index in order if self.stands[index] == TAKES), None)


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of those whom a group is for. ``fits`` is the sum of the others."""

    fits: int
    before: Mapping[int, int]  # those who get an earlier group, by its index
    lacks: int  # and lack what its words need
    control: int
    gets: int


@dataclass(frozen=True, slots=True)
class Counted:
    """Those who can be reached, put together by how they stand to the groups."""

    groups: tuple[Group, ...]
    alike: tuple[Alike, ...]
    event: str = ""  # the name of the events counted; empty: people
    since: datetime | None = None  # of the events

    @property
    def total(self) -> int:
        return sum(each.count for each in self.alike)

    def line(self, index: int) -> Line:
        """Return what becomes of those whom a group is for."""
        found = [each for each in self.alike if each.stands[index] != NOT_FOR]
        order = range(len(self.groups))
        taken = [(each, each.taken_by(order)) for each in found]
        before: dict[int, int] = {}
        for each, by in taken:
            if by is not None and by < index:
                before[by] = before.get(by, 0) + each.count
        own = [each for each, by in taken if by == index]
        return Line(
            fits=sum(each.count for each in found),
            before=dict(sorted(before.items())),
            lacks=sum(each.count for each, by in taken if by is None or by > index),
            control=sum(each.count for each in own if each.is_control),
            gets=sum(each.count for each in own if not each.is_control),
        )

    def able(self, index: int) -> int:
        """Return how many of those a group is for have what its words need, whoever gets them."""
        return sum(each.count for each in self.alike if each.stands[index] == TAKES)

    def left(self) -> int:
        """Return how many no group takes and who are not held back: the default's, if there is one."""
        order = range(len(self.groups))
        return sum(each.count for each in self.alike if not each.is_control and each.taken_by(order) is None)

    def both(self, one: int, other: int) -> int:
        """Return how many two groups are both for."""
        return sum(each.count for each in self.alike if NOT_FOR not in (each.stands[one], each.stands[other]))

    def taken(self, order: Sequence[int]) -> dict[int, int]:
        """Return how many each group would take if they were tried in another order, of their indexes."""
        found = dict.fromkeys(order, 0)
        for each in self.alike:
            if (by := each.taken_by(order)) is not None:
                found[by] += each.count
        return found


def counted(version: Version, *, now: datetime) -> Counted | None:
    """Count a version's groups at this moment; None while nobody or nothing is chosen. Raises segments.TooSlow.

    One statement over the audience or the events: on 2 busy cores 2.7 s for 400,000 people, 0.2 s for 10,000 events.
    """
    asked = launching.question(version, now=now)
    if asked is None:
        return None
    spec = arms.load(version)
    answered = triggers.answered(version)
    is_by_event = answered is not None and any(group.where is not None for group in spec.groups)
    return count(spec, answered=answered if is_by_event else None, **asked)


def count(
    spec: Spec,
    *,
    answered: Happening | None,
    rule: Rule,
    channel: str,
    is_marketing: bool,
    tenant_id: int,
    shared: Mapping[str, Any],
    now: datetime,
) -> Counted:
    """Count those whom a rule finds, or their events where there is one to answer; else as ``reach.count``."""
    judge = Judge(
        tenant_id=tenant_id,
        shared=shared,
        now=now,
        speakers=Speakers.among(spec, rule, tenant_id=tenant_id, now=now, patience=segments.PATIENCE),
        event="e.properties" if answered else "",
    )
    stands = ", ".join(f"CASE WHEN {_stands(judge, group)} END" for group in spec.groups) or "''"
    members = sql.members(rule, tenant_id=tenant_id, now=now)
    statement = f"""
SELECT concat({stands}) AS stands, {judge.control(spec)} AS is_control, count(*)
FROM audiences_profile p{_events(judge, answered) if answered else ""}
WHERE p.tenant_id = {judge.value(tenant_id)} AND p.id IN ({judge.embed(members)})
  AND {_of_event(judge, answered) if answered else "true"}
  AND {channels.get(channel).reachable_sql("p", is_marketing=is_marketing)}
GROUP BY 1, 2"""
    with segments.patiently() as cursor:
        cursor.execute(statement, judge.params)
        alike = tuple(Alike(*row) for row in cursor.fetchall())
    since = now - LOOKED_BACK if answered else None
    return Counted(spec.groups, alike, answered.name if answered else "", since)


def _stands(judge: Judge, group: Group) -> str:
    return (
        f"({judge.fits(group)}) IS NOT TRUE THEN '{NOT_FOR}'"
        f" WHEN {judge.lacks_nothing(group)} THEN '{TAKES}' ELSE '{LACKS}'"
    )


def _events(judge: Judge, answered: Happening) -> str:
    """The newest events of the name, taken from the index event_of_name backwards; each beside its person."""
    return (
        " JOIN (SELECT profile_id, properties, is_internal FROM audiences_event"
        f" WHERE tenant_id = {judge.value(judge.tenant_id)} AND name = {judge.value(answered.name)}"
        f" AND occurred_at BETWEEN {judge.value(judge.now - LOOKED_BACK)} AND {judge.value(judge.now)}"
        f" ORDER BY occurred_at DESC LIMIT {MOST_EVENTS}) e ON e.profile_id = p.id"
    )


def _of_event(judge: Judge, answered: Happening) -> str:
    meant = f"e.is_internal = {judge.value(answered.is_internal)}"
    if answered.where is None:
        return meant
    return (
        f"{meant} AND {judge.embed(sql.properties(answered.where, document='e.properties', now=judge.now))}"
    )
