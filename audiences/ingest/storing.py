"""Storing a batch: receipts, people, attributes, events and totals in one transaction, each by a statement or two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from msgspec import Raw

from audiences import definitions, partitions
from audiences.ingest import events, merging, receipts, visits
from audiences.ingest.calls import Call, Context, Origin, Refusal
from audiences.ingest.people import Moved, People, Person
from audiences.ingest.profiles import Profiles
from audiences.ingest.reading import PART, Ahead, Parcel, Reading, places, read
from audiences.models import Receipt, RefusedCall
from audiences.signals import AttributeChange, Merge, RecordedEvent, events_recorded
from tenants import binary
from tenants.models import Tenant

ATTEMPTS = 12  # each fails only if somebody else got on with it meanwhile
HURRIED = 3  # of them; from then on those that failed go one at a time, so that they stop undoing each other
IN_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('tact ingest', %s))"
REFUSED_KEPT = 100  # of one parcel
REFUSED_SHOWN = 2_000  # characters of a refused call
AParcel = TypeVar("AParcel", bound=Parcel)


class TooMuchAtOnce(RuntimeError):
    """The same people kept changing under us; the batch was not stored and may be sent again."""


@dataclass(frozen=True, slots=True)
class Stored:
    accepted: int
    duplicates: int
    refused: list[Refusal]
    profiles_created: int = 0
    new: frozenset[int] = frozenset()  # the places of the calls that were accepted

    def of(self, where: range) -> Stored:
        """Return what became of the calls of one parcel, which has these places, as if it had come alone."""
        refused = [
            replace(refusal, index=refusal.index - where.start)
            for refusal in self.refused
            if refusal.index in where
        ]
        accepted = len(self.new.intersection(where))
        return Stored(accepted, len(where) - accepted - len(refused), refused)


def store(
    *,
    tenant: Tenant,
    calls: Iterable[Raw | bytes | dict[str, Any]],
    now: datetime,
    origin: Origin = Origin.SERVER,
    sent_at: datetime | None = None,
    context: Context | None = None,
) -> Stored:
    """Store a parcel's calls as ``store_all`` does."""
    return store_all([Parcel(list(calls), now, sent_at, context)], tenant=tenant, origin=origin)


def store_all(parcels: Sequence[Parcel], *, tenant: Tenant, origin: Origin) -> Stored:
    """Store calls of Segment's spec, each once, in one transaction; return what became of them.

    What is told of a call names its place (``places``). One that cannot be stored is refused alone and kept as a
    RefusedCall (not one of an import, which keeps its own). Sends ``events_recorded`` before it commits. Meant for up
    to 1,000 calls. Raises TooMuchAtOnce.
    """
    people = People(tenant_id=tenant.pk, origin=origin)
    # Of few calls, those whose people are remembered wait for nothing.
    with binary.together() if sum(len(parcel.calls) for parcel in parcels) > PART else nullcontext():
        reading = read(parcels, tenant=tenant, origin=origin, ask=people.ask)
    return _store(reading, people, tenant=tenant, origin=origin)


def store_each(
    parcels: Iterable[AParcel], *, tenant: Tenant, origin: Origin
) -> Iterator[tuple[AParcel, Stored]]:
    """Store one parcel after another as ``store_all`` does, each when it is asked for; yield what became of it.

    While the database writes one, the next is taken and read: ``parcels`` may be lazy, but must not use the database.
    What goes wrong with taking or reading one is raised in its turn.
    """
    ahead = Ahead((parcel, read([parcel], tenant=tenant, origin=origin)) for parcel in parcels)
    while upcoming := ahead.take():
        parcel, reading = upcoming
        people = People(tenant_id=tenant.pk, origin=origin)
        people.ask(reading.understood)
        yield parcel, _store(reading, people, tenant=tenant, origin=origin, meanwhile=ahead.look)


def _store(
    reading: Reading,
    people: People,
    *,
    tenant: Tenant,
    origin: Origin,
    meanwhile: Callable[[], object] = lambda: None,
) -> Stored:
    """Store what was read of calls, whose ``people`` were asked; do something else when the database is busy."""
    now, understood = reading.now, reading.understood
    moments = [now, *(call.at for call in understood if call.name or call.located)]
    all_new = True  # as they nearly always are, and their months there: the database says if not
    for attempt in range(ATTEMPTS):
        try:
            events.ensure_months(moments, trust=True)
            with transaction.atomic():
                if attempt >= HURRIED:
                    binary.run(IN_TURN, [tenant.pk])
                if attempt:  # who is who has changed, or may have
                    people = People(tenant_id=tenant.pk, origin=origin)
                    people.ask(understood)
                batch = _Batch(tenant, origin, now, people, meanwhile)
                batch.store(understood, all_new=all_new)
                refused = reading.refused + batch.refused
                if refused and origin is not Origin.IMPORT:
                    _keep(tenant.pk, refused, reading.parcels, now)
        except Moved:
            continue
        except IntegrityError:
            people.forget_recalled()  # two whose rows are gone, as after a restore, fail as two receipts would
            if not all_new:
                raise
            all_new = False
            partitions.distrust()
            continue
        refusals = sorted((refusal for refusal, _ in refused), key=lambda refusal: refusal.index)
        duplicates = len(understood) - len(batch.accepted) - len(batch.refused)
        return Stored(len(batch.accepted), duplicates, refusals, batch.created, batch.accepted)
    raise TooMuchAtOnce("Others keep merging the same people; send the batch again.")


