"""What languages an audience speaks, and which of its people are alike to a campaign written in some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from audiences import segments
from audiences.rules import sql
from campaigns.arms import Group, Rule, Spec, Way, Words


def spoken(
    rule: Rule,
    *,
    tenant_id: int,
    now: datetime,
    ids: list[int] | None = None,
    patience: timedelta | None = None,
) -> dict[str, int]:
    """Return how many of those a rule finds speak which language, the most first; empty where theirs is not known.

    ``ids`` keeps it to some people. Raises segments.TooSlow after ``patience``; without one it takes its time.
    """
    members = sql.members(rule, tenant_id=tenant_id, now=now, ids=ids)
    statement = f"""
SELECT coalesce(p.language, ''), count(*) FROM audiences_profile p
WHERE p.tenant_id = %s AND p.id IN ({members.sql}) GROUP BY 1 ORDER BY 2 DESC, 1"""
    with segments.patiently(patience) if patience else connection.cursor() as cursor:
        cursor.execute(statement, [tenant_id, *members.params])
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Speakers:
    """Languages put together into kinds for which every variant has the same words.

    The first kind is everybody who speaks none of the others' languages.
    """

    kinds: tuple[tuple[str, ...], ...]

    @classmethod
    def among(
        cls,
        spec: Spec,
        rule: Rule,
        *,
        tenant_id: int,
        now: datetime,
        ids: list[int] | None = None,
        patience: timedelta | None = None,
    ) -> Speakers:
        """Of those a rule finds. The database is asked only where words are translated; the rest as in ``spoken``."""
        asks = spec.is_translated
        return cls.of(
            spec, spoken(rule, tenant_id=tenant_id, now=now, ids=ids, patience=patience) if asks else {}
        )

    @classmethod
    def of(cls, spec: Spec, tags: Iterable[str]) -> Speakers:
        found: dict[tuple[Words | None, ...], list[str]] = {_all_words(spec, ""): []}
        for tag in tags:
            found.setdefault(_all_words(spec, tag), []).append(tag)
        return cls(tuple(tuple(kind) for kind in found.values()))

    def needs(self, groups: Sequence[Group]) -> dict[str, list[int]]:
        """Return what any of the groups needs -> the kinds of speakers it needs that of."""
        found: dict[str, list[int]] = {}
        for index, sample in enumerate(self._samples()):
            for need in dict.fromkeys(need for group in groups for need in group.needs(sample)):
                found.setdefault(need, []).append(index)
        return found

    def reading(self, way: Way, channel: str, language: str) -> list[int]:
        """Return the kinds of speakers who get a variant's words in a language, as ``Words.language`` has it."""
        gets = (way.content(channel, sample) for sample in self._samples())
        return [index for index, words in enumerate(gets) if words and words.language == language]

    def written(self, spec: Spec, channel: str) -> dict[str, list[tuple[int, int]]]:
        """Return language -> who gets it, as pairs of a variant's index and a kind; nothing if all is in one."""
        found: dict[str, list[tuple[int, int]]] = {}
        if not spec.is_translated:
            return found
        for index, sample in enumerate(self._samples()):
            for place, way in enumerate(spec.ways):
                if words := way.content(channel, sample):
                    found.setdefault(words.language or way.language, []).append((place, index))
        return found

    def _samples(self) -> list[str]:
        """A language of each kind."""
        return ["", *(kind[0] for kind in self.kinds[1:])]


def _all_words(spec: Spec, tag: str) -> tuple[Words | None, ...]:
    """What every variant has on every channel for who speaks a language."""
    kinds = dict.fromkeys(words.channel for way in spec.ways for words in way.contents)
    return tuple(way.content(kind, tag) for way in spec.ways for kind in kinds)
