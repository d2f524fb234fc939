"""How an audience falls out over the arms, counted set-wise: what ``arms.choose`` says of each, said of all at once.

Where a variant asks about the event that sets it off, nobody knows yet which: those it may take are counted apart.
Entries of earlier launches are not looked at, so a relaunch with other weights may differ by those who keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import product
from typing import Any

from django.db import connection

from audiences import buckets, past
from audiences.facts import FOR_TEMPLATES
from audiences.rules import event_sql, sql
from audiences.rules.fragments import Fragment
from audiences.rules.scope import Scope
from campaigns import channels, languages
from campaigns.arms import Group, Rule, Spec
from campaigns.liquid.values import EACH, Key, parsed, unmet
from campaigns.speakers import Speakers

_ENTRIES = r"""(SELECT jsonb_array_elements(CASE jsonb_typeof(found) WHEN 'array' THEN found
    WHEN 'object' THEN (SELECT jsonb_agg(jsonb_build_array(key, value)) FROM jsonb_each(found))
    WHEN 'string' THEN CASE WHEN found #>> '{{}}' ~ '\S' THEN jsonb_build_array(found) END END)
    FROM (SELECT {found} AS found) j)"""
"""What a loop goes over, as ``liquid.values.entries`` has it; no row where there is nothing."""

NOBODYS, DEPENDS = -1, -2  # in place of a variant's index


@dataclass(frozen=True, slots=True)
class Counts:
    """People at one moment. ``control`` + all of ``arms`` + ``depends`` + ``left_out`` is ``reachable``."""

    audience: int = 0
    reachable: int = 0  # has an address on the channel, and may be sent to
    control: int = 0
    arms: dict[str, int] = field(default_factory=dict)  # variant's key -> people
    left_out: int = 0  # no variant takes them: they lack data, or no rule is theirs
    lacking: dict[str, int] = field(default_factory=dict)  # need -> reachable people without it
    depends: int = 0  # which variant they get, if any, only the event will say
    languages: dict[str, int] = field(
        default_factory=dict
    )  # of ``arms``: language they get -> people; empty where each variant is written in one

    @property
    def sent(self) -> int:
        """Those who get a message, at the most."""
        return sum(self.arms.values()) + self.depends

    @property
    def by_language(self) -> list[tuple[str, int]]:
        """The languages by name, with the people who get each; the most first."""
        named = [(languages.name(tag), people) for tag, people in self.languages.items()]
        return sorted(named, key=lambda pair: -pair[1])

    @property
    def unreachable(self) -> int:
        return self.audience - self.reachable

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def count(
    spec: Spec,
    *,
    rule: Rule,
    channel: str,
    is_marketing: bool,
    tenant_id: int,
    shared: Mapping[str, Any],
    now: datetime,
) -> Counts:
    """Return how many of those the rule finds fall to each arm. One statement; ``rule`` is a resolved one.

    ``shared`` is the templates' shared context: what of it a message needs is there for all or for none.
    """
    speakers = Speakers.among(spec, rule, tenant_id=tenant_id, now=now)
    judge = Judge(tenant_id=tenant_id, shared=shared, now=now, speakers=speakers)
    written = speakers.written(spec, channel)
    needs = speakers.needs(spec.groups)
    reachable = channels.get(channel).reachable_sql("p", is_marketing=is_marketing)
    columns = [f"{reachable} AS reachable", f"{judge.control(spec)} AS control", f"{judge.arm(spec)} AS arm"]
    columns += [
        f"{judge.has_if_asked(need, asked)} AS has_{n}" for n, (need, asked) in enumerate(needs.items())
    ]
    columns += [f"{judge.speaks()} AS speaks"]
    # OFFSET 0 keeps each column computed once a person, not once a figure.
    statement = f"""
SELECT {", ".join(_figures(spec, len(needs), written.values()))} FROM (
    SELECT {", ".join(columns)}
    FROM audiences_profile p
    WHERE p.tenant_id = {judge.value(tenant_id)} AND {judge.is_meant(rule)}
    OFFSET 0
) judged"""
    with connection.cursor() as cursor:
        cursor.execute(statement, judge.params)
        row = iter(cursor.fetchone())
    return Counts(
        audience=next(row),
        reachable=next(row),
        control=next(row),
        left_out=next(row),
        depends=next(row),
        arms={way.key: next(row) for way in spec.ways},
        lacking={need: next(row) for need in needs},
        languages={language: next(row) for language in written},
    )


def _figures(spec: Spec, needs: int, written: Iterable[list[tuple[int, int]]]) -> list[str]:
    def of(condition: str) -> str:
        return f"count(*) FILTER (WHERE reachable AND {condition})"

    return [
        "count(*)",
        of("true"),
        of(f"control AND arm <> {NOBODYS}"),
        of(f"arm = {NOBODYS}"),
        of(f"NOT control AND arm = {DEPENDS}"),
        *(of(f"NOT control AND arm = {index}") for index, _ in enumerate(spec.ways)),
        *(of(f"NOT has_{index}") for index in range(needs)),
        *(
            of("NOT control AND (" + " OR ".join(f"(arm, speaks) = {pair}" for pair in pairs) + ")")
            for pairs in written
        ),
    ]


class Judge:
    """Writes conditions on the profile ``p``, and keeps their parameters in the order they are written.

    Where ``ids`` are given, only they are asked about.
    """

    def __init__(
        self,
        *,
        tenant_id: int,
        shared: Mapping[str, Any],
        now: datetime,
        speakers: Speakers,
        event: str = "",  # the column with an event's properties, where each row has one
        ids: list[int] | None = None,
    ) -> None:
        self.tenant_id = tenant_id
        self.event = event
        self.ids = ids
        self.speakers = speakers
        self.shared = shared
        self.now = now
        self.params: list[Any] = []

    def value(self, value: Any) -> str:
        self.params.append(value)
        return "%s"

    def embed(self, query: sql.Query) -> str:
        self.params.extend(query.params)
        return query.sql

    def fragment(self, part: Fragment) -> str:
        self.params.extend(part.params)
        return part.text

    def control(self, spec: Spec) -> str:
        return f"({self._bucket(spec.control_salt)} < {spec.control_percent * 100})"

    def arm(self, spec: Spec) -> str:
        """The index in ``spec.ways`` of the variant that takes the profile, or NOBODYS, or DEPENDS on the event."""
        indexes = {way.key: index for index, way in enumerate(spec.ways)}
        otherwise = indexes[spec.default.key] if spec.default else NOBODYS
        if not spec.groups:
            return str(otherwise)
        cases = [
            f"WHEN {self.takes(group)} THEN {self._share(group, spec, indexes)}" for group in spec.groups
        ]
        return f"CASE {' '.join(cases)} ELSE {otherwise} END"

    def takes(self, group: Group) -> str:
        return f"{self.lacks_nothing(group)} AND {self.fits(group)}"

    def fits(self, group: Group) -> str:
        """Whether a group is for the profile, and for its event if there is one."""
        conditions = []
        if group.rule is not None:
            conditions.append(self.is_meant(group.rule))
        if group.where is not None and self.event:
            filters = sql.properties(group.where, document=self.event, now=self.now)
            conditions.append(f"coalesce({self.embed(filters)}, false)")
        return " AND ".join(conditions) or "true"

    def lacks_nothing(self, group: Group) -> str:
        """Whether the profile has what a group's words need."""
        asked = self.speakers.needs([group])
        return " AND ".join(self.has_if_asked(need, kinds) for need, kinds in asked.items()) or "true"

    def is_meant(self, rule: Rule) -> str:
        """Whether a rule, a resolved one, finds the profile."""
        members = sql.members(rule, tenant_id=self.tenant_id, now=self.now, ids=self.ids)
        return f"p.id IN ({self.embed(members)})"

    def _share(self, group: Group, spec: Spec, indexes: Mapping[str, int]) -> str:
        if group.where is not None:
            return str(DEPENDS)
        if len(group.ways) == 1:
            return str(indexes[group.ways[0].key])
        cases = " ".join(
            f"WHEN {self._bucket(spec.share_salt)} < {end} THEN {indexes[way.key]}"
            for way, end in zip(group.ways, group.ends, strict=True)
        )
        return f"CASE {cases} END"

    def _bucket(self, salt: int) -> str:
        return buckets.SQL.format("p.id", self.value(salt))

    def speaks(self) -> str:
        """The index of the profile's kind of speakers."""
        cases = [
            f"WHEN p.language = ANY({self.value(list(kind))}::text[]) THEN {index}"
            for index, kind in enumerate(self.speakers.kinds)
            if index
        ]
        return f"CASE {' '.join(cases)} ELSE 0 END" if cases else "0"

    def has_if_asked(self, need: str, kinds: Sequence[int]) -> str:
        """Whether the profile meets a need, or is of none of the kinds of speakers that it is asked of."""
        if len(kinds) == len(self.speakers.kinds):
            return self.has(need)
        return f"({self.speaks()} NOT IN ({', '.join(map(str, kinds))}) OR {self.has(need)})"

    def has(self, need: str) -> str:
        """Whether the profile meets a need, as ``liquid.needs.unmet`` has it."""
        keys = parsed(need)
        if keys[0] == "event" and self.event and keys[1:]:
            return self._has_in(self.event, keys[1:])
        if keys == ["profile"] or (keys[0] == "event" and "event" in self.shared):
            return "true"  # of a triggered campaign: nobody knows yet what events will bring
        if keys[0] != "profile":
            return "false" if unmet([need], {**self.shared, "unsubscribe_url": "https://"}) else "true"
        if keys[1] == "events":
            return self._has_done(str(keys[2]), keys[3:])
        if keys[1] in FOR_TEMPLATES:
            column = f"p.{keys[1]}"
            return (
                self._has_in(f"to_jsonb({column})", keys[2:])
                if keys[2:]
                else rf"coalesce({column} ~ '\S', false)"
            )
        return self._has_in("p.attributes", keys[1:])

    def _has_done(self, key: str, keys: list[Key]) -> str:
        """A past event, or a value of the first or last of it."""
        (names,) = past.names([key], tenant_id=self.tenant_id).values()
        scope = Scope(self.tenant_id, self.now, self.ids)
        if not keys or keys[0] not in ("first", "last"):
            return f"p.id IN (SELECT u.profile_id FROM ({self.fragment(event_sql.ever(names, scope))}) u)"
        edges = event_sql.firsts if keys[0] == "first" else event_sql.lasts
        of_all = EACH in keys  # which also holds for those who have none
        edge = self.fragment(edges(names, scope))
        has = self._has_in("f.properties", keys[1:])
        found = f"SELECT f.profile_id FROM ({edge}) f WHERE {'NOT ' if of_all else ''}{has}"
        return f"p.id {'NOT ' if of_all else ''}IN ({found})"

    def _has_in(self, document: str, keys: list[Key]) -> str:
        """A path into JSON; ``first`` and ``last`` are a member of that name, else a list's ends."""
        if EACH in keys:
            at = keys.index(EACH)
            entries = _ENTRIES.format(found=self._found(document, keys[:at]))
            entry = f"e{len(keys)}"  # its own name in each of those inside one another
            has = self._has_in(f"{entry}.v", keys[at + 1 :])
            return f"NOT EXISTS (SELECT 1 FROM {entries} AS {entry}(v) WHERE NOT {has})"
        if keys and keys[-1] == "size" and (len(keys) > 1 or document != "p.attributes"):
            own = f"{self._found(document, keys)} IS NOT NULL"
            kind = f"jsonb_typeof({self._found(document, keys[:-1])})"
            return f"({own} OR coalesce({kind} IN ('string', 'array', 'object'), false))"
        return (
            "coalesce((SELECT CASE jsonb_typeof(found) WHEN 'null' THEN false"
            r" WHEN 'string' THEN found #>> '{}' ~ '\S' WHEN 'array' THEN EXISTS (SELECT 1 FROM"
            r" jsonb_array_elements(found) AS e(v) WHERE e.v <> 'null' AND (jsonb_typeof(e.v) <> 'string'"
            r" OR e.v #>> '{}' ~ '\S'))"
            f" WHEN 'object' THEN found <> '{{}}' ELSE true END"
            f" FROM (SELECT {self._found(document, keys)} AS found) j WHERE found IS NOT NULL), false)"
        )

    def _found(self, document: str, keys: list[Key]) -> str:
        ends = {"first": ["first", "0"], "last": ["last", "-1"]}
        paths = product(*(ends.get(str(key), [str(key)]) for key in keys))
        places = [f"{document} #> {self.value(list(path))}::text[]" for path in paths]
        return f"coalesce({', '.join(places)})"
