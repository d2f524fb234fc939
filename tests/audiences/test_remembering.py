"""What a process remembers of external ids saves asking, and never changes who is meant."""

from __future__ import annotations

import copy
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django_scopes import scope

from audiences import erasure, ingest
from audiences.ingest import reading, remembered, storing
from audiences.models import Event, Identity, Profile
from audiences.signals import events_recorded
from tenants.models import Tenant, User
from tests.audiences.test_ingest_races import names_find
from tests.audiences.test_merging import alias, identify

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
Store = Callable[..., ingest.Stored]
Found = Callable[[str, str], Profile]


def track(user: str | None = "u1", anonymous: str | None = None) -> dict[str, Any]:
    return {"type": "track", "userId": user, "anonymousId": anonymous, "event": "Product Viewed"}


def asked(store: Store, *calls: dict[str, Any]) -> int:
    """Store calls and return how often the database was asked whom identities mean."""
    statements = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        store(*calls)
    return sum("FROM audiences_identity" in sql for sql in statements)


def test_who_was_locked_is_not_asked_for_again(store: Store, found: Found) -> None:
    store(identify("u1"))
    assert asked(store, track()) == 1  # they were new, and might have been rolled back
    assert asked(store, track(), track()) == 0
    assert asked(store, track(), track("u2")) == 1
    assert Event.objects.filter(profile=found("external_id", "u1")).count() == 4


def test_who_comes_with_new_or_merged_people_is_remembered(store: Store) -> None:
    store(identify("u1"), track(None, "a1"))
    store(track("u1"), identify("new", "a1"), track(None, "a2"))
    store(track("u1"), identify("new", "a2"))
    assert asked(store, track("u1"), track("new")) == 0


def test_who_was_merged_since_is_found_by_asking(store: Store, found: Found) -> None:
    store(identify("u1"), identify("u2"))
    store(track("u1"), track("u2"))
    old = copy.deepcopy(remembered._profile_ids)
    store(alias("u1", "u2"))
    remembered._profile_ids = old  # as another process would still have it
    store(track("u1"))
    winner = found("external_id", "u2")
    assert found("external_id", "u1") == winner
    assert Event.objects.filter(profile=winner).count() == Event.objects.count() == 3
    assert asked(store, track("u1")) == 1  # now "u2", so that the row cannot vouch for the id
    assert asked(store, track("u2")) == 0


def test_who_was_erased_since_is_somebody_new(
    tenant: Tenant, owner: User, store: Store, found: Found
) -> None:
    store(identify("u1"))
    store(track())
    gone = found("external_id", "u1")
    erasure.begin(profile=gone, actor=owner, now=NOW)
    assert store(track()).profiles_created == 1
    assert found("external_id", "u1") != gone


def test_what_was_rolled_back_is_not_remembered(tenant: Tenant, store: Store) -> None:
    """A profile that the same transaction made, and undid, is nobody's."""

    def refuse(sender: Any, **told: Any) -> None:
        raise RuntimeError

    events_recorded.connect(refuse)
    try:
        for _ in range(2):
            with pytest.raises(RuntimeError):
                store(identify("u1"), track())
    finally:
        events_recorded.disconnect(refuse)
    assert remembered.recall(tenant.pk, [("external_id", "u1")]) == {}
    assert store(track()).profiles_created == 1


def test_other_tenants_people_are_not_recalled(tenant: Tenant, other_tenant: Tenant, store: Store) -> None:
    store(identify("u1"))
    store(track())
    assert remembered.recall(tenant.pk, [("external_id", "u1"), ("anonymous_id", "u1")]).keys() == {
        ("external_id", "u1")
    }
    assert remembered.recall(other_tenant.pk, [("external_id", "u1")]) == {}


def test_who_is_gone_altogether_is_somebody_new(tenant: Tenant, store: Store) -> None:
    """As after a database was restored under a running process: nothing of theirs is there, not even the rows."""
    ids = [("external_id", f"u{n}") for n in range(3)]
    store(*(identify(value) for _, value in ids))
    remembered.learn(tenant.pk, [(2**40 + n, value) for n, (_, value) in enumerate(ids)])
    assert store(*(track(value) for _, value in ids)).accepted == 3
    assert Profile.objects.count() == 3
    assert remembered.recall(tenant.pk, ids).keys() == set(ids)
    assert max(remembered.recall(tenant.pk, ids).values()) < 2**40


def test_people_of_a_large_batch_are_remembered_in_every_part(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (reading, storing):
        monkeypatch.setattr(module, "PART", 2)
    calls = [track(f"u{n}") for n in range(5)]
    store(*calls)
    assert asked(store, *calls) == 3
    assert asked(store, *calls) == 0
    assert asked(store, *calls, track("new")) == 1
    assert (Profile.objects.count(), Event.objects.count()) == (6, 21)


def test_it_does_not_grow_without_end(tenant: Tenant, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 3)
    calls = [track(f"u{n}") for n in range(10)]
    for call in calls * 2:
        store(call)
    assert sum(map(len, remembered._profile_ids.values())) <= 3
    assert Profile.objects.count() == 10


@pytest.mark.parametrize("seed", range(12))
def test_however_old_the_memory_people_are_the_same_without_it(
    tenant: Tenant, other_tenant: Tenant, owner: User, seed: int
) -> None:
    """The same calls to two tenants, of which one is remembered, now and then as it was some time ago."""
    chance = random.Random(seed)
    was: list[Any] = [defaultdict(dict)]
    for number in range(40):
        calls = [_any_call(chance) for _ in range(chance.randint(1, 4))]
        origin = chance.choice(list(ingest.Origin))
        gone = f"u{chance.randrange(4)}" if chance.random() < 0.1 else None
        at = NOW + timedelta(minutes=number)
        remembered._profile_ids = copy.deepcopy(chance.choice(was))
        _tell(tenant, owner, calls, gone, at, origin)
        was.append(remembered._profile_ids)
        remembered._profile_ids = defaultdict(dict)
        _tell(other_tenant, owner, calls, gone, at, origin)
    assert _who_is_who(tenant) == _who_is_who(other_tenant)


def _any_call(chance: random.Random) -> dict[str, Any]:
    user, anonymous = f"u{chance.randrange(4)}", f"a{chance.randrange(4)}"
    return chance.choice(
        [track(user), track(user), track(None, anonymous), identify(user, anonymous), alias(anonymous, user),
         alias(f"u{chance.randrange(4)}", user), alias(user, f"new {chance.randrange(4)}")]
    )  # fmt: skip


def _tell(
    tenant: Tenant,
    owner: User,
    calls: list[dict[str, Any]],
    gone: str | None,
    at: datetime,
    origin: ingest.Origin,
) -> None:
    with scope(tenant=tenant):
        ingest.store(tenant=tenant, calls=calls, now=at, origin=origin)
        person = Identity.objects.filter(kind="external_id", value=gone).first()
        if person:
            erasure.begin(profile=person.profile, actor=owner, now=at)


def _who_is_who(tenant: Tenant) -> list[Any]:
    """Who goes by which identities, how each is called and how much each did, whatever their ids."""
    with scope(tenant=tenant):
        names_find()
        people: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
        for identity in Identity.objects.all():
            people[identity.profile_id].add((identity.kind, identity.value))
        return sorted(
            (
                sorted(known),
                Profile.objects.get(pk=id_).external_id or "",
                Event.objects.filter(profile=id_).count(),
            )
            for id_, known in people.items()
        )
