"""The net under the taps on the shoulder: once a second, see that nothing due is left lying."""

from __future__ import annotations

import logging
import signal
import time

from django.db import Error, connection
from django_q.tasks import async_task

from delivery import residence, sweep

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
DRAIN_TIMEOUT_SECONDS = 120  # the queue kills a drain that has not ended itself by then


def run(cluster: str, workers: int) -> None:
    """Tick until the cluster is told to stop. Runs in a process of its own; several clusters may each have one.

    A database that is away for a while costs ticks, not the process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    connection.close()  # it belongs to the process that forked us
    while not residence.stopping.wait(TICK_SECONDS):
        try:
            tick(cluster, workers)
        except Error:
            log.exception("The database did not answer; trying again.")
            connection.close()
            time.sleep(TICK_SECONDS)
    residence.forget(f"cluster {cluster}")


def tick(cluster: str, workers: int) -> None:
    """Say that ``cluster`` lives; then, as the only leader, settle doubts and call back drains that are missing."""
    residence.beat(
        f"cluster {cluster}", str(max(1, workers - 1))
    )  # one worker stays free for imports and the like
    with residence.sole("pulse") as is_leader:
        if is_leader:
            sweep.doubtful()
            sweep.stopped()
            call_drains()


def call_drains() -> int:
    """Enqueue the drains that no worker is running; return how many.

    The sign of life is set when a drain is called, so that one that waits in the queue is not called again at once.
    A twin finds its slot taken and ends.
    """
    wanted = sum(int(detail) for detail in residence.fresh("cluster ").values())
    running = residence.fresh("drain ")
    missing = [slot for slot in range(1, wanted + 1) if f"drain {slot}" not in running]
    for slot in missing:
        residence.beat(f"drain {slot}", "called")
        async_task("delivery.tasks.drain", slot, timeout=DRAIN_TIMEOUT_SECONDS, group="drain")
    return len(missing)
