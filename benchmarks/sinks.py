"""Where mail ends: a server that takes everything, keeps nothing, and knows how many mails it took, and when."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import programs
from delivery.sandbox.server import Sandbox

BACKLOG = 100
_COUNTED = re.compile(r"mesg=(\d+)")
_forked = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Sink:
    """A listening server. ``login`` is both user name and password; empty where none is asked for."""

    name: str
    port: int
    login: str
    taken: Callable[[], int]  # mails so far


@contextmanager
def listening(smtp_sink: str, *, cpus: set[int]) -> Iterator[Sink]:
    """Take mail on ``cpus``: postfix's smtp-sink if a path is given, else the sandboxes' server, keeping nothing."""
    if smtp_sink:
        with _postfix(smtp_sink, cpus) as sink:
            yield sink
    else:
        with _ours(cpus) as sink:
            yield sink


@contextmanager
def _postfix(program: str, cpus: set[int]) -> Iterator[Sink]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    become = ["-u", "nobody"] if os.geteuid() == 0 else []
    with tempfile.NamedTemporaryFile() as counted:
        command = [program, "-c", *become, f"127.0.0.1:{port}", str(BACKLOG)]
        with programs.running(command, cpus=cpus, stdout=counted):
            _wait_for(port)
            yield Sink("smtp-sink", port, "", lambda: _last_count(Path(counted.name)))


def _last_count(file: Path) -> int:
    counts = _COUNTED.findall(file.read_text())
    return int(counts[-1]) if counts else 0


@contextmanager
def noting(journal: Path) -> Iterator[Sink]:
    """Take mail on our own server, and write each moment and recipient to ``journal``, for ``came`` to read."""
    with _ours(os.sched_getaffinity(0), journal) as sink:
        yield sink


def came(journal: Path, *, since: float) -> list[tuple[str, float]]:
    """Return whose mails were taken when (time.monotonic, the same in all processes), in that order."""
    lines = [line.split() for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [(recipient, float(at)) for at, recipient in lines if float(at) >= since]


@contextmanager
def _ours(cpus: set[int], journal: Path | None = None) -> Iterator[Sink]:
    taken, port = _forked.Value("q", 0), _forked.Value("i", 0)
    process = _forked.Process(target=_serve, args=(taken, port, cpus, journal), daemon=True)
    process.start()
    while not port.value:
        time.sleep(0.01)
    try:
        yield Sink("our sandbox's server", port.value, uuid.uuid4().hex, lambda: int(taken.value))
    finally:
        process.kill()
        process.join()


def _serve(taken: Any, port: Any, cpus: set[int], journal: Path | None) -> None:
    os.sched_setaffinity(0, cpus)
    written = journal.open("a", buffering=1) if journal else None

    def accept(tenant: str, sender: str, recipients: list[str], data: bytes) -> None:
        taken.value += len(recipients)
        if written:
            written.writelines(f"{time.monotonic()} {recipient}\n" for recipient in recipients)

    async def serve() -> None:
        async with Sandbox(accept).listening("127.0.0.1", 0) as listening_on:
            port.value = listening_on
            await asyncio.Event().wait()

    asyncio.run(serve())


def _wait_for(port: int) -> None:
    for _ in range(500):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("smtp-sink did not come up; what it said is above.")
