"""Requests that share a transaction: each is told what became of its calls, and nobody pays for another's."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django_scopes import scope

from audiences import ingest
from audiences.ingest import Origin, Parcel, Stored, sharing, storing
from audiences.ingest.calls import Context
from audiences.models import Event, Profile, RefusedCall
from tenants import clock
from tenants.models import Tenant
from tests.waiting import wait_until

Call = dict[str, Any]
Answers = tuple[list[Any], list[list[int]]]


def track(who: str, **more: Any) -> Call:
    return {"type": "track", "userId": who, "event": "Page Viewed", "messageId": f"m {who}"} | more


@pytest.fixture
def send(transactional_db: None, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answers]:
    """Send parcels, or single calls, in a request each while the first holds its lane.

    Return their answers, an exception for one that failed, and how many calls of each request every transaction had.
    """
    monkeypatch.setattr(sharing, "ABREAST", 1)
    monkeypatch.setattr(sharing, "_lanes", defaultdict(sharing._Lane))

    def request(parcel: Parcel) -> Stored | Exception:
        try:
            with scope(tenant=tenant):
                return ingest.store_shared(parcel, tenant=tenant, origin=Origin.SERVER)
        except ingest.TooMuchAtOnce as error:
            return error
        finally:
            connection.close()

    def send(*sent: Parcel | Call) -> Answers:
        parcels = [one if isinstance(one, Parcel) else Parcel([one], clock.now(tenant)) for one in sent]
        everybody_waits, sizes = threading.Event(), []
        store_all = sharing.store_all

        def slow(together: list[Parcel], **how: Any) -> Stored:
            sizes.append([len(parcel.calls) for parcel in together])
            assert everybody_waits.wait(10)
            return store_all(together, **how)

        monkeypatch.setattr(sharing, "store_all", slow)
        with ThreadPoolExecutor(len(parcels)) as pool:
            requests = [pool.submit(request, parcels[0])]
            wait_until(lambda: bool(sizes))
            (lane,) = sharing._lanes.values()
            for number, parcel in enumerate(parcels[1:], 1):
                requests.append(pool.submit(request, parcel))
                wait_until(lambda number=number: len(lane.waiting) == number)
            everybody_waits.set()
            answers = [one.result() for one in requests]
        monkeypatch.setattr(sharing, "store_all", store_all)
        return answers, sizes

    return send


def test_those_that_wait_share_a_transaction_and_each_is_answered(send: Callable[..., Answers]) -> None:
    answers, sizes = send(*(track(f"u{number}") for number in range(8)))
    assert [(one.accepted, one.duplicates, one.refused) for one in answers] == [(1, 0, [])] * 8
    assert sizes == [[1], [1] * 7]
    assert Event.objects.count() == Profile.objects.count() == 8


def test_a_bad_call_is_refused_alone_as_if_it_had_come_alone(send: Callable[..., Answers]) -> None:
    answers, sizes = send(track("u1"), track("u2"), track("u3", event=""), track("u4"))
    assert [one.accepted for one in answers] == [1, 1, 0, 1]
    assert [[refusal.index for refusal in one.refused] for one in answers] == [[], [], [0], []]
    assert RefusedCall.objects.get().index == 0
    assert sizes == [[1], [1] * 3]


def test_the_same_call_twice_counts_once(send: Callable[..., Answers]) -> None:
    answers, _ = send(track("u1"), track("u2"), track("u2"), track("u2"))
    assert sorted((one.accepted, one.duplicates) for one in answers) == [(0, 1), (0, 1), (1, 0), (1, 0)]
    assert Event.objects.count() == 2


def test_what_fails_together_is_stored_alone(
    send: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sharing.store_all

    def fails_together(together: list[Parcel], **how: Any) -> Stored:
        if len(together) > 1:
            raise RuntimeError("nobody foresaw this")
        if together[0].calls == [track("u3")]:
            raise ingest.TooMuchAtOnce
        return whole(together, **how)

    monkeypatch.setattr(sharing, "store_all", fails_together)
    answers, sizes = send(*(track(f"u{number}") for number in range(5)))
    assert [isinstance(one, ingest.TooMuchAtOnce) for one in answers] == [False, False, False, True, False]
    assert sizes == [[1], [1] * 4, [1], [1], [1], [1]]
    assert Event.objects.count() == 4


def test_more_than_a_transaction_takes_go_in_the_next(
    send: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "MOST", 3)
    _, sizes = send(*(track(f"u{number}") for number in range(8)))
    assert sorted(map(len, sizes)) == [1, 1, 3, 3]
    assert Event.objects.count() == 8


def test_batches_share_too_and_each_is_told_of_its_own_calls(
    send: Callable[..., Answers], tenant: Tenant
) -> None:
    now = clock.now(tenant)
    batches = [
        [track("u1"), track("u2")],
        [track("u3"), track("u4", event=""), track("u5")],
        [track("u1"), track("u6", event="")],
        [track("u7"), track("u8")],
    ]
    answers, sizes = send(*(Parcel(calls, now) for calls in batches))
    assert [sorted(each) for each in sizes] == [[2], [2, 2, 3]]
    assert [(one.accepted, one.duplicates) for one in answers] == [(2, 0), (2, 0), (0, 1), (2, 0)]
    assert [[refusal.index for refusal in one.refused] for one in answers] == [[], [1], [1], []]
    assert list(RefusedCall.objects.values_list("index", flat=True)) == [1, 1]


def test_nobodys_refused_calls_crowd_out_anothers(
    send: Callable[..., Answers], tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "REFUSED_KEPT", 2)
    now = clock.now(tenant)
    bad = [
        [track(f"u{number} {place}", event="") for place in range(size)] for number, size in ((1, 5), (2, 2))
    ]
    send(Parcel([track("u0"), track("u1")], now), *(Parcel(calls, now) for calls in bad))
    kept = RefusedCall.objects.order_by("id").values_list("call", "index")
    assert sorted((json.loads(call)["userId"], index) for call, index in kept) == [
        ("u1 0", 0), ("u1 1", 1), ("u2 0", 0), ("u2 1", 1)
    ]  # fmt: skip


def test_each_batch_keeps_its_own_clock_and_context(send: Callable[..., Answers], tenant: Tenant) -> None:
    now = clock.now(tenant)
    at = now - timedelta(hours=3)
    late = Parcel([track("u2", timestamp=at.isoformat()), track("u3")], now, at + timedelta(hours=1))
    german = Parcel([track("u4", timestamp=at.isoformat()), track("u5")], now, None, Context(locale="de-DE"))
    _, sizes = send(Parcel([track("u0"), track("u1")], now), late, german)
    assert sizes == [[2], [2, 2]]
    happened = dict(Event.objects.values_list("profile__external_id", "occurred_at"))
    assert (happened["u2"], happened["u4"]) == (now - timedelta(hours=1), at)
    languages = dict(Profile.objects.values_list("external_id", "language"))
    assert (languages["u3"], languages["u5"]) == (None, "de-DE")


def test_a_batch_that_fills_a_transaction_goes_alone_and_keeps_nobody_waiting_behind_it(
    send: Callable[..., Answers], tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "MOST", 4)
    now = clock.now(tenant)
    sent = [
        Parcel([track(f"u{number} {place}") for place in range(size)], now)
        for number, size in enumerate((2, 2, 9, 2))
    ]
    _, sizes = send(*sent)
    assert sorted(sizes) == [[2], [2, 2], [9]]
    assert Event.objects.count() == 15


def test_a_call_alone_waits_for_no_batch(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now(tenant)
    inner: list[Stored] = []

    def meanwhile(together: list[Parcel], **how: Any) -> Stored:
        if len(together[0].calls) > 1:
            inner.append(ingest.store_shared(Parcel([track("u9")], now), **how))
        return whole(together, **how)

    whole = sharing.store_all
    monkeypatch.setattr(sharing, "ABREAST", 1)
    monkeypatch.setattr(sharing, "_lanes", defaultdict(sharing._Lane))
    monkeypatch.setattr(sharing, "store_all", meanwhile)
    with scope(tenant=tenant):
        outer = ingest.store_shared(
            Parcel([track("u1"), track("u2")], now), tenant=tenant, origin=Origin.SERVER
        )
    assert (inner[0].accepted, outer.accepted) == (1, 2)
