"""Django's PostgreSQL engine, which looks before a request whether its kept connection still lives, and seldom asks."""

from __future__ import annotations

import select
from typing import Any

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def close_if_health_check_failed(self) -> None:
        """Close a connection that is dead. A server that goes says so: where nothing came, no query has to find out.

        Asking each time costs every request a round trip.
        """
        if self.connection is not None and _is_silent(self.connection):
            self.health_check_done = True
        super().close_if_health_check_failed()


def _is_silent(connection: Any) -> bool:
    """Whether nothing arrived on an idle connection: no goodbye, and no end."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
