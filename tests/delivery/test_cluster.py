"""The pieces of the cluster: who is at work is known at once, and what is missing is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from delivery import pulse, residence, tasks
from delivery.models import Beat

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def elsewhere(part: str, detail: str = "") -> Iterator[None]:
    """Another session is doing ``part``, as another process would."""
    begun, end, got = Event(), Event(), []

    def work() -> None:
        try:
            with residence.sole(part) as is_sole:
                got.append(is_sole)
                residence.beat(part, detail)
                begun.set()
                end.wait(30)
        finally:
            connection.close()

    thread = Thread(target=work)
    thread.start()
    assert begun.wait(30)
    assert got == [True]
    try:
        yield
    finally:
        end.set()
        thread.join()


def calls() -> list[int]:
    return sorted(task.task["args"][0] for task in OrmQ.objects.all())


def test_a_part_is_done_by_one_session_at_a_time():
    with elsewhere("drain 1"):
        with residence.sole("drain 1") as is_sole:
            assert not is_sole
        with residence.sole("drain 2") as is_sole:
            assert is_sole
    with residence.sole("drain 1") as is_sole:
        assert is_sole


def test_who_is_at_work_is_who_holds_the_lock_and_not_who_once_gave_a_sign():
    residence.beat("drain 1")
    assert residence.at_work("drain ") == {}
    with elsewhere("drain 1", "busy"):
        assert residence.at_work("drain ") == {"drain 1": "busy"}
    assert residence.at_work("drain ") == {}


def test_a_session_that_dies_is_missed_at_once():
    with elsewhere("cluster x", "1"):
        with elsewhere("drain 1"):
            assert pulse.call_drains() == 0
        assert pulse.call_drains() == 1


def test_a_drain_that_leaves_calls_the_next(monkeypatch):
    monkeypatch.setattr(pulse, "DRAIN_STAYS_SECONDS", 0)
    with elsewhere("cluster x", "1"):
        tasks.drain(1)
        assert calls() == [1]


def test_missing_drains_are_called_and_only_they():
    with elsewhere("cluster x", "2"), elsewhere("cluster y", "1"), elsewhere("drain 2"):
        assert pulse.call_drains() == 2
        assert calls() == [1, 3]
        assert pulse.call_drains() == 0  # their calls still wait in the queue


def test_a_call_that_was_lost_is_made_again():
    with elsewhere("cluster x", "1"):
        assert pulse.call_drains() == 1
        late = timezone.now() - timedelta(seconds=pulse.CALLS_AGAIN_AFTER_SECONDS + 1)
        Beat.objects.filter(part="drain 1").update(at=late)
        assert pulse.call_drains() == 1


def test_without_a_cluster_nobody_is_called():
    residence.beat("cluster gone", "2")
    assert pulse.call_drains() == 0


def test_two_pulses_call_once():
    with elsewhere("cluster x", "1"), elsewhere("pulse"):
        pulse.tick("y", workers=2)
        assert calls() == []


def test_a_drain_whose_slot_is_taken_ends_at_once():
    with elsewhere("drain 1"):
        assert tasks.drain(1) == 0


def test_a_drain_ends_when_the_cluster_is_told_to_stop(monkeypatch):
    monkeypatch.setattr(residence, "is_stopping", lambda: True)
    assert tasks.drain(1) == 0
    assert residence.at_work("drain ") == {}
    assert not Beat.objects.filter(part="drain 1").exists()


def test_the_dead_are_forgotten_after_a_while():
    residence.beat("cluster old")
    residence.beat("cluster new")
    Beat.objects.filter(part="cluster old").update(at=timezone.now() - timedelta(days=8))
    residence.forget_dead("cluster ")
    assert list(Beat.objects.values_list("part", flat=True)) == ["cluster new"]
