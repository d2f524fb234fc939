"""Batches that meet: many threads at once store the same calls and merge the same people, and nothing is lost."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django_scopes import scope

from audiences import consent, erasure, ingest
from audiences.ingest import storing as batches
from audiences.models import Event, Identity, Profile
from tenants.models import Tenant, User

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_once(tenant: Tenant) -> Callable[[list[Callable[[], Any]]], list[Any]]:
    """Run functions in threads that start together, each with its own connection and the tenant's scope."""

    def at_once(functions: list[Callable[[], Any]]) -> list[Any]:
        start = threading.Barrier(len(functions))

        def run(function: Callable[[], Any]) -> Any:
            try:
                with scope(tenant=tenant):
                    connection.ensure_connection()
                    start.wait(timeout=30)
                    return function()
            finally:
                connection.close()

        with ThreadPoolExecutor(len(functions)) as pool:
            return [future.result(timeout=60) for future in [pool.submit(run, f) for f in functions]]

    return at_once


AtOnce = Callable[[list[Callable[[], Any]]], list[Any]]


def storing(tenant: Tenant, calls: list[dict[str, Any]]) -> Callable[[], ingest.Stored]:
    return lambda: ingest.store(tenant=tenant, calls=calls, now=NOW)


def consistent() -> None:
    """What must hold whatever happened: nothing points at a tombstone."""
    living = set(Profile.objects.living().values_list("id", flat=True))
    assert set(Event.objects.values_list("profile_id", flat=True)) <= living
    assert set(Identity.objects.values_list("profile_id", flat=True)) <= living
    tombstones = Profile.objects.exclude(merged_into=None)
    assert set(tombstones.values_list("merged_into_id", flat=True)) <= living
    names_find()


def names_find() -> None:
    """Whoever lives and bears an external id is whom it finds: ingest.remembered rests on it."""
    found = set(Identity.objects.filter(kind="external_id").values_list("value", "profile_id"))
    named = Profile.objects.living().exclude(external_id=None)
    assert set(named.values_list("external_id", "id")) <= found


def test_the_same_batch_from_many_sides_at_once_counts_once(tenant: Tenant, at_once: AtOnce) -> None:
    calls = [
        {"type": "track", "userId": f"u{n % 40}", "event": f"E{n % 3}", "messageId": f"m{n}"}
        for n in range(300)
    ]
    shuffled = [random.Random(seed).sample(calls, len(calls)) for seed in range(4)]
    stored = at_once([storing(tenant, batch) for batch in shuffled])
    assert sum(one.accepted for one in stored) == 300
    assert sum(one.duplicates for one in stored) == 900
    assert (Event.objects.count(), Profile.objects.count()) == (300, 40)
    consistent()


def test_a_new_person_in_many_batches_at_once_is_made_once(tenant: Tenant, at_once: AtOnce) -> None:
    for n in range(5):
        at_once(
            [
                storing(
                    tenant,
                    [
                        {
                            "type": "identify",
                            "userId": f"u{n}",
                            "anonymousId": f"a{n}-{i}",
                            "traits": {f"t{i}": i},
                        }
                    ],
                )
                for i in range(4)
            ]
        )
    assert Profile.objects.living().count() == 5
    for profile in Profile.objects.living():
        assert profile.attributes == {"t0": 0, "t1": 1, "t2": 2, "t3": 3}
    consistent()


def test_two_users_cannot_both_become_one_anonymous_profile(tenant: Tenant, at_once: AtOnce) -> None:
    for n in range(6):
        storing(tenant, [{"type": "page", "anonymousId": f"a{n}"}])()
        both = [
            storing(tenant, [{"type": "identify", "userId": f"{who}{n}", "anonymousId": f"a{n}"}])
            for who in "xyz"
        ]
        at_once(both)
        owners = {Identity.objects.get(kind="external_id", value=f"{who}{n}").profile_id for who in "xyz"}
        assert len(owners) == 3
        assert Identity.objects.get(kind="anonymous_id", value=f"a{n}").profile_id in owners
    consistent()


