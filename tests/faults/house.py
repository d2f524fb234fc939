"""A house to break: its own database, a supervised cluster, the sandbox's mail server with its journal kept whole."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from config import embedded, folders
from delivery.sandbox import journal
from delivery.sandbox.keeping import JOURNAL_NAME

LEASE_SECONDS = 8
WORKERS = 3  # two drains, so two connections
PATIENCE_SECONDS = 90

SUPERVISOR = """
import sys
from config.processes import Group, Program
Group([Program("cluster", [sys.executable, "manage.py", "cluster"])], grace_seconds=30).run()
"""


@contextmanager
def fresh_database() -> Iterator[str]:
    """Make an empty database beside the one we have, yield its URL, and drop it."""
    server = os.environ.get("DATABASE_URL") or embedded.ensure()
    name = f"tact_faults_{uuid.uuid4().hex[:12]}"
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class House:
    """Everything that runs for one test. Processes are found by their parents, as an outsider would."""

    def __init__(self, folder: Path, url: str, *, people: int, delay_ms: int, asks: str = "") -> None:
        self.folder = folder
        self.people = people
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.environment = os.environ | {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONUNBUFFERED": "1",
            "TACT_VAR": str(folder / "var"),
            "TACT_SANDBOX_SMTP_PORT": str(port),
            "TACT_WORKERS": str(WORKERS),
            "TACT_LEASE_SECONDS": str(LEASE_SECONDS),
            "TACT_HAND_OVER_SECONDS": str(LEASE_SECONDS),
            "TACT_SOURCES_MAY_REACH": f"127.0.0.1/32:{urlsplit(asks).port}" if asks else "",
        }
        made = subprocess.run(
            [sys.executable, "-m", "tests.faults.world", str(people), *filter(None, [asks])],
            cwd=folders.PROJECT, env=self.environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        self.ids = json.loads(made.stdout.splitlines()[-1])
        self._connection = psycopg.connect(url, autocommit=True)
        options = [
            "--port",
            str(port),
            "--folder",
            str(folder / "mail"),
            "--keep-journal",
            "--delay-ms",
            str(delay_ms),
        ]
        self._mail_server = self.start("mail", ["manage.py", "sandbox_smtp", *options])
        self.groups: set[int] = set()  # process groups of every cluster that ever ran here
        self.supervisor: subprocess.Popen[bytes] | None = None

    def start(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folders.PROJECT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def supervise(self) -> None:
        self.supervisor = self.start("cluster", ["-c", SUPERVISOR])

    def close(self) -> None:
        for process in (self.supervisor, self._mail_server):
            if process is not None:
                process.terminate()
        for process in (self.supervisor, self._mail_server):
            if process is not None:
                process.wait(60)
        self._connection.close()

    # --- processes ---

    def master(self) -> int:
        """Return the pid of the running cluster, waiting for one."""
        assert self.supervisor
        pid = wait_for(
            lambda: [pid for pid in children(self.supervisor.pid) if "cluster" in command(pid)], "a cluster"
        )[0]
        wait_for(lambda: group_of(pid) == pid, "a process group of its own")
        self.groups.add(pid)
        return pid

    def parts(self) -> dict[str, list[int]]:
        """Return the pids of the running cluster's parts, waiting until it is complete.

        The sentinel forks its workers first, then the monitor, then the pusher.
        """

        def look() -> dict[str, list[int]] | None:
            master = self.master()
            below = children(master)
            sentinels = [pid for pid in below if len(children(pid)) == WORKERS + 2]
            if len(below) != 2 or len(sentinels) != 1:
                return None
            crew = sorted(children(sentinels[0]))
            workers = crew[:WORKERS]
            return {
                "master": [master],
                "sentinel": sentinels,
                "pulse": [pid for pid in below if pid not in sentinels],
                "worker": workers,
                "monitor": [crew[-2]],
                "pusher": [crew[-1]],
                "renderer": [pid for worker in workers for pid in children(worker)],
            }

        return wait_for(look, "a complete cluster")

    # --- what is true ---

    def journal(self) -> list[journal.Entry]:
        return list(journal.read(self.folder / "mail" / JOURNAL_NAME))

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def states(self) -> Counter[str]:
        return Counter(dict(self.rows("SELECT state, count(*) FROM delivery_delivery GROUP BY state")))

    def count_open(self) -> int:
        states = self.states()
        return states["planned"] + states["sending"]

    def is_planned(self) -> bool:
        return sum(self.states().values()) == self.people

    def log(self) -> str:
        return (self.folder / "cluster.log").read_text()


def wait_for(look: Callable[[], Any], what: str, *, seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the first true value of ``look``, asked again and again."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)
    return found


def processes() -> Iterator[tuple[int, int, int]]:
    """Yield (pid, parent, process group) of all that live."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            yield int(folder.name), int(fields[1]), int(fields[2])


def children(pid: int) -> list[int]:
    return [child for child, parent, _ in processes() if parent == pid]


def group_of(pid: int) -> int:
    return next((group for one, _, group in processes() if one == pid), 0)


def command(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def survivors(groups: set[int]) -> list[int]:
    return [pid for pid, _, group in processes() if group in groups]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
