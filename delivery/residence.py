"""Who is at work: residents hold a lock that the database lets go of when they die, and give signs of life."""

from __future__ import annotations

import multiprocessing
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from delivery.models import Beat

OURS = 7_113  # the first half of our advisory locks' keys

# Plain shared memory, made before the cluster forks: a lock around it could be held by whoever a signal interrupts,
# or by a process that was killed.
_stopping = multiprocessing.RawValue("b", 0)


def stop() -> None:
    """Tell every process of this cluster to finish what it holds and leave; safe in a signal's handler."""
    _stopping.value = 1


def is_stopping() -> bool:
    return bool(_stopping.value)


BEAT = """
INSERT INTO delivery_beat (part, at, detail) VALUES (%s, clock_timestamp(), %s)
ON CONFLICT (part) DO UPDATE SET at = excluded.at, detail = excluded.detail
"""


def beat(part: str, detail: str = "") -> None:
    """Note that ``part`` is alive now, in raw time."""
    with connection.cursor() as cursor:
        cursor.execute(BEAT, [part, detail[:500]])


def forget(part: str) -> None:
    """Remove a part that ended on purpose, so that nobody misses it."""
    Beat.objects.filter(part=part).delete()


def forget_dead(prefix: str, *, days: int = 7) -> None:
    """Remove parts that crashed long ago; each start has a name of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM delivery_beat"
            " WHERE starts_with(part, %s) AND at < clock_timestamp() - make_interval(days => %s)",
            [prefix, days],
        )


@contextmanager
def sole(part: str) -> Iterator[bool]:
    """Yield whether this session is the only one doing ``part``; the database lets go when the session dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [OURS, _key(part)])
        (is_sole,) = cursor.fetchone()
    try:
        yield is_sole
    finally:
        if is_sole:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [OURS, _key(part)])


HELD = """
SELECT objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def at_work(prefix: str) -> dict[str, str]:
    """Return the parts whose names start with ``prefix`` and whose session lives, with what they said of themselves."""
    with connection.cursor() as cursor:
        cursor.execute(HELD, [OURS])
        held = {key for (key,) in cursor.fetchall()}
        cursor.execute("SELECT part, detail FROM delivery_beat WHERE starts_with(part, %s)", [prefix])
        return {part: detail for part, detail in cursor.fetchall() if _key(part) in held}


def said(detail: str, *, within_seconds: float) -> set[str]:
    """Return the parts of which ``detail`` was said last, so lately."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT part FROM delivery_beat WHERE detail = %s AND at > clock_timestamp() - make_interval(secs => %s)",
            [detail, within_seconds],
        )
        return {part for (part,) in cursor.fetchall()}


def _key(part: str) -> int:
    """The second half of a part's key: 31 bits, so that it is the same number signed and unsigned."""
    return zlib.crc32(part.encode()) >> 1
