"""Whom the words being typed pass by: how many lack what they need, who they are, and what they get instead.

Whoever lacks one thing passes by all variants of the group, so that their shares stay; the next group that takes them
is what they get, at last the default variant. Counted in one statement over everybody, or over a part of them where
there are many: 0.2 s for 24,000 people, 0.5 s for 300,000.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from audiences import samples, segments
from audiences.models import Event, Profile
from audiences.people import beginning_with
from audiences.samples import Sample
from campaigns import arms, channels, launching, triggers
from campaigns.arms import CONTROL, Group, Spec, Way
from campaigns.liquid.values import parsed, unmet
from campaigns.models import Variant, Version
from campaigns.reach import DEPENDS, NOBODYS, Judge
from campaigns.speakers import Speakers

PATIENCE = timedelta(seconds=5)
EVENTS_LOOKED_AT = 500  # the newest of those that set the campaign off
NOTHING, UNDECIDED = "", "?"  # in place of a variant's key: nobody's; the event decides
_CONTROL = -3  # beside reach.NOBODYS and DEPENDS


class NotCounted(Exception):
    """There is nobody to count; the words say why and what to do."""


class NotNeeded(LookupError):
    """No words that are looked at need it."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What some people lack. ``instead``: variant's key, CONTROL, NOTHING or UNDECIDED -> people; adds up to them."""

    need: str
    people: int = 0
    instead: Mapping[str, int] = field(default_factory=dict)
    needed_by: tuple[str, ...] = ()  # the variants beside it that need it, where these words do not


@dataclass(frozen=True, slots=True)
class OfEvents:
    """How many of the newest events that set the campaign off came without something."""

    need: str
    lacking: int
    looked_at: int


@dataclass(frozen=True, slots=True)
class Shortfalls:
    meant_for: int  # who would get a variant of the group, if nobody lacked anything; the control group too
    each: tuple[Shortfall, ...]
    together: Shortfall  # whoever lacks any
    of_events: tuple[OfEvents, ...] = ()
    is_about: bool = False  # reckoned from a part of the people


@dataclass(frozen=True, slots=True)
class Lacking:
    """Somebody who would get the words and lacks something, and what they get ``instead``, as a Shortfall has it."""

    profile: Profile
    needs: tuple[str, ...]
    instead: str


@dataclass(frozen=True, slots=True)
class Written:
    """A variant's words on a channel in a language, with what they need as they are being typed."""

    variant: Variant
    channel: str
    language: str
    needs: Sequence[str]


def count(written: Written, *, now: datetime) -> Shortfalls:
    """Return how many lack what words need; of many people a part is asked.

    Raises NotCounted, segments.TooSlow, and as segments.resolve does for a broken audience.
    """
    sample = samples.of(written.variant.version.tenant_id)
    return _of_words(written, now=now, sample=sample, patience=PATIENCE).answered(written.needs)


def count_all(of: Written | Version, *, now: datetime) -> Shortfalls:
    """Return the same of everybody who comes to some words, or whom a version is for, exactly. Raises as ``count``."""
    needs = of.needs if isinstance(of, Written) else ()
    return _question(of, now=now).answered(needs)


def people(
    of: Written | Version, *, need: str, now: datetime, named: str = "", before: int | None = None, limit: int
) -> list[Lacking]:
    """Return who lacks a need of some words, or of a whole version, the newest first; ``need`` empty: who lacks any.

    ``named``: only those whom ``people.beginning_with`` finds. ``before`` is the profile id to go on from. Raises
    NotNeeded, and as ``count``.
    """
    version = of.variant.version if isinstance(of, Written) else of
    ids = beginning_with(named, tenant_id=version.tenant_id) if named else None
    return _question(of, now=now, ids=ids).people(need, before=before, limit=limit)


def _question(of: Written | Version, *, now: datetime, ids: list[int] | None = None) -> _Question:
    """What to ask about everybody, or about some of them."""
    sample = Sample(0, ids)
    if isinstance(of, Written):
        return _of_words(of, now=now, sample=sample, patience=segments.PATIENCE)
    spec, asked = arms.load(of), _asked(of, now)
    speakers = _speakers(spec, asked, sample, segments.PATIENCE)
    kinds = list(range(len(speakers.kinds)))
    return _Question(of, spec, None, speakers, kinds, asked, sample, segments.PATIENCE)


