"""Calls that share a transaction: each is told what became of it, and nobody pays for another's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django_scopes import scope

from audiences import ingest
from audiences.ingest import Origin, Stored, sharing
from audiences.models import Event, Profile, RefusedCall
from tenants import clock
from tenants.models import Tenant

Call = dict[str, Any]


def track(who: str, **more: Any) -> Call:
    return {"type": "track", "userId": who, "event": "Page Viewed", "messageId": f"m {who}"} | more


@pytest.fixture
def send(transactional_db: None, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Send each call in a request of its own while one holds the lane; return their answers and the batches' sizes."""

    def send(*calls: Call) -> tuple[list[Stored | Exception], list[int]]:
        everybody_waits, sizes = threading.Event(), []
        store = sharing.store

        def slow(*, calls: list[Call], **how: Any) -> Stored:
            sizes.append(len(calls))
            assert everybody_waits.wait(10)
            return store(calls=calls, **how)

        monkeypatch.setattr(sharing, "store", slow)

        def request(call: Call) -> Stored | Exception:
            try:
                with scope(tenant=tenant):
                    return ingest.store_one(
                        tenant=tenant, call=call, now=clock.now(tenant), origin=Origin.SERVER
                    )
            except ingest.TooMuchAtOnce as error:
                return error
            finally:
                connection.close()

        lane = sharing._lanes[tenant.pk, Origin.SERVER]
        with ThreadPoolExecutor(len(calls)) as pool:
            first = pool.submit(request, calls[0])
            while not sizes:
                pass
            others = [pool.submit(request, call) for call in calls[1:]]
            while len(lane.waiting) < len(others):
                pass
            everybody_waits.set()
            answers = [one.result() for one in (first, *others)]
        monkeypatch.setattr(sharing, "store", store)
        return answers, sizes

    return send


def test_those_that_wait_share_a_transaction_and_each_is_answered(send: Callable[..., Any]) -> None:
    answers, sizes = send(*(track(f"u{number}") for number in range(8)))
    assert [(one.accepted, one.duplicates, one.refused) for one in answers] == [(1, 0, [])] * 8
    assert sizes == [1, 7]
    assert Event.objects.count() == Profile.objects.count() == 8


def test_a_bad_call_is_refused_alone_as_if_it_had_come_alone(send: Callable[..., Any]) -> None:
    answers, sizes = send(track("u1"), track("u2"), track("u3", event=""), track("u4"))
    assert [one.accepted for one in answers] == [1, 1, 0, 1]
    assert [[refusal.index for refusal in one.refused] for one in answers] == [[], [], [0], []]
    assert RefusedCall.objects.get().index == 0
    assert sizes == [1, 3]


def test_the_same_call_twice_counts_once(send: Callable[..., Any]) -> None:
    answers, _ = send(track("u1"), track("u2"), track("u2"), track("u2"))
    assert sorted((one.accepted, one.duplicates) for one in answers) == [(0, 1), (0, 1), (1, 0), (1, 0)]
    assert Event.objects.count() == 2


def test_what_fails_together_is_stored_alone(
    send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sharing.store

    def fails_together(*, calls: list[Call], **how: Any) -> Stored:
        if len(calls) > 1:
            raise RuntimeError("nobody foresaw this")
        if calls[0]["userId"] == "u3":
            raise ingest.TooMuchAtOnce
        return whole(calls=calls, **how)

    monkeypatch.setattr(sharing, "store", fails_together)
    answers, sizes = send(*(track(f"u{number}") for number in range(5)))
    assert [isinstance(one, ingest.TooMuchAtOnce) for one in answers] == [False, False, False, True, False]
    assert sizes == [1, 4, 1, 1, 1, 1]
    assert Event.objects.count() == 4


def test_more_than_a_transaction_takes_go_in_the_next(
    send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "MOST", 3)
    _, sizes = send(*(track(f"u{number}") for number in range(8)))
    assert sizes == [1, 3, 3, 1]
    assert Event.objects.count() == 8
