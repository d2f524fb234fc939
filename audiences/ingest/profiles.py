"""What a batch changes about the people in it: attributes, consent, and when they were last seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from audiences import attributes, consent, returning
from audiences.ingest.calls import EMAIL, Call, Origin
from audiences.ingest.clocks import may_count
from audiences.ingest.people import People, Person
from audiences.models import Profile
from audiences.presence import Fix
from audiences.signals import AttributeChange
from tenants import binary

COLUMNS = tuple(attributes.STANDARD)  # external_id, email, ...
TYPES = {"latitude": "float8", "longitude": "float8"}
_NAMES = ", ".join(COLUMNS)
_FIELDS = f"id, created_at, attributes_at, located_at, last_seen_at, attributes, consent, {_NAMES}"
# New people and known ones alike; it looks each up in the index, where an UPDATE may be planned to read all people.
WRITE = f"""
INSERT INTO audiences_profile AS p (tenant_id, {_FIELDS})
SELECT %s, s.id, s.created_at, s.attributes_at, s.located_at, s.last_seen_at, s.attributes::jsonb, s.consent::jsonb,
    {", ".join(f"s.{name}" for name in COLUMNS)}
FROM unnest(%b::bigint[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[],
    %b::text[], %b::text[],
    {", ".join(f"%b::{TYPES.get(name, 'text')}[]" for name in COLUMNS)}) s({_FIELDS})
ON CONFLICT (id) DO UPDATE SET
    created_at = EXCLUDED.created_at, attributes_at = EXCLUDED.attributes_at, located_at = EXCLUDED.located_at,
    last_seen_at = EXCLUDED.last_seen_at,
    attributes = EXCLUDED.attributes, consent = EXCLUDED.consent,
    {", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS)}
WHERE p.tenant_id = EXCLUDED.tenant_id
"""
_json = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Record:
    """A profile's row in memory, its attributes flat by name."""

    id: int
    created_at: datetime
    values: dict[str, Any]
    attributes_at: datetime | None
    consent: dict[str, str]
    last_seen_at: datetime | None
    located_at: datetime | None = None


class Profiles:
    """The profiles of one batch, locked by its ``People``."""

    def __init__(
        self, *, tenant_id: int, people: People, seen: dict[Person, datetime], origin: Origin, now: datetime
    ) -> None:
        self._tenant_id = tenant_id
        self._people = people
        self._seen = seen
        self._origin = origin
        self._now = now
        self.changes: list[AttributeChange] = []
        self.fixes: list[Fix] = []  # where people were, in order of time
        self._consents: list[consent.Change] = []
        self._said_at: dict[tuple[int, str], datetime] = {}
        self._first_met: dict[Person, datetime] = {}
        self._returned: dict[returning.Address, returning.Remembered] = {}
        self._suppressed: dict[returning.Address, str] = {}

    def update(self, calls: list[Call], *, meanwhile: Callable[[], object]) -> None:
        """Merge what ``calls`` state, oldest first, and write every row that changes once, ``meanwhile`` that.

        A call older than a profile's newest merge only fills what is missing. ``changes`` then holds what changed.
        Raises Moved.
        """
        telling = [call for call in calls if self._tells(call)]
        self._first_met = _first_met(calls) if self._people.new else {}
        records = self._records(telling)
        for loser, winner in self._people.merges:
            self._absorb(records.pop(loser.id), records[winner.final().id])
        self._returned = returning.look(self._tenant_id, _new_addresses(telling, records))
        self._said_at = self._last_said(telling, records)
        for call in sorted(telling, key=lambda call: call.at):
            self._apply(call, records[call.person.id])
        self._check_addresses(telling)
        self._write(list(records.values()), meanwhile)
        consent.note(self._tenant_id, self._consents)
        returning.suppress(self._tenant_id, self._suppressed, now=self._now)

    def _tells(self, call: Call) -> bool:
        """Whether the call may change more than when its person was last seen."""
        if call.stated or call.consent or call.located:
            return True
        if not call.suggested:
            return False
        zone, language = self._people.surroundings.get(call.person.id, (None, None))
        return (zone is None and "timezone" in call.suggested) or (
            language is None and "language" in call.suggested
        )

    def _records(self, telling: list[Call]) -> dict[int, Record]:
        renamed = self._people.renamed()
        people = renamed | {call.person for call in telling}
        for loser, winner in self._people.merges:
            people |= {loser, winner.final()}
        records = load(self._tenant_id, [person.id for person in people if not person.is_new])
        for person in self._people.new:
            first_met = self._first_met.get(person, self._now)
            records[person.id] = Record(person.id, first_met, {}, None, {}, self._seen.get(person))
        for person in renamed:
            records[person.id].values["external_id"] = person.external_id
        return records

    def _absorb(self, loser: Record, winner: Record) -> None:
        """What is known wins, but for where they were last; the other fills its gaps; the stricter consent holds."""
        if loser.located_at and (winner.located_at is None or winner.located_at < loser.located_at):
            located = {name: loser.values[name] for name in attributes.LOCATION & loser.values.keys()}
            self._note(
                winner.id, attributes.merge(winner.values, located, only_missing=False), f"merge:{loser.id}"
            )
            winner.located_at = loser.located_at
        gained = {name: value for name, value in loser.values.items() if name != "external_id"}
        self._note(winner.id, attributes.merge(winner.values, gained, only_missing=True), f"merge:{loser.id}")
        winner.attributes_at = max(filter(None, (winner.attributes_at, loser.attributes_at)), default=None)
        winner.last_seen_at = max(filter(None, (winner.last_seen_at, loser.last_seen_at)), default=None)
        winner.created_at = min(winner.created_at, loser.created_at)
        both = consent.stricter(winner.consent, loser.consent)
        for subject, standing in loser.consent.items():
            if (
                winner.consent.get(subject) != standing
            ):  # the latest proof says what holds, whoever said it when
                self._consents.append(
                    consent.Change(winner.id, subject, both[subject], self._now, "two profiles became one")
                )
        winner.consent = both

    def _apply(self, call: Call, record: Record) -> None:
        if call.stated:
            is_older = self._is_older(call.at, record.attributes_at)
            changes = attributes.merge(record.values, call.stated, only_missing=is_older)
            self._note(record.id, changes, call.call_id)
            self._heed(record, changes)
            record.attributes_at = record.attributes_at if is_older else call.at
        if call.located:
            self._locate(call, record)
        if call.suggested:
            changes = attributes.merge(record.values, call.suggested, only_missing=True)
            self._note(record.id, changes, call.call_id)
        if call.consent and self._origin is Origin.IMPORT:  # a file never takes back what a person said
            self._consent(record, consent.stricter(record.consent, call.consent), "import")
        elif call.consent:
            self._state(call, record, call.consent)

    def _is_older(self, at: datetime, newest: datetime | None) -> bool:
        return newest is not None and at < newest and may_count(newest, now=self._now)

    def _heed(self, record: Record, changes: list[tuple[str, Any, Any]]) -> None:
        """What was refused under an address, before whoever had it was erased, is refused again."""
        for name, _, new in changes:
            remembered = self._returned.get((name, new.lower())) if isinstance(new, str) else None
            if remembered is None:
                continue
            refused = dict.fromkeys(remembered.refused, Profile.Standing.UNSUBSCRIBED.value)
            self._consent(
                record, consent.stricter(record.consent, refused), "refused before they were erased"
            )
            if remembered.reason:
                self._suppressed[name, new.lower()] = remembered.reason

    def _locate(self, call: Call, record: Record) -> None:
        """Put somebody where a call says they were, unless they were elsewhere since."""
        is_older = self._is_older(call.at, record.located_at)
        changes = attributes.merge(record.values, call.located or {}, only_missing=is_older)
        self._note(record.id, changes, call.call_id)
        if is_older:
            return
        record.located_at = call.at
        told = call.located or {}
        if told.get("latitude") is not None:
            accuracy = told.get("location_accuracy")
            self.fixes.append(Fix(record.id, call.at, told["latitude"], told["longitude"], _metres(accuracy)))

    def _note(self, profile_id: int, changes: list[tuple[str, Any, Any]], call_id: str) -> None:
        self.changes += [AttributeChange(profile_id, name, old, new, call_id) for name, old, new in changes]

    def _last_said(self, calls: list[Call], records: dict[int, Record]) -> dict[tuple[int, str], datetime]:
        """Return when those who are told to say something else now last spoke, also as whom they are merged with."""
        if self._origin is Origin.IMPORT:
            return {}
        ids = {
            call.person.id
            for call in calls
            if call.consent and not call.consent.items() <= records[call.person.id].consent.items()
        }
        merged = {loser.id: winner.final().id for loser, winner in self._people.merges}
        said: dict[tuple[int, str], datetime] = {}
        theirs = ids | {loser for loser, winner in merged.items() if winner in ids}
        for (id_, subject), last in consent.last_words(self._tenant_id, theirs).items():
            key = merged.get(id_, id_), subject
            said[key] = max(last.at, said.get(key, last.at))
        return said

    def _state(self, call: Call, record: Record, stated: dict[str, str]) -> None:
        """What somebody said since holds, unless a call that tells of before is stricter."""
        for subject, standing in stated.items():
            if self._is_older(call.at, self._said_at.get((record.id, subject))):
                self._consent(record, consent.stricter(record.consent, {subject: standing}), "API")
            else:
                at = min(call.at, self._now)
                self._consent(record, record.consent | {subject: standing}, "API", at=at)

    def _consent(
        self, record: Record, standings: dict[str, str], origin: str, *, at: datetime | None = None
    ) -> None:
        for subject, standing in standings.items():
            if record.consent.get(subject) != standing:
                self._consents.append(consent.Change(record.id, subject, standing, at or self._now, origin))
        record.consent = standings

    # --- Writing ---------------------------------------------------------------------------------
    def _check_addresses(self, telling: list[Call]) -> None:
        """An address that somebody takes up again has to find them: they may have left it while we looked."""
        stated = {email.lower() for call in telling if call.stated and (email := call.stated.get("email"))}
        new = {change.new.lower() for change in self.changes if change.attribute == "email" and change.new}
        self._people.check_found((EMAIL, address) for address in stated & new)

    def _write(self, records: list[Record], meanwhile: Callable[[], object]) -> None:
        if records:
            self._forget_addresses(records)
            with binary.together():
                binary.send(WRITE, [self._tenant_id, *_given(records)])
                meanwhile()

    def _forget_addresses(self, records: list[Record]) -> None:
        """An address that a person has left no longer finds them."""
        kept = {record.id: record.values.get("email") for record in records}
        left = {
            change.old.lower()
            for change in self.changes
            if change.attribute == "email" and change.old and change.profile_id in kept
        } - {email.lower() for email in kept.values() if email}
        if left:
            sql = """DELETE FROM audiences_identity WHERE tenant_id = %s AND kind = 'email'
                     AND value = ANY(%b::text[]) AND profile_id = ANY(%b::bigint[])"""
            binary.run(sql, [self._tenant_id, sorted(left), list(kept)])


def _new_addresses(telling: list[Call], records: dict[int, Record]) -> set[returning.Address]:
    return {
        (kind, address.lower())
        for call in telling
        if call.stated
        for kind in returning.KINDS
        if (address := call.stated.get(kind)) and records[call.person.id].values.get(kind) != address
    }


def _metres(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _first_met(calls: list[Call]) -> dict[Person, datetime]:
    first: dict[Person, datetime] = {}
    for call in calls:
        first[call.person] = min(first.get(call.person, call.at), call.at)
    return first


def _given(records: list[Record]) -> list[list[Any]]:
    return [
        [record.id for record in records],
        [record.created_at for record in records],
        [record.attributes_at for record in records],
        [record.located_at for record in records],
        [record.last_seen_at for record in records],
        [_json(attributes.nested(record.values)).decode() for record in records],
        [_json(record.consent).decode() for record in records],
        *([record.values.get(name) for record in records] for name in COLUMNS),
    ]


def load(tenant_id: int, ids: Iterable[int]) -> dict[int, Record]:
    """Return the rows of profiles as records, by id."""
    sql = f"""SELECT {_FIELDS}
              FROM audiences_profile WHERE tenant_id = %s AND id = ANY(%b::bigint[])"""
    asked = list(ids)
    rows = binary.run(sql, [tenant_id, asked]) if asked else []
    records = {}
    for id_, created_at, attributes_at, located_at, last_seen_at, custom, standing, *columns in rows:
        values = attributes.flat(dict(zip(COLUMNS, columns, strict=True)), _object(custom))
        records[id_] = Record(
            id_, created_at, values, attributes_at, _object(standing), last_seen_at, located_at
        )
    return records


def _object(value: Any) -> dict[str, Any]:
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value
