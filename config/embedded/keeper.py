"""Runs one PostgreSQL server for as long as any process holds the users' lock, then stops it.

Started detached by server.py as a plain script, with nothing but the standard library. Every tie is a kernel lock
or a death signal, so that ``kill -9`` of anything leaves nothing behind: the users' lock goes with its last user,
and the server gets SIGINT (a fast shutdown) when the keeper dies.
"""

import argparse
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
LOOK_EVERY_SECONDS = 0.5
# Fast, immediate, and by force: what to send, and how long to wait for it.
STOPS = [(signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)]


def main() -> int:
    options = _options()
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: asked.append(received))
    users = os.open(options.users, os.O_RDWR)
    server = subprocess.Popen(
        options.command,
        stdin=subprocess.DEVNULL,
        pass_fds=[
            options.server_lock
        ],  # held by the server too: while it is locked, some server process lives
        start_new_session=True,
        umask=0o077,
        preexec_fn=dying_with_parent(options.uid, options.gid),
    )
    _wait(server, users=users, idle_seconds=options.idle_seconds, asked=asked)
    return _stop(server)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", required=True)
    parser.add_argument("--server-lock", type=int, required=True)
    parser.add_argument("--idle-seconds", type=float, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def dying_with_parent(
    uid: int | None = None, gid: int | None = None, *, by: signal.Signals = signal.SIGINT
) -> Callable[[], None]:
    """Return what a child does between fork and exec to become ``uid`` and to get ``by`` when its parent dies."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    parent = os.getpid()

    def prepare() -> None:
        if uid is not None and gid is not None:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        if libc:  # after the change of user, which clears it
            libc.prctl(PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:  # it died before we asked to be told
            os._exit(1)

    return prepare


def _wait(server: subprocess.Popen[bytes], *, users: int, idle_seconds: float, asked: list[int]) -> None:
    """Return when the server ended, when we are asked to stop, or when it had no user for ``idle_seconds``.

    In the last case the users' lock stays ours: whoever comes now waits until the server is gone, and starts another.
    """
    free_since: float | None = None
    while server.poll() is None and not asked:
        if not _is_free(users):
            free_since = None
        elif free_since is None:
            free_since = time.monotonic()
            fcntl.flock(users, fcntl.LOCK_UN)
        elif time.monotonic() - free_since < idle_seconds:
            fcntl.flock(users, fcntl.LOCK_UN)
        else:
            return
        time.sleep(LOOK_EVERY_SECONDS)


def _is_free(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(server: subprocess.Popen[bytes]) -> int:
    for number, seconds in STOPS:
        if server.poll() is None:
            server.send_signal(number)
        try:
            return server.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    return 1


if __name__ == "__main__":
    sys.exit(main())