def _of_words(written: Written, *, now: datetime, sample: Sample, patience: timedelta) -> _Question:
    version, channel, language = written.variant.version, written.channel, written.language
    content = written.variant.contents.filter(channel=channel, language=language).first()
    spec = arms.load(version, unsaved={content.pk: list(written.needs)} if content else {})
    place, way = _place(spec, written.variant)
    asked = _asked(version, now) | {"channel": channel}
    speakers = _speakers(spec, asked, sample, patience)
    kinds = speakers.reading(way, channel, language)
    return _Question(version, spec, place, speakers, kinds, asked, sample, patience)


def _asked(version: Version, now: datetime) -> dict[str, Any]:
    asked = launching.question(version, now=now)
    if asked is None:
        raise NotCounted("Choose an audience first: then it is counted who lacks what.")
    return asked


def _speakers(spec: Spec, asked: Mapping[str, Any], sample: Sample, patience: timedelta) -> Speakers:
    return Speakers.among(
        spec,
        asked["rule"],
        tenant_id=asked["tenant_id"],
        now=asked["now"],
        ids=sample.ids,
        patience=patience,
    )


def _place(spec: Spec, variant: Variant) -> tuple[int, Way]:
    """The group that a variant is of, by its place, and the variant as it stands in it."""
    if variant.is_default:
        raise NotCounted("The default variant is for whoever lacks something, so it needs nothing.")
    for place, group in enumerate(spec.groups):
        for way in group.ways:
            if way.key == variant.key:
                return place, way
    raise NotCounted("This variant has weight 0, so nobody new gets it.")


