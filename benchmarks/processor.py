"""Processor time: what a piece of work costs whichever machine it runs on, and however busy that one is meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from django.db import connection

from benchmarks import programs

TICKS = os.sysconf("SC_CLK_TCK")  # a second
BACKENDS = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
"""


class Meter:
    """Adds up what processes, with all below them, and the database's backends spend in several pieces of work."""

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self._processes = processes
        self._before: tuple[float, float] = (0.0, 0.0)
        self.done = 0
        self.outside = self.database = 0.0  # seconds

    def start(self) -> None:
        self._before = self._read()

    def stop(self, done: int) -> None:
        """Note that ``done`` things came of what was spent since ``start``."""
        outside, database = self._read()
        self.outside += outside - self._before[0]
        self.database += database - self._before[1]
        self.done += done

    def microseconds(self) -> dict[str, int]:
        """Return the processor time of one thing, in the database and outside it."""
        each = 1_000_000 / max(self.done, 1)
        return {
            "outside the database": round(self.outside * each),
            "in the database": round(self.database * each),
        }

    def _read(self) -> tuple[float, float]:
        with connection.cursor() as cursor:
            cursor.execute(BACKENDS)
            backends = [pid for (pid,) in cursor.fetchall()]
        # An embedded server is below the process that started it.
        outside = {one for pid in self._processes() for one in programs.family(pid)} - set(backends)
        return sum(map(_seconds, outside)), sum(map(_seconds, backends))


def _seconds(pid: int) -> float:
    """Return what a process has spent so far; 0 if it is not here, as a distant server's is not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    return 0.0
