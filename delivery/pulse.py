"""The net under the taps on the shoulder: once a second, see that nothing due is left lying."""

from __future__ import annotations

import logging
import signal
import time

from django.conf import settings
from django.db import Error, connection
from django_q.tasks import async_task

from delivery import residence, sweep

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
DRAIN_STAYS_SECONDS = 90  # then it ends itself, and the next is called
CALLED = "called"
CALLS_AGAIN_AFTER_SECONDS = 15  # a call that died with the cluster that fetched it


def run(cluster: str, workers: int) -> None:
    """Tick until the cluster is told to stop. Runs in a process of its own; several clusters may each have one.

    A database that is away for a while costs ticks, not the process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    connection.close()  # it belongs to the process that forked us
    while not residence.is_stopping():
        try:
            _stay(cluster, workers)
        except Error:
            log.exception("The database did not answer; trying again.")
            connection.close()
            time.sleep(TICK_SECONDS)


def _stay(cluster: str, workers: int) -> None:
    """Tick for as long as this connection lives, and the lock on it that says so."""
    with residence.sole(f"cluster {cluster}"):
        residence.forget_dead("cluster ")
        while not residence.is_stopping():
            tick(cluster, workers)
            time.sleep(TICK_SECONDS)
        residence.forget(f"cluster {cluster}")


def tick(cluster: str, workers: int) -> None:
    """Say that ``cluster`` lives and how many drains it has room for; then, as the only leader, keep order.

    One worker of several stays free for imports and the like.
    """
    residence.beat(f"cluster {cluster}", str(max(1, workers - 1)))
    with residence.sole("pulse") as is_leader:
        if is_leader:
            sweep.doubtful()
            sweep.stopped()
            call_drains()


def call_drains() -> int:
    """Enqueue the drains that no worker is running; return how many.

    A call is remembered for a while, so that one that waits in the queue is not made again each second. A twin finds
    its slot taken and ends.
    """
    wanted = sum(int(detail) for detail in residence.at_work("cluster ").values())
    there = residence.at_work("drain ").keys() | residence.said(
        CALLED, within_seconds=CALLS_AGAIN_AFTER_SECONDS
    )
    missing = [slot for slot in range(1, wanted + 1) if f"drain {slot}" not in there]
    for slot in missing:
        residence.beat(f"drain {slot}", CALLED)
        async_task("delivery.tasks.drain", slot, timeout=_drain_timeout_seconds(), group="drain")
    return len(missing)


def _drain_timeout_seconds() -> int:
    """When the queue kills a drain that has not ended itself: never while a hand-over may still be answered."""
    return DRAIN_STAYS_SECONDS + settings.HAND_OVER_SECONDS + 30
