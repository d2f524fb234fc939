"""Who is meant: the identities in a batch become people, found, made, or recognised as one and the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from audiences.ingest import remembered
from audiences.ingest.calls import ANONYMOUS_ID, EXTERNAL_ID, Call, Key, Origin
from tenants import binary
from tenants.strict import Refused

# An upsert that never inserts: an UPDATE would lock in whatever order its plan has, and its plan may read all people.
# Should somebody have been deleted meanwhile, the row it makes says so and is rolled back.
NOBODY = "00000000-0000-0000-0000-000000000000"
LOCK = f"""
INSERT INTO audiences_profile AS p (id, tenant_id, public_id, last_seen_at)
SELECT s.id, %s, '{NOBODY}', s.at FROM unnest(%b::bigint[], %b::timestamptz[]) s(id, at) ORDER BY s.id
ON CONFLICT (id) DO UPDATE SET last_seen_at = GREATEST(p.last_seen_at, EXCLUDED.last_seen_at)
WHERE p.tenant_id = EXCLUDED.tenant_id AND p.merged_into_id IS NULL AND p.erased_at IS NULL
RETURNING CASE WHEN p.public_id <> '{NOBODY}' THEN p.id END, p.external_id, p.timezone, p.language
"""


class Moved(Exception):
    """Somebody else changed who is who while we looked; look again."""


class Person(msgspec.Struct, eq=False, gc=False):
    """A profile as one batch sees it. Known: it has an external id."""

    id: int  # 0 until a new one is numbered
    external_id: str | None = None
    is_new: bool = False
    is_named: bool = False  # its external id came with this batch
    merged_into: Person | None = None

    def final(self) -> Person:
        person = self
        while person.merged_into:
            person = person.merged_into
        return person


class People:
    """The people of one batch: ``ask`` who is known, ``resolve`` in memory, ``claim`` writes, and ``lock``.

    What ``ask`` and ``lock`` send is answered after the block of ``binary.together`` that they stand in.
    """

    def __init__(self, *, tenant_id: int, origin: Origin) -> None:
        self._tenant_id = tenant_id
        self._origin = origin
        self._recalled: dict[Key, int] = {}  # not asked for: whom they meant the last time
        self._asked: list[tuple[list[Key], binary.Answer]] = []
        self._locked: binary.Answer | None = None
        self._rows: list[tuple[Any, ...]] = []  # of those locked
        self._by_key: dict[Key, Person] = {}
        self._assumed: dict[int, str | None] = {}  # external ids that decisions rest on
        self._added: dict[Key, Person] = {}
        self.merges: list[tuple[Person, Person]] = []  # (loser, winner), both stored before
        self.new: list[Person] = []
        self._to_lock: list[Person] = []

    def ask(self, calls: list[Call]) -> None:
        """Recall or send for those whom the identities in ``calls`` find; again for further calls."""
        keys = {key for call in calls for key in call.who}
        for call in calls:
            if call.previous:
                keys |= {(EXTERNAL_ID, call.previous), (ANONYMOUS_ID, call.previous)}
        recalled = remembered.recall(self._tenant_id, keys)
        self._recalled |= recalled
        asked = [key for key in keys if key not in recalled]
        if asked:
            self._asked.append((asked, _ask(self._tenant_id, asked)))

    def resolve(self, calls: list[Call]) -> list[tuple[Call, Refused]]:
        """Give every call its person, whoever it was merged into, and return those that cannot have one and why."""
        self._find(calls)
        refused = []
        for call in calls:
            try:
                person = self._by_key.get(call.who[0]) if len(call.who) == 1 and not call.previous else None
                call.person = person or self._person(call)
            except Refused as error:
                refused.append((call, error))
        for call in calls:
            if call.person and call.person.merged_into:
                call.person = call.person.final()
        return refused

    def claim(self) -> None:
        """Number new people and write new identities. Raises Moved if others did meanwhile."""
        self._number()
        self._write_identities()

    def lock(self, seen: dict[Person, datetime]) -> None:
        """Send for the locks of those stored before, in id order, and note when they were last seen."""
        self._to_lock = [person for person in {*self._by_key.values()} if not person.is_new]
        if self._to_lock:
            ids = binary.bigints(person.id for person in self._to_lock)
            moments = binary.moments(map(seen.get, self._to_lock))
            self._locked = binary.send(LOCK, [self._tenant_id, ids, moments])

    def check_locked(self) -> None:
        """Raise Moved if what was decided no longer holds.

        Rolling back lets go of the locks, so that another attempt takes them in order again.
        """
        self._rows = self._locked.rows() if self._locked else []
        external_ids = {id_: external for id_, external, _, _ in self._rows}
        external_ids.pop(None, None)
        self._check_recalled(external_ids)
        if len(external_ids) != len(self._to_lock):
            raise Moved
        if any(external_ids.get(id_, external) != external for id_, external in self._assumed.items()):
            raise Moved
        if len(self._recalled) < len(external_ids):  # else all of them are
            remembered.learn(self._tenant_id, external_ids.items())

    @cached_property
    def surroundings(self) -> dict[int, tuple[str | None, str | None]]:
        """The time zone and language of those locked, by id."""
        return {id_: (timezone, language) for id_, _, timezone, language in self._rows}

    def forget_recalled(self) -> None:
        """Ask for them the next time: one of them may be the reason why this batch failed."""
        remembered.forget(self._tenant_id, self._recalled)

    def _check_recalled(self, external_ids: dict[int, str | None]) -> None:
        """Raise Moved if some of those recalled, now locked, are not meant any more."""
        wrong = [key for key, id_ in self._recalled.items() if external_ids.get(id_) != key[1]]
        if wrong:
            remembered.forget(self._tenant_id, wrong)
            raise Moved

    def check_found(self, keys: Iterable[Key]) -> None:
        """Raise Moved if these no longer find whom they found, of those that this batch did not add; once locked."""
        found = [key for key in keys if key not in self._added]
        if found and find(self._tenant_id, found) != {key: self._by_key[key].id for key in found}:
            raise Moved

    def renamed(self) -> set[Person]:
        """Those whose external id this batch brought."""
        return {person.final() for person in [*self._by_key.values(), *self.new] if person.final().is_named}

    def _find(self, calls: list[Call]) -> None:
        ids = dict(self._recalled)
        for asked, answer in self._asked:
            ids |= _answered(asked, answer)
        people = {id_: Person(id_) for id_ in set(ids.values())}
        self._by_key = {key: people[id_] for key, id_ in ids.items()}
        self._learn_external_ids(calls)

    def _learn_external_ids(self, calls: list[Call]) -> None:
        """Where one call names several people, or one under a new name, who is known decides."""
        unclear = set()
        for call in calls:
            if len(call.who) > 1 or call.previous:
                keys = [*call.who, (EXTERNAL_ID, call.previous), (ANONYMOUS_ID, call.previous)]
                unclear |= {person.id for key in keys if (person := self._by_key.get(key))}
        if unclear:
            rows = binary.run(
                "SELECT id, external_id FROM audiences_profile WHERE tenant_id = %s AND id = ANY(%b::bigint[])",
                [self._tenant_id, list(unclear)],
            )
            self._assumed = dict(rows)
            for person in set(self._by_key.values()):
                person.external_id = self._assumed.get(person.id)

    def _person(self, call: Call) -> Person:
        self._may_alias(call)
        person = self._decided(call.who)
        for key in call.who:
            other = self._at(key)
            if other is None:
                self._attach(key, person)
            elif other is not person and not other.external_id:
                person = self._unite(other, person)
            elif other is not person and not person.external_id and self._trusts(call.who[0], other):
                person = self._unite(person, other)
        if not call.previous:
            return person
        previous = self._previous(call)
        if previous is None:
            self._attach((ANONYMOUS_ID, call.previous), person)
            return person
        return person if previous is person else self._unite(previous, person)

    def _decided(self, keys: tuple[Key, ...]) -> Person:
        """Return whom the first key means, or, if it is new, whom the others allow it to mean."""
        if person := self._at(keys[0]):
            return person
        candidates = (other for key in keys[1:] if (other := self._at(key)))
        allowed = (other for other in candidates if not other.external_id or self._trusts(keys[0], other))
        person = next(allowed, None)
        if person is None:
            person = Person(0, is_new=True)
            self.new.append(person)
        self._attach(keys[0], person)
        return person

    def _trusts(self, first: Key, other: Person) -> bool:
        """A browser that merely states a known person's address is not yet that person."""
        return first[0] != EXTERNAL_ID and self._origin is not Origin.BROWSER

    def _may_alias(self, call: Call) -> None:
        previous = self._previous(call) if call.previous and self._origin is Origin.BROWSER else None
        if previous and previous.external_id and previous is not self._at(call.who[0]):
            raise Refused("previousId", "names a known person; merging two takes a secret key")

    def _previous(self, call: Call) -> Person | None:
        return self._at((ANONYMOUS_ID, call.previous)) or self._at((EXTERNAL_ID, call.previous))

    def _at(self, key: Key) -> Person | None:
        person = self._by_key.get(key)
        return person.final() if person else None

    def _attach(self, key: Key, person: Person) -> None:
        self._by_key[key] = self._added[key] = person
        if key[0] == EXTERNAL_ID and not person.external_id:
            person.external_id = key[1]
            person.is_named = True

    def _unite(self, loser: Person, winner: Person) -> Person:
        """Make two one. Known outlives unknown, stored outlives new, older outlives younger."""
        if winner.is_new and not loser.is_new:
            loser.is_named = loser.is_named or winner.is_named
            loser.external_id = winner.external_id or loser.external_id
            loser, winner = winner, loser
        elif not winner.external_id and not winner.is_new and loser.id < winner.id and not loser.is_new:
            loser, winner = winner, loser
        loser.merged_into = winner
        if not loser.is_new:
            self.merges.append((loser, winner))
        return winner

    def _number(self) -> None:
        self.new = [person for person in self.new if not person.merged_into]
        if self.new:
            sql = "SELECT nextval('audiences_profile_id_seq') FROM generate_series(1, %b::int)"
            for person, (id_,) in zip(self.new, binary.run(sql, [len(self.new)]), strict=True):
                person.id = id_

    def _write_identities(self) -> None:
        if not self._added:
            return
        keys = sorted(
            self._added
        )  # in order: two batches that add the same ones wait, and never for each other
        sql = """INSERT INTO audiences_identity (tenant_id, kind, value, profile_id)
                 SELECT %s, k.* FROM unnest(%b::text[], %b::text[], %b::bigint[]) k
                 ON CONFLICT DO NOTHING RETURNING 1"""
        kinds, values = [kind for kind, _ in keys], [value for _, value in keys]
        rows = binary.run(
            sql, [self._tenant_id, kinds, values, [self._added[key].final().id for key in keys]]
        )
        if len(rows) != len(keys):
            raise Moved


def find(tenant_id: int, keys: Iterable[Key]) -> dict[Key, int]:
    """Return the profile ids behind identities, for those that have one."""
    asked = list(keys)
    return _answered(asked, _ask(tenant_id, asked))


def _ask(tenant_id: int, keys: list[Key]) -> binary.Answer:
    # One look into the index for each, as LATERAL makes sure: a join may be planned to read all identities.
    sql = """SELECT k.place, i.profile_id FROM unnest(%b::text[], %b::text[]) WITH ORDINALITY k(kind, value, place)
             CROSS JOIN LATERAL (SELECT profile_id FROM audiences_identity
                                 WHERE tenant_id = %s AND kind = k.kind AND value = k.value LIMIT 1) i"""
    kinds, values = binary.texts(kind for kind, _ in keys), binary.texts(value for _, value in keys)
    return binary.send(sql, [kinds, values, tenant_id])


def _answered(asked: list[Key], answer: binary.Answer) -> dict[Key, int]:
    return {asked[place - 1]: id_ for place, id_ in answer.rows()}
