"""Programs that a measurement needs beside it, each ended with the block that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config import folders

PEERS = "benchmarks.peers.settings"


@contextmanager
def running(
    command: Sequence[str],
    *,
    cpus: set[int] | None = None,
    environment: Mapping[str, str] | None = None,
    grace_seconds: float = 15,
    **streams: Any,
) -> Iterator[subprocess.Popen[Any]]:
    """Run a program from the project's folder on ``cpus`` while the block runs; its whole group ends with it."""
    process = subprocess.Popen(
        command,
        cwd=folders.PROJECT,
        env=os.environ | (environment or {}),
        start_new_session=True,
        preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
        **streams,
    )
    try:
        yield process
    finally:
        _end(process, grace_seconds)


def _end(process: subprocess.Popen[Any], grace_seconds: float) -> None:
    process.terminate()
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)  # whom it left behind
    except ProcessLookupError:
        pass
    process.wait()


def children(pid: int) -> list[int]:
    """Return the processes that a process has started; none where the system does not tell."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def family(pid: int) -> list[int]:
    """Return a process and all that came of it."""
    return [pid, *(one for child in children(pid) for one in family(child))]


def migrate() -> None:
    """Make all tables, Tact's and the peers'."""
    command = [
        sys.executable,
        "-m",
        "django",
        "migrate",
        "--run-syncdb",
        "--verbosity",
        "0",
        "--settings",
        PEERS,
    ]
    subprocess.run(command, cwd=folders.PROJECT, check=True)
