"""One PostgreSQL server for each data folder: started by the first process that needs it, stopped after the last.

Three kernel locks say everything, so nothing is left to clean up after a crash:
``users`` is held shared by each process that uses the server, ``start`` exclusively by the one that starts it, and
``server`` by the keeper and every process of the server itself.
"""

import errno
import fcntl
import os
import pwd
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import psycopg

from config import folders
from config.embedded import install, keeper

ROLE = DATABASE = "tact"
SUPERUSER = "postgres"
WAIT_SECONDS = 120  # recovery after a crash may take a while
ROOM_NEEDED = 200 * 1024**2
LONGEST_SOCKET_PATH = 107
LARGEST_LOG = 5 * 1024**2


class NotStarted(psycopg.OperationalError):
    """The embedded PostgreSQL could not be started; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """Where one server's files lie, below ``base``."""

    base: Path

    @property
    def data(self) -> Path:
        return self.base / "postgres"

    @property
    def log(self) -> Path:
        return self.base / "postgres.log"

    @cached_property
    def user(self) -> pwd.struct_passwd | None:
        return install.account(self.data)

    @cached_property
    def socket(self) -> Path:
        """A private folder for the socket, whose path the system limits to 107 bytes."""
        near = self.base / "socket"
        if len(bytes(near / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
            return near
        name = f"tact-{os.geteuid()}-{sha256(bytes(self.base)).hexdigest()[:10]}"
        return Path("/run" if os.geteuid() == 0 else "/tmp") / name  # noqa: S108, checked when made

    def lock(self, name: str) -> int:
        """Open a lock file; closing what comes back releases the lock."""
        folders.make(self.base / "locks")
        return os.open(self.base / "locks" / name, os.O_RDWR | os.O_CREAT, 0o600)

    def url(self, *, role: str = ROLE, database: str = DATABASE) -> str:
        return f"postgres://{role}@/{database}?host={quote(str(self.socket), safe='')}"


_held: dict[Path, int] = {}
_one_at_a_time = threading.Lock()
_keeper: subprocess.Popen[bytes] | None = None


def ensure() -> str:
    """Return the URL of a running server, starting it if nobody has, and keep it running while this process lives.

    Its role may create databases and is no superuser. Raises NotStarted, with the reason and what to do.
    """
    place = Place(folders.data())
    with _one_at_a_time, _said_plainly(place):
        _hold(place)
        if not _answers(place.url()):
            _start(place)
    return place.url()


@contextmanager
def _said_plainly(place: Place) -> Iterator[None]:
    try:
        yield
    except PermissionError as exc:
        raise NotStarted(
            f"Not permitted: {exc}. Tact keeps its data in {place.base}, which must belong to the user running it. "
            "Change its owner, set TACT_DATA_DIR to another folder, or set DATABASE_URL to a server of your own."
        ) from exc
    except OSError as exc:
        if exc.errno != errno.ENOSPC:
            raise
        raise NotStarted(_no_room(place)) from exc


def _hold(place: Place) -> None:
    """Hold the users' lock until this process ends; forked children keep it too, executed ones do not."""
    if place.base in _held:
        return
    users = place.lock("users")
    _take(users, fcntl.LOCK_SH, "a server that is still stopping")
    _held[place.base] = users


def _take(lock: int, kind: int, waiting_for: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not _taken(lock, kind):
        if time.monotonic() > deadline:
            raise NotStarted(
                f"Waited {WAIT_SECONDS} seconds for {waiting_for}. Try again, or look for hung processes."
            )
        time.sleep(0.02)


def _taken(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers(url: str) -> bool:
    with suppress(psycopg.OperationalError), closing(psycopg.connect(url, connect_timeout=10)):
        return True
    return False


def _start(place: Place) -> None:
    """Bring the server up: alone, from whatever an earlier start left behind."""
    start = place.lock("start")
    try:
        _take(start, fcntl.LOCK_EX, "another process that is starting the server")
        if _answers(place.url()):
            return
        if not place.data.is_dir():
            _create(place, start)
        _wait_for_answer(place)
        _make_role(place)
    finally:
        os.close(start)


def _wait_for_answer(place: Place) -> None:
    """Start the server unless one is running, and return when it lets a superuser in."""
    superuser = place.url(role=SUPERUSER, database="postgres")
    started: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + WAIT_SECONDS
    while not _answers(superuser):
        started = started or _spawn_keeper(place)
        if started and started.poll() is not None:
            raise NotStarted(_failure(place, "stopped while starting"))
        if time.monotonic() > deadline:
            raise NotStarted(_failure(place, f"gave no answer for {WAIT_SECONDS} seconds"))
        time.sleep(0.05)


def _spawn_keeper(place: Place) -> "subprocess.Popen[bytes] | None":
    """Start a keeper and through it the server; None while an older server, perhaps on its way out, still lives."""
    global _keeper
    lock = place.lock("server")
    try:
        if not _taken(lock, fcntl.LOCK_EX):
            return None
        _forget_dead_server(place)
        _make_socket_folder(place)
        with _open_log(place) as log:
            _keeper = subprocess.Popen(
                _keeper_command(place, lock),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=[lock],
                start_new_session=True,
            )
        return _keeper
    finally:
        os.close(lock)  # the keeper has it now


def _keeper_command(place: Place, lock: int) -> list[str]:
    idle_seconds = os.environ.get("TACT_DATABASE_IDLE_SECONDS", "1.5")
    become = ["--uid", str(place.user.pw_uid), "--gid", str(place.user.pw_gid)] if place.user else []
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{place.socket}"',
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "shared_buffers": f"{_megabytes_shared()}MB",
    }
    return [
        *(sys.executable, "-I", "-S", keeper.__file__),
        *("--users", str(place.base / "locks" / "users"), "--server-lock", str(lock)),
        *("--idle-seconds", idle_seconds, *become, "--"),
        *(str(install.programs(place.user) / "postgres"), "-D", str(place.data)),
        *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
    ]


def _megabytes_shared() -> int:
    """Return how much the server keeps in memory at hand: an eighth of the machine's, between 128 and 512 MB.

    PostgreSQL's own choice is 128. With a million events the indexes that storing writes to outgrow that, and an event
    costs the database a fifth more.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(min(512, max(128, memory // 8 // 1024**2)))


def _forget_dead_server(place: Place) -> None:
    """Remove the pid file of a server that is gone, which after a reboot may name an innocent process.

    We hold the server's lock, so only a server started by hand could be alive; it runs inside its data folder.
    """
    pid_file = place.data / "postmaster.pid"
    if not pid_file.exists():
        return
    pid = pid_file.read_text().partition("\n")[0].strip()
    with suppress(OSError):
        if Path(f"/proc/{pid}/cwd").readlink() == place.data.resolve():
            return
    if Path("/proc/self").exists():
        pid_file.unlink()


def _make_socket_folder(place: Place) -> None:
    owner = place.user.pw_uid if place.user else os.geteuid()
    folders.make(place.socket, uid=owner if place.user else -1)
    status = place.socket.lstat()
    if status.st_uid != owner or status.st_mode & 0o077 or place.socket.is_symlink():
        raise NotStarted(f"{place.socket} is not a private folder of ours. Remove it, or set TACT_DATA_DIR.")


def _open_log(place: Place) -> BinaryIO:
    with suppress(FileNotFoundError):
        if place.log.stat().st_size > LARGEST_LOG:
            place.log.rename(place.log.with_suffix(".log.1"))
    return open(os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _create(place: Place, start: int) -> None:
    """Make the data folder under another name first: it exists whole or not at all."""
    if place.user and (barrier := install.unreachable(place.base, place.user)):
        raise NotStarted(
            f"PostgreSQL does not run as root but as user {place.user.pw_name}, who may not enter {barrier}. Set "
            "TACT_DATA_DIR to a folder every user can reach, such as /srv/tact, or run Tact as an ordinary user."
        )
    if shutil.disk_usage(place.base).free < ROOM_NEEDED:
        raise NotStarted(_no_room(place))
    unfinished = place.data.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    uid, gid = (place.user.pw_uid, place.user.pw_gid) if place.user else (None, None)
    folders.make(unfinished, uid=-1 if uid is None else uid, gid=-1 if gid is None else gid)
    with _open_log(place) as log:
        made = subprocess.run(
            [
                *(install.programs(place.user) / "initdb", "-D", unfinished, "--username", SUPERUSER),
                *("--auth", "trust", "--encoding", "UTF8"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C.UTF-8"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=[start],  # if we are killed, nobody else begins before initdb is gone too
            umask=0o077,
            preexec_fn=keeper.dying_with_parent(uid, gid),
            check=False,
        )
    if made.returncode:
        raise NotStarted(_failure(place, "could not make its data folder"))
    unfinished.rename(place.data)


def _make_role(place: Place) -> None:
    with closing(
        psycopg.connect(place.url(role=SUPERUSER, database="postgres"), autocommit=True)
    ) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB NOSUPERUSER")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")


def _no_room(place: Place) -> str:
    return f"No space left for {place.base}: free at least {ROOM_NEEDED // 1024**2} MB, or set TACT_DATA_DIR."


def _failure(place: Place, what: str) -> str:
    tail = "\n".join(place.log.read_text(errors="replace").splitlines()[-12:])
    if "No space left" in tail:
        return _no_room(place)
    return (
        f"The embedded PostgreSQL {what}. The end of its log, {place.log}:\n{tail}\n"
        "If this does not help, set DATABASE_URL to a PostgreSQL server of your own."
    )
