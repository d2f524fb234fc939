"""Many batches in turn: each is stored as if it had come alone, and the next is read before its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from audiences import ingest
from audiences.ingest import Origin, Parcel, Stored, storing
from audiences.ingest.people import Moved
from audiences.models import Event, RefusedCall
from tenants import clock
from tenants.models import Tenant

Call = dict[str, Any]
InTurn = Callable[..., Iterator[Stored]]

pytestmark = pytest.mark.django_db


def track(number: int, **more: Any) -> Call:
    return {"type": "track", "userId": "u1", "event": "Seen", "messageId": f"m{number}"} | more


@pytest.fixture
def in_turn(tenant: Tenant) -> InTurn:
    """Store batches in turn, from whatever yields them."""
    now = clock.now(tenant)

    def in_turn(batches: Iterator[list[Call]]) -> Iterator[Stored]:
        parcels = (Parcel(batch, now) for batch in batches)
        stored = ingest.store_each(parcels, tenant=tenant, origin=Origin.SERVER)
        return (done for _, done in stored)

    return in_turn


def said(stored: Stored) -> tuple[int, int, list[int]]:
    return stored.accepted, stored.duplicates, [refusal.index for refusal in stored.refused]


def test_each_batch_is_told_what_became_of_it(in_turn: InTurn) -> None:
    bad = {"type": "nonsense"}
    batches = [
        [track(1), bad, track(2)],
        [track(2), track(3)],
        [],
        [bad],
        [track(1), track(1), track(4), bad],
    ]
    assert [*map(said, in_turn(iter(batches)))] == [
        (2, 0, [1]),
        (1, 1, []),
        (0, 0, []),
        (0, 0, [0]),
        (1, 2, [3]),
    ]
    assert Event.objects.count() == 4
    assert [*RefusedCall.objects.order_by("id").values_list("index", flat=True)] == [1, 0, 3]


def test_nothing_comes_of_nothing(in_turn: InTurn) -> None:
    assert [*in_turn(iter([]))] == []


def test_later_batches_win(in_turn: InTurn, found: Callable[..., Any]) -> None:
    named = [
        {"type": "identify", "userId": "u1", "traits": {"plan": plan}} for plan in ("free", "pro", "team")
    ]
    assert len([*in_turn(iter([[call] for call in named]))]) == 3
    assert found("external_id", "u1").attributes["plan"] == "team"


def test_the_next_is_read_while_one_is_written_and_no_more(in_turn: InTurn) -> None:
    taken: list[tuple[int, bool]] = []  # number, and whether the database was left to its work

    def batches() -> Iterator[list[Call]]:
        for number in range(4):
            taken.append((number, connection.connection.info.pipeline_status != 0))
            yield [track(number)]

    results = in_turn(batches())
    assert taken == []
    next(results)
    assert taken == [(0, False), (1, True)]
    next(results)
    assert taken[2:] == [(2, True)]


def test_what_goes_wrong_with_taking_one_spares_those_before(in_turn: InTurn) -> None:
    def batches() -> Iterator[list[Call]]:
        yield [track(1)]
        raise OSError("The disk is gone.")

    results = in_turn(batches())
    assert next(results).accepted == 1
    with pytest.raises(OSError, match="disk"):
        next(results)
    assert Event.objects.count() == 1


def test_a_batch_that_is_tried_again_loses_no_other(in_turn: InTurn, monkeypatch: pytest.MonkeyPatch) -> None:
    check, tries = storing.People.check_locked, iter([True, True, False])

    def disturbed(people: storing.People) -> None:
        check(people)
        if next(tries, False):
            raise Moved

    monkeypatch.setattr(storing.People, "check_locked", disturbed)
    stored = in_turn(iter([[track(1)], [track(2)], [track(3)]]))
    assert [one.accepted for one in stored] == [1, 1, 1]
    assert Event.objects.count() == 3


def test_a_transaction_around_one_undoes_that_one_alone(in_turn: InTurn) -> None:
    results = in_turn(iter([[track(1)], [track(2)], [track(3)]]))
    next(results)
    with transaction.atomic():
        next(results)
        transaction.set_rollback(True)
    assert next(results).accepted == 1
    assert Event.objects.count() == 2
