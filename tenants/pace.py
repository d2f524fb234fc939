"""How often a key may ask: a bucket for each, in each web process's own memory, that fills up again as time passes."""

from __future__ import annotations

import threading
import time
from math import ceil

_buckets: dict[tuple[str, int], tuple[float, float]] = {}  # what and key: what is left, when that was
_lock = threading.Lock()


def take(what: str, key_id: int, *, a_minute: int, cost: int = 1, at: float | None = None) -> int:
    """Take ``cost`` of what a key has left and return 0; or take nothing and return the seconds to wait, rounded up.

    A full bucket holds a minute's worth. What costs more than that is taken from a full one, and waited for afterwards.
    ``at`` is in seconds, by default the process's own.
    """
    at = time.monotonic() if at is None else at
    with _lock:
        left, since = _buckets.get((what, key_id), (float(a_minute), at))
        left = min(a_minute, left + max(0.0, at - since) * a_minute / 60)
        lacking = min(cost, a_minute) - left
        if lacking <= 0:
            left -= cost
        _buckets[what, key_id] = left, at
    return max(0, ceil(lacking * 60 / a_minute))
