"""What the queue runs: wake-ups that carry no truth, and may run twice, late or not at all."""

from __future__ import annotations

import time

from django.db import connection

from delivery import pipeline, pulse, residence
from tenants import wake

STAYS_SECONDS = 90  # then it ends itself, well before the queue's timeout, and the pulse calls the next
LISTENS_SECONDS = 1.0


def drain(slot: int) -> int:
    """Stay in this worker and do what falls due, for every tenant in turn; return the rows settled.

    Ends at once when another drain holds ``slot``.
    """
    settled = 0
    leaves_at = time.monotonic() + STAYS_SECONDS
    with residence.sole(f"drain {slot}") as is_sole:
        if not is_sole:
            return 0
        _listen()
        while time.monotonic() < leaves_at and not residence.stopping.is_set():
            residence.beat(f"drain {slot}")
            worked = pipeline.once_round()
            settled += worked
            if not worked:
                _wait()
        residence.forget(f"drain {slot}")
    return settled


def tick() -> None:
    """The net under the pulse: the queue's own schedule runs it every minute."""
    pulse.call_drains()


def _listen() -> None:
    connection.ensure_connection()
    connection.connection.execute(f"LISTEN {wake.CHANNEL}")


def _wait() -> None:
    """Sleep until tapped on the shoulder, or for a second: the pulse of things whose hour simply comes."""
    for _ in connection.connection.notifies(timeout=LISTENS_SECONDS, stop_after=1):
        return
