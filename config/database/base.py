"""Django's PostgreSQL engine, which spares a connection in steady use the question whether it still lives."""

from __future__ import annotations

import select
import time
from typing import Any

from django.db.backends.postgresql import base

# Whoever drops a connection between us and the server may not say so, but drops none in use: the shortest that we
# know of waits for 240 seconds of silence.
TRUSTED_SECONDS = 30.0


class DatabaseWrapper(base.DatabaseWrapper):
    health_check_enabled: bool
    health_check_done: bool
    _alive_at = 0.0  # time.monotonic()

    def close_if_health_check_failed(self) -> None:
        """Close a dead connection, once a request. One in use of late is not asked, which would cost a round trip.

        It lives unless something arrived: a server that goes says so, or the end of its connection tells.
        """
        if self.connection is None or not self.health_check_enabled or self.health_check_done:
            return
        now = time.monotonic()
        if now - self._alive_at < TRUSTED_SECONDS and _is_silent(self.connection):
            self.health_check_done = True
        super().close_if_health_check_failed()
        self._alive_at = now


def _is_silent(connection: Any) -> bool:
    """Whether nothing arrived on an idle connection."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