class _Batch:
    """One attempt at storing calls of ``people``, who were asked; raises Moved if others changed who is who since.

    While the database writes most of it, ``meanwhile`` is called, once or twice.
    """

    def __init__(
        self,
        tenant: Tenant,
        origin: Origin,
        now: datetime,
        people: People,
        meanwhile: Callable[[], object],
    ) -> None:
        self._tenant, self._origin, self._now, self._people = tenant, origin, now, people
        self._meanwhile = meanwhile
        self.refused: list[tuple[Refusal, bytes]] = []
        self.accepted: frozenset[int] = frozenset()
        self.created = 0

    def store(self, understood: list[Call], *, all_new: bool) -> None:
        """Store the calls that are new. If they are said to be ``all_new``, one that is not raises IntegrityError."""
        people = self._people
        calls = self._new_ones(understood, all_new=all_new)
        if not calls:
            return
        with binary.together():
            if all_new:
                receipts.send_new(self._tenant.pk, (call.digest for call in calls))
            calls = self._with_people(calls)
            seen = self._seen(calls)
            people.lock(seen)
            told = [call for call in calls if call.name]
            profile_ids = [call.person.id for call in told]
            insertion = events.Insertion(self._tenant.pk, profile_ids, told, is_internal=False, now=self._now)
            kinds = definitions.kinds_by_path((call.name, call.properties) for call in told)
            if told:
                self._meanwhile()
        people.check_locked()
        profiles = Profiles(
            tenant_id=self._tenant.pk, people=people, seen=seen, origin=self._origin, now=self._now
        )
        profiles.update(calls, meanwhile=self._meanwhile)
        merges = [Merge(loser.id, winner.final().id) for loser, winner in people.merges]
        merging.move(self._tenant.pk, merges)
        recorded = insertion.recorded()
        self._define(kinds, profiles.changes)
        self._tell(recorded, profiles.changes, merges)
        if profiles.fixes or merges:
            is_quiet = self._origin is Origin.IMPORT  # a file says where people live
            visits.follow(
                tenant=self._tenant, fixes=profiles.fixes, merges=merges, is_quiet=is_quiet, now=self._now
            )
        self.accepted, self.created = frozenset(call.index for call in calls), len(people.new)

    def _new_ones(self, understood: list[Call], *, all_new: bool) -> list[Call]:
        """Return the calls that are new. The same call twice in one batch counts once, in its first place."""
        if all_new and len({call.digest for call in understood}) == len(understood):
            return understood
        first = {call.digest: call for call in reversed(understood)}
        fresh = first.keys() if all_new else receipts.claim(self._tenant.pk, first)
        return [call for call in understood if first[call.digest] is call and call.digest in fresh]

    def _with_people(self, calls: list[Call]) -> list[Call]:
        """Give every call its person; return those that can have one, the others are refused."""
        denied = self._people.resolve(calls)
        self._people.claim()
        if not denied:
            return calls
        self.refused = [(Refusal(call.index, error.path, error.reason), call.raw) for call, error in denied]
        receipts.give_back(self._tenant.pk, [call.digest for call, _ in denied])
        gone = {refusal.index for refusal, _ in self.refused}
        return [call for call in calls if call.index not in gone]

    def _seen(self, calls: list[Call]) -> dict[Person, datetime]:
        """Return when each person was last active by these calls; what a file says is no activity."""
        seen: dict[Person, datetime] = {}
        for call in calls if self._origin is not Origin.IMPORT else ():
            if call.is_activity and seen.get(call.person, call.at) <= call.at:
                seen[call.person] = call.at
        return seen

    def _define(self, kinds: definitions.Kinds, changes: list[AttributeChange]) -> None:
        definitions.note_events(self._tenant.pk, kinds, is_internal=False, now=self._now)
        set_to = ((change.attribute, change.new) for change in changes)
        definitions.note_attributes(self._tenant.pk, set_to, now=self._now)

    def _tell(
        self, recorded: list[RecordedEvent], changes: list[AttributeChange], merges: list[Merge]
    ) -> None:
        if recorded or changes or merges:
            events_recorded.send(
                None, tenant=self._tenant, now=self._now, events=recorded, changes=changes, merges=merges
            )


def _keep(
    tenant_id: int, refused: list[tuple[Refusal, bytes]], parcels: Sequence[Parcel], now: datetime
) -> None:
    """Keep refused calls to be looked at; the text as received, shortened, without what text cannot hold."""
    RefusedCall.objects.bulk_create(
        RefusedCall(
            tenant_id=tenant_id,
            received_at=now,
            index=refusal.index - where.start,
            path=refusal.path.replace("\x00", ""),
            reason=refusal.reason.replace("\x00", ""),
            call=raw[:REFUSED_SHOWN].decode(errors="replace").replace("\x00", ""),
        )
        for where in places(parcels)
        for refusal, raw in [one for one in refused if one[0].index in where][:REFUSED_KEPT]
    )


def prune(*, raw_now: datetime) -> int:
    """Forget receipts, and refused calls, older than 30 days in raw time; return how many rows went."""
    oldest = raw_now - receipts.KEPT
    receipts_gone, _ = Receipt.objects.filter(received_at__lt=oldest).delete()
    refused_gone, _ = RefusedCall.objects.filter(received_at__lt=oldest).delete()
    return receipts_gone + refused_gone
