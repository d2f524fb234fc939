"""What is worth a look about the order of a draft's variants: those that nobody gets, and those that meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Literal

from audiences.rules.phrases import listed
from audiences.segments import TooSlow
from campaigns import arms, overlaps, precedence
from campaigns.arms import Group, Spec
from campaigns.launching import Check
from campaigns.models import Version
from campaigns.overlaps import Counted, Line

Kind = Literal["empty", "unreachable", "lacking", "overlap"]


@dataclass(frozen=True, slots=True)
class Move:
    """A change of the order that would help: a group before another, by the keys of a variant of each, and in words."""

    key: str
    before: str
    words: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth a look."""

    kind: Kind
    words: str
    detail: str
    key: str  # of the variant it is about
    move: Move | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """How the groups of a draft stand to one another; without counts, what their filters tell by themselves."""

    names: tuple[str, ...]  # of the groups, in order
    lines: tuple[Line, ...] = ()
    counted: Counted | None = None
    is_uncounted: bool = False  # it took longer than somebody waits
    findings: list[Finding] = field(default_factory=list)


def of(version: Version, *, now: datetime) -> Order:
    """Return how a draft's groups stand to one another. Raises InvalidRule and SegmentCycle as its segments do."""
    spec, said = arms.load(version), _Said.of(version)
    names = tuple(said.group(group) for group in spec.groups)
    found, is_uncounted = None, False
    if len(spec.groups) + bool(spec.default) > 1:  # one alone stands in nobody's way
        try:
            found = overlaps.counted(version, now=now)
        except TooSlow:
            is_uncounted = True
    lines = tuple(found.line(index) for index in range(len(names))) if found else ()
    findings = [*_Look(spec, said, found if found and found.total else None).findings()]
    return Order(names, lines, found, is_uncounted, findings)


def checks(version: Version, *, now: datetime) -> Iterator[Check]:
    """Yield the same for the review before a launch, as warnings."""
    for found in of(version, now=now).findings:
        yield Check("warn", found.words, "message", found.detail, found.key)


