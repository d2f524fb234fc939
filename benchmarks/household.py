"""A whole Tact in a folder of its own, as ``manage.py up`` runs it, and how much memory its parts take."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import programs

WAIT_SECONDS = 180
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Household:
    """A running house: where it answers, and the variables by which other programs reach its database."""

    port: int
    environment: dict[str, str]
    pid: int

    def memory(self) -> dict[str, list[float]]:
        """Return the proportional set sizes, in MB, of the processes of each part, the part's first one first."""
        return {name: [_pss(pid) for pid in programs.family(pid)] for name, pid in self._parts().items()}

    def _parts(self) -> dict[str, int]:
        names = {"sandbox_smtp": "smtp", "cluster": "cluster", "granian": "web"}
        found: dict[str, int] = {}
        for pid in programs.children(self.pid):
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            found |= {part: pid for word, part in names.items() if word in words}
        return found


@contextmanager
def running() -> Iterator[Household]:
    """Bring up a house with an empty database of its own, yield it when its pages answer, and remove all of it."""
    folder = Path(tempfile.mkdtemp(prefix="tact-bench"))
    folder.chmod(0o711)  # PostgreSQL may run as another user
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    environment = {"DATABASE_URL": "", "TACT_DATA_DIR": str(folder / "data"), "TACT_VAR": str(folder / "var")}
    command = [sys.executable, "manage.py", "up", "--port", str(port)]
    log = folder / "log"
    try:
        with (
            log.open("w") as out,
            programs.running(
                command, environment=environment, grace_seconds=60, stdout=out, stderr=out
            ) as process,
        ):
            _wait_until_ready(log, process)
            yield Household(port, environment, process.pid)
        _wait_until_gone(folder / "data" / "postgres" / "postmaster.pid")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(log: Path, process: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while "Tact is ready" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"manage.py up did not come up:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def _wait_until_gone(file: Path) -> None:
    deadline = time.monotonic() + 30
    while file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def _pss(pid: int) -> float:
    found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    return int(found[1]) / 1024 if found else 0.0


def is_measurable() -> bool:
    """Whether this system tells proportional set sizes."""
    return Path(f"/proc/{os.getpid()}/smaps_rollup").exists()
