"""What fails for one of many rests a while: it is logged, and the others have their turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError

log = logging.getLogger(__name__)

SECONDS = 60.0


class Resting:
    """Things of one kind, by their ids, of which some may rest, in this process."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._until: dict[int, float] = {}  # time.monotonic()

    def tried(self, pk: int, work: Callable[[int], bool]) -> bool:
        """Return what ``work`` returns of ``pk``, False if that rests or fails. The database's trouble is raised."""
        if time.monotonic() < self._until.get(pk, 0.0):
            return False
        try:
            return work(pk)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("%s %s failed.", self._kind, pk)
            self._until[pk] = time.monotonic() + SECONDS
            return False
