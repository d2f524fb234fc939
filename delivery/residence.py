"""Who is at work: the drains that stay in their workers, and the signs of life that say so."""

from __future__ import annotations

import multiprocessing
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.models.functions import Now

from delivery.models import Beat

# Set by the cluster when it is told to end; made before it forks, so every child sees it.
stopping = multiprocessing.Event()

STALE_AFTER_SECONDS = 15


def beat(part: str, detail: str = "") -> None:
    """Note that ``part`` is alive now, in raw time."""
    Beat.objects.update_or_create(part=part, defaults={"at": Now(), "detail": detail[:500]})


def forget(part: str) -> None:
    """Remove a part that ended on purpose, so that nobody misses it."""
    Beat.objects.filter(part=part).delete()


def fresh(prefix: str) -> dict[str, str]:
    """Return the parts whose names start with ``prefix`` and that gave a sign of life lately, with their details."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT part, detail FROM delivery_beat"
            " WHERE starts_with(part, %s) AND at > clock_timestamp() - make_interval(secs => %s)",
            [prefix, STALE_AFTER_SECONDS],
        )
        return dict(cursor.fetchall())


@contextmanager
def sole(part: str) -> Iterator[bool]:
    """Yield whether this session is the only one doing ``part``; the database lets go when the session dies."""
    key = zlib.crc32(part.encode())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        (is_sole,) = cursor.fetchone()
    try:
        yield is_sole
    finally:
        if is_sole:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
