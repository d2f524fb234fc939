"""A process that is up before the clock starts: it waits for a line, does what the line says, and answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks import programs


class Died(Exception):
    """The process ended instead of answering; what it said is on the terminal."""


class Resident:
    """Another process, as seen from here."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, *words: str | int) -> None:
        """Tell it to begin, without waiting for the answer."""
        assert self._process.stdin
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise Died(str(self._process.args))
        return json.loads(line)


@contextmanager
def started(module: str, *, cpus: set[int] | None, environment: Mapping[str, str]) -> Iterator[Resident]:
    """Start ``python -m module`` and yield it once it waits for work."""
    command = [sys.executable, "-m", module]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with programs.running(command, cpus=cpus, environment=environment, **streams) as process:
        there = Resident(process)
        assert there.answer() == "ready"
        yield there


def serve(**does: Callable[..., Any]) -> None:
    """Be such a process: the line's first word names one of the functions, the others are its arguments."""
    answers, sys.stdout = sys.stdout, sys.stderr  # nobody else's words among the answers
    _say(answers, "ready")
    for line in sys.stdin:
        name, *words = line.split()
        _say(answers, does[name](*words))


def _say(answers: Any, what: Any) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()
