"""Waiting for what other threads and programs do, and failing where they do not."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(claim: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