@dataclass(frozen=True, slots=True)
class _Question:
    version: Version
    spec: Spec
    place: int | None  # of the group in spec.groups; None: of all that a version says
    speakers: Speakers
    kinds: list[int]  # of the speakers who read these words
    asked: Mapping[str, Any]  # as launching.question has it
    sample: Sample
    patience: timedelta

    @property
    def groups(self) -> Sequence[Group]:
        return self.spec.groups if self.place is None else [self.spec.groups[self.place]]

    @property
    def next(self) -> Spec:
        """What is left for those whom the group does not take."""
        if self.place is None:
            return self.spec
        return replace(self.spec, groups=self.spec.groups[self.place + 1 :])

    @property
    def needs(self) -> dict[str, list[int]]:
        """What is needed of people -> the kinds of speakers it is needed of."""
        return {
            need: kinds
            for need, asked_of in self.speakers.needs(self.groups).items()
            if (kinds := [kind for kind in asked_of if kind in self.kinds]) and not self._is_of_event(need)
        }

    def answered(self, needs: Sequence[str]) -> Shortfalls:
        asked = self.needs
        rows = self._rows(asked)
        found = [self._shortfall(rows, column) for column in range(len(asked) + 1)]
        each = [
            replace(one, need=need, needed_by=() if need in needs else self._needed_by(need))
            for need, one in zip(asked, found[1:], strict=True)
        ]
        return Shortfalls(
            meant_for=self.sample.scaled(sum(row[1] for row in rows)),
            each=tuple(sorted(each, key=lambda one: (bool(one.needed_by), -one.people))),
            together=found[0],
            of_events=tuple(_of_events(self.version, self.groups, [*filter(self._is_of_event, needs)])),
            is_about=not self.sample.is_whole,
        )

    def _needed_by(self, need: str) -> tuple[str, ...]:
        ways = [way for group in self.groups for way in group.ways]
        return tuple(way.key for way in ways if any(need in words.needs for words in way.contents))

    def _is_of_event(self, need: str) -> bool:
        return self.version.has_event and parsed(need)[0] == "event"

    def _may_be_asked(self, need: str) -> bool:
        return any(need in group.all_needs for group in self.groups) and not self._is_of_event(need)

    def people(self, need: str, *, before: int | None, limit: int) -> list[Lacking]:
        asked = self.needs
        if need not in asked and self._may_be_asked(need):
            return []  # none of these people reads the words that need it
        if need and need not in asked:
            raise NotNeeded(need)
        lacks = dict(zip(["", *asked], _lacks(asked), strict=True))[need]
        judge = self._judge()
        judged = self._judged(judge, asked)
        older = "" if before is None else f" AND p.id < {judge.value(before)}"
        # OFFSET 0 keeps each column computed once a person, and no more of them than the page takes.
        statement = f"""
SELECT * FROM ({judged}{older} ORDER BY p.id DESC OFFSET 0) judged
WHERE {lacks} ORDER BY id DESC LIMIT {judge.value(limit)}"""
        with segments.patiently(self.patience) as cursor:
            cursor.execute(statement, judge.params)
            rows = cursor.fetchall()
        profiles = Profile.objects.in_bulk([row[0] for row in rows])
        names = self._names()
        return [
            Lacking(
                profiles[id_],
                tuple(need for need, is_met in zip(asked, has, strict=True) if not is_met),
                names[gets],
            )
            for id_, gets, *has in rows
        ]

    def _rows(self, asked: Mapping[str, list[int]]) -> list[tuple[int, ...]]:
        """For each thing they get instead: the people, those who lack any need, and those who lack each."""
        judge = self._judge()
        figures = ", ".join(f"count(*) FILTER (WHERE {each})" for each in _lacks(asked))
        # OFFSET 0 keeps each column computed once a person, not once a figure.
        judged = self._judged(judge, asked)
        statement = f"SELECT gets, count(*), {figures} FROM ({judged} OFFSET 0) judged GROUP BY gets"
        with segments.patiently(self.patience) as cursor:
            cursor.execute(statement, judge.params)
            return list(cursor.fetchall())

    def _judge(self) -> Judge:
        return Judge(
            tenant_id=self.version.tenant_id,
            shared=self.asked["shared"],
            now=self.asked["now"],
            speakers=self.speakers,
            ids=self.sample.ids,
        )

    def _judged(self, judge: Judge, asked: Mapping[str, list[int]]) -> str:
        """Whoever comes here, with what they get instead and whether they have each thing asked."""
        columns = [
            "p.id",
            f"CASE WHEN {judge.control(self.spec)} THEN {_CONTROL} ELSE {judge.arm(self.next)} END AS gets",
        ]
        columns += [
            f"{judge.has_if_asked(need, kinds)} AS has_{n}" for n, (need, kinds) in enumerate(asked.items())
        ]
        return f"SELECT {', '.join(columns)} FROM audiences_profile p WHERE {self._comes_here(judge)}"

    def _comes_here(self, judge: Judge) -> str:
        """Who would get a variant of the group, or anything, if they lacked nothing. Of groups before that ask about
        the event nobody knows whom they take: as if they took none.
        """
        channel = channels.get(self.asked["channel"])
        conditions = [
            f"p.tenant_id = {judge.value(self.version.tenant_id)}",
            judge.is_meant(self.asked["rule"]),
            channel.reachable_sql("p", is_marketing=self.asked["is_marketing"]),
        ]
        if len(self.kinds) < len(self.speakers.kinds):
            conditions.append(f"{judge.speaks()} IN ({', '.join(map(str, self.kinds)) or 'NULL'})")
        if self.place is not None:
            before = [group for group in self.spec.groups[: self.place] if group.where is None]
            conditions += [f"NOT ({judge.takes(group)})" for group in before]
            conditions.append(judge.fits(self.spec.groups[self.place]))
        return " AND ".join(conditions)

    def _names(self) -> dict[int, str]:
        """What stands for what somebody gets, by its number."""
        names = {_CONTROL: CONTROL, NOBODYS: NOTHING, DEPENDS: UNDECIDED}
        return names | {index: way.key for index, way in enumerate(self.next.ways)}

    def _shortfall(self, rows: Sequence[tuple[int, ...]], column: int) -> Shortfall:
        names = self._names()
        instead = {names[row[0]]: self.sample.scaled(row[2 + column]) for row in rows if row[2 + column]}
        people = self.sample.scaled(sum(row[2 + column] for row in rows))
        return Shortfall("", people, dict(sorted(instead.items(), key=lambda pair: -pair[1])))


def _lacks(asked: Mapping[str, list[int]]) -> list[str]:
    """Of a judged row: whether anything is lacked, and each thing."""
    has = [f"has_{n}" for n in range(len(asked))]
    return [f"NOT ({' AND '.join(has) or 'true'})", *(f"NOT {each}" for each in has)]


def _of_events(version: Version, groups: Sequence[Group], needs: Sequence[str]) -> list[OfEvents]:
    """How the newest events that the groups' words might be for met each need. At most EVENTS_LOOKED_AT are read."""
    happening = triggers.answered(version)
    if happening is None or not needs:
        return []
    heard = Event.objects.filter(name=happening.name, is_internal=happening.is_internal)
    fitting: list[dict[str, Any]] = [
        event.properties
        for event in heard.order_by("-occurred_at")[:EVENTS_LOOKED_AT]
        if happening.fits(event.properties, now=event.occurred_at)
        and any(
            group.where is None or arms.fits(event.properties, event.occurred_at, group.where)
            for group in groups
        )
    ]
    return [
        OfEvents(
            need, sum(bool(unmet([need], {"event": properties})) for properties in fitting), len(fitting)
        )
        for need in needs
    ]
