"""Ends what a supervisor started when the supervisor itself is gone, even by ``kill -9``.

Reads ``+pgid`` and ``-pgid`` lines from standard input, whose other end only the supervisor holds; at its end
every process group still listed gets SIGTERM, and SIGKILL after a grace time. A plain script, standard library only.
"""

import os
import signal
import sys
import time


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # we end with the supervisor, and after it
    groups: set[int] = set()
    for line in sys.stdin:
        pgid = int(line[1:])
        groups.add(pgid) if line[0] == "+" else groups.discard(pgid)
    end(groups, grace_seconds=float(sys.argv[1]))


def end(groups: set[int], *, grace_seconds: float) -> None:
    """Ask the groups to end, then force those that did not within ``grace_seconds``."""
    alive = {pgid for pgid in groups if reach(pgid, signal.SIGTERM)}
    deadline = time.monotonic() + grace_seconds
    while alive and time.monotonic() < deadline:
        time.sleep(0.1)
        alive = {pgid for pgid in alive if reach(pgid, 0)}
    for pgid in alive:
        reach(pgid, signal.SIGKILL)


def reach(pgid: int, number: int) -> bool:
    """Send a signal to a process group; return whether it has a process."""
    try:
        os.killpg(pgid, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