class _Said:
    """The names of variants."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    @classmethod
    def of(cls, version: Version) -> _Said:
        return cls({key: f"“{name}”" for key, name in version.variants.values_list("key", "name")})

    def group(self, group: Group) -> str:
        return " and ".join(self.names[way.key] for way in group.ways)


class _Look:
    """Goes over the groups once, by their filters and by the counts if there are any."""

    def __init__(self, spec: Spec, said: _Said, counted: Counted | None) -> None:
        self.spec, self.counted = spec, counted
        self.groups = spec.groups
        self.names = [said.group(group) for group in spec.groups]
        self.default = said.names[spec.default.key] if spec.default else ""

    def findings(self) -> Iterator[Finding]:
        idle = set()
        for index in range(len(self.groups)):
            if found := self._impossible(index) or self._shut_out(index) or self._counted_out(index):
                idle.add(index)
                yield found
        yield from self._default()
        for one, other in combinations(range(len(self.groups)), 2):
            if not idle & {one, other} and (found := self._overlap(one, other)):
                yield found

    def _key(self, index: int) -> str:
        return self.groups[index].ways[0].key

    def _impossible(self, index: int) -> Finding | None:
        name = precedence.contradiction(self.groups[index].where)
        if not name:
            return None
        words = f"No event can fit {self.names[index]}"
        detail = f"Its filters on {name} exclude each other. Change one of them."
        return Finding("empty", words, detail, self._key(index))

    def _shut_out(self, index: int) -> Finding | None:
        """By what the groups ask: an earlier one takes whatever this one could."""
        by = next((other for other in range(index) if self._shuts_out(other, index)), None)
        if by is None:
            return None
        line = self.counted.line(index) if self.counted else None
        fits = f"Whatever fits it fits {self.names[by]} too, which is tried first"
        counts = f": {self._count(line.fits)} so far" if line and line.fits else ""
        may_move = not self._shuts_out(index, by)
        return self._unreachable(index, [by], f"{fits}{counts}.", may_move)

    def _shuts_out(self, one: int, other: int) -> bool:
        first, then = self.groups[one], self.groups[other]
        return (
            (first.rule is None or first.rule == then.rule)
            and precedence.covers(first.where, then.where)
            and not first.all_needs
        )

    def _counted_out(self, index: int) -> Finding | None:
        if self.counted is None:
            return None
        line = self.counted.line(index)
        if not line.fits:
            return self._empty(index)
        if line.gets or line.control:
            return None
        if not self.counted.able(index):
            return self._lacking(index, line)
        takers = [
            f"{self._count(people)} {_verb(people, 'get')} {self.names[by]}"
            for by, people in line.before.items()
        ]
        lacking = (
            f", and {self._count(line.lacks)} {_verb(line.lacks, 'lack')} what it needs" if line.lacks else ""
        )
        detail = f"Of {self._count(line.fits)} that fit it, {listed(takers, 'and')} first{lacking}."
        if len(takers) == 1 and not lacking:
            detail = (
                f"All {self._count(line.fits)} that fit it get {self.names[next(iter(line.before))]} first."
            )
        return self._unreachable(index, list(line.before), detail, self._would_help(index, list(line.before)))

    def _empty(self, index: int) -> Finding:
        assert self.counted
        if self.counted.event:
            words = f"Nothing fits {self.names[index]}"
            detail = f"None of the last {self._count(self.counted.total)} does. Check whom it is for, and its filters."
        else:
            words = f"{self.names[index]} is for nobody"
            detail = (
                f"None of the {self._count(self.counted.total)} to be reached fits it. Widen whom it is for."
            )
        return Finding("empty", words, detail, self._key(index))

    def _lacking(self, index: int, line: Line) -> Finding:
        needs = ", ".join(self.groups[index].all_needs)
        detail = f"All {self._count(line.fits)} that fit it lack what its words need: {needs}. Give them a default."
        return Finding("lacking", f"Nobody gets {self.names[index]}", detail, self._key(index))

    def _unreachable(self, index: int, takers: list[int], detail: str, may_move: bool) -> Finding:
        name, first = self.names[index], takers[0]
        narrow = " and ".join(self.names[by] for by in takers)
        move = None
        if may_move:
            move = Move(self._key(index), self._key(first), f"Move {name} before {self.names[first]}")
        advice = f"{move.words}, or narrow {narrow}." if move else f"Narrow {narrow}, or remove {name}."
        return Finding("unreachable", f"Nobody gets {name}", f"{detail} {advice}", self._key(index), move)

    def _would_help(self, index: int, takers: Sequence[int]) -> bool:
        """Whether the group would get somebody before the first of its takers, and they still would."""
        assert self.counted
        rest = [each for each in range(len(self.groups)) if each != index]
        at = rest.index(takers[0])
        taken = self.counted.taken([*rest[:at], index, *rest[at:]])
        return all(taken[each] for each in (index, *takers))

    def _default(self) -> Iterator[Finding]:
        if self.spec.default is None:
            return
        for group, name in zip(self.groups, self.names, strict=True):
            if group.rule is None and group.where is None and not group.all_needs:
                words = f"Nobody gets {self.default}, the default"
                detail = f"{name} takes everybody. Say whom {name} is for, or remove {self.default}."
                yield Finding("unreachable", words, detail, self.spec.default.key)
                return

    def _overlap(self, one: int, other: int) -> Finding | None:
        """Where a group takes what fits a later one as well; one that lies wholly in the later is as it should be."""
        if self.counted is None:
            return None
        both = self.counted.both(one, other)
        if not both or both == self.counted.line(one).fits:
            return None
        first, then = self.names[one], self.names[other]
        move = Move(self._key(other), self._key(one), f"Move {then} before {first}")
        detail = f"They get {first}, which is tried first. If they should get {then}: move it before {first}."
        return Finding(
            "overlap",
            f"{self._count(both)} {_verb(both, 'fit')} both {first} and {then}",
            detail,
            self._key(other),
            move,
        )

    def _count(self, number: int) -> str:
        assert self.counted
        if self.counted.event:
            return f"{number:,} “{self.counted.event}”"
        return f"{number:,} {'person' if number == 1 else 'people'}"


def _verb(number: int, verb: str) -> str:
    return f"{verb}s" if number == 1 else verb