def test_batches_that_track_merge_and_write_the_same_people_neither_deadlock_nor_lose(
    tenant: Tenant, at_once: AtOnce
) -> None:
    people = 30
    storing(tenant, [{"type": "identify", "userId": f"u{n}"} for n in range(people)])()
    storing(tenant, [{"type": "page", "anonymousId": f"a{n}"} for n in range(people)])()

    def some(seed: int) -> Callable[[], int]:
        dice = random.Random(seed)

        def run() -> int:
            accepted = 0
            for _ in range(6):
                calls: list[dict[str, Any]] = []
                for _ in range(60):
                    n, m = dice.randrange(people), dice.randrange(people)
                    calls.append(
                        dice.choice(
                            [
                                {"type": "track", "userId": f"u{n}", "event": f"E{m % 5}"},
                                {"type": "track", "anonymousId": f"a{m}", "event": "Anonymous"},
                                {"type": "page", "userId": f"u{n}", "anonymousId": f"a{n}"},
                                {"type": "identify", "userId": f"u{n}", "traits": {"n": m}},
                                {"type": "alias", "previousId": f"u{n}", "userId": f"u{n // 2}"},
                            ]
                        )
                    )
                stored = ingest.store(tenant=tenant, calls=calls, now=NOW)
                assert not stored.refused
                accepted += sum(call["type"] in ("track", "page") for call in calls)
            return accepted

        return run

    def internal() -> int:
        profiles = list(Profile.objects.values_list("id", flat=True))
        for n in range(20):
            sent = [
                ingest.InternalEvent(f"{n}:{id_}", id_, "Email Sent", NOW, {"n": n})
                for id_ in random.Random(n).sample(profiles, 20)
            ]
            ingest.record_internal(tenant=tenant, events=sent, now=NOW)
        return 400

    def unsubscribing() -> int:
        for id_ in random.Random(5).sample(list(Profile.objects.values_list("id", flat=True)), 40):
            consent.change(
                tenant=tenant,
                profile_id=id_,
                subject="email",
                standing="unsubscribed",
                origin="test",
                now=NOW,
            )
        return 0

    events = at_once([some(1), some(2), some(3), internal, unsubscribing])
    assert Event.objects.count() == people + sum(events)
    consistent()


# --- Between asking who is who and locking them ---------------------------------------------------
def identify(at: datetime, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": "u1", "traits": traits, "timestamp": at.isoformat()}


@pytest.fixture
def meanwhile(at_once: AtOnce) -> Callable[[Callable[[], Any]], Any]:
    """A wrapper of statements that lets something happen elsewhere before the first receipt is written."""

    def meanwhile(happens: Callable[[], Any]) -> Any:
        left = [happens]

        def wrapper(execute: Any, sql: str, *rest: Any) -> Any:
            if "INTO audiences_receipt" in sql and left:
                at_once([left.pop()])
            return execute(sql, *rest)

        return wrapper

    return meanwhile


@pytest.mark.parametrize("part", [1, 250])
def test_an_address_taken_up_again_while_it_was_left_finds_its_person(
    tenant: Tenant, meanwhile: Any, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PART", part)
    moments = [NOW - timedelta(minutes=minutes) for minutes in (3, 2, 1)]
    storing(tenant, [identify(moments[0], email="a@x.test")])()
    leaves = storing(tenant, [identify(moments[1], email="b@x.test")])
    with connection.execute_wrapper(meanwhile(leaves)):
        storing(tenant, [identify(moments[2], email="a@x.test"), identify(moments[2], plan="gold")])()
    found = {"type": "identify", "context": {"externalIds": [{"type": "email", "id": "a@x.test"}]}}
    ingest.store(tenant=tenant, calls=[found | {"traits": {"seen": 1}}], now=NOW, origin=ingest.Origin.IMPORT)
    profile = Profile.objects.get()
    assert (profile.email, profile.attributes) == ("a@x.test", {"plan": "gold", "seen": 1})
    assert set(Identity.objects.values_list("value", flat=True)) == {"u1", "a@x.test"}


@pytest.mark.parametrize("is_told_twice", [False, True])
def test_who_is_merged_or_erased_while_we_look_gets_nothing_under_their_old_id(
    tenant: Tenant, owner: User, meanwhile: Any, is_told_twice: bool
) -> None:
    storing(tenant, [{"type": "identify", "userId": "u1"}])()
    storing(tenant, [{"type": "page", "anonymousId": f"a{n}"} for n in range(2)])()
    calls = [
        {"type": "track", "anonymousId": f"a{n}", "event": "Bought", "messageId": f"m{n}"} for n in range(2)
    ]

    def merge_and_erase() -> None:
        told = [{"type": "identify", "userId": "u1", "anonymousId": "a0"}, *calls[:is_told_twice]]
        storing(tenant, told)()
        gone = Identity.objects.get(value="a1").profile
        erasure.begin(profile=gone, actor=owner, now=NOW)

    with connection.execute_wrapper(meanwhile(merge_and_erase)):
        stored = storing(tenant, calls)()
    assert (stored.accepted, stored.duplicates, stored.profiles_created) == (
        2 - is_told_twice,
        is_told_twice,
        1,
    )
    bought = Event.objects.filter(name="Bought").order_by("profile_id").values_list("profile_id", flat=True)
    ids = dict(Identity.objects.values_list("value", "profile_id"))
    assert list(bought) == [ids["u1"], ids["a1"]]
    assert ids["a0"] == ids["u1"]
