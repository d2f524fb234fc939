"""What the queue runs: wake-ups that carry no truth, and may run twice, late or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection

from audiences import ingest, partitions
from campaigns.sources import answers
from delivery import pipeline, pulse, residence, watching
from tenants import clock, wake

LISTENS_SECONDS = 1.0
BEATS_SECONDS = 1.0
MONTHS_AHEAD = timedelta(days=7)


def drain(slot: int) -> int:
    """Stay in this worker and do what falls due, for every tenant in turn; return the rows settled.

    Ends itself after a while, and at once when another drain holds ``slot``; on leaving it calls the next.
    """
    leaves_at = time.monotonic() + pulse.DRAIN_STAYS_SECONDS

    def stays() -> bool:
        return time.monotonic() < leaves_at and not residence.is_stopping()

    settled = 0
    with residence.sole(f"drain {slot}") as is_sole:
        if not is_sole:
            return 0
        with _listening():
            beats_at = 0.0
            while stays():
                if time.monotonic() >= beats_at:
                    residence.beat(f"drain {slot}")
                    beats_at = time.monotonic() + BEATS_SECONDS
                worked = pipeline.once_round(stays)
                settled += worked
                if not worked:
                    _wait()
        residence.forget(f"drain {slot}")
    if not residence.is_stopping():
        pulse.call_drains()  # the next one at once: the pulse would take up to a second
    return settled


def tick() -> None:
    """The net under the pulse, the months that will be needed, who came and went as time went by, and what sources said
    too long ago.

    The queue's own schedule runs it every minute.
    """
    pulse.call_drains()
    now = clock.raw_now()
    for table in (
        "audiences_event",
        "delivery_delivery",
    ):  # so that nobody has to make one in mid transaction
        partitions.ensure_months(table, [now, now + MONTHS_AHEAD])
    watching.look_around()
    ingest.look_around_places()
    answers.forget()


@contextmanager
def _listening() -> Iterator[None]:
    connection.ensure_connection()
    connection.connection.execute(f"LISTEN {wake.CHANNEL}")
    try:
        yield
    finally:
        connection.ensure_connection()
        # What this worker does next takes no taps, and they would pile up.
        connection.connection.execute(f"UNLISTEN {wake.CHANNEL}")


def _wait() -> None:
    """Sleep until tapped on the shoulder, or for a second: the pulse of things whose hour simply comes.

    Taken to the end, so that taps that came together wake us once.
    """
    connection.ensure_connection()
    for _ in connection.connection.notifies(timeout=LISTENS_SECONDS, stop_after=1):
        pass
