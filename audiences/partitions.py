"""Monthly partitions: tables that grow with time keep each month apart, so that old months cost nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import connection, transaction

LOCK = 7_113_001  # advisory: two processes that need the same new month make it once
TRUSTED_SECONDS = 60.0  # retention may drop a month behind our back

# Partitions that were there when this process looked, and until when that is trusted (time.monotonic).
_seen: dict[str, float] = {}


def ensure_months(table: str, moments: Iterable[datetime], *, trust: bool = False) -> None:
    """Make the partitions of ``table`` (range by month, UTC) that ``moments`` need and that are missing.

    Costs one small query when none is; ``trust`` saves it for what this process has seen before: where that is wrong,
    inserting raises IntegrityError. New partitions are attached, not created in place, so that reads and writes of
    other months go on meanwhile. Before any lock is taken: two makers wait for each other.
    """
    months = _months([*moments])
    names = {_name(table, *month): month for month in months}
    now = time.monotonic()
    if names and not (trust and all(_seen.get(name, 0.0) > now for name in names)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT n FROM unnest(%s::text[]) n WHERE to_regclass(n) IS NULL", [list(names)])
            missing = sorted(names[name] for (name,) in cursor.fetchall())
        if missing:
            _make(table, missing)  # not yet for good, if our caller's transaction is open
        else:
            _seen.update(dict.fromkeys(names, now + TRUSTED_SECONDS))


def _months(moments: list[datetime]) -> set[tuple[int, int]]:
    """Return the months that moments lie in. Mostly all lie in one, and the first and the last of them tell."""
    ends = {month_of(moment) for moment in (min(moments), max(moments))} if moments else set()
    return ends if len(ends) < 2 else {month_of(moment) for moment in moments}


def month_of(moment: datetime) -> tuple[int, int]:
    """Return the year and month in whose partition a moment lies."""
    in_utc = moment.astimezone(UTC)
    return in_utc.year, in_utc.month


def distrust() -> None:
    """Forget what this process has seen: something was not there."""
    _seen.clear()


def months_before(table: str, moment: datetime) -> list[str]:
    """Return the names of ``table``'s partitions that end before ``moment``, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %s::regclass AND c.relname < %s ORDER BY 1",
            [table, _name(table, *month_of(moment))],
        )
        return [name for (name,) in cursor.fetchall()]


@transaction.atomic
def _make(table: str, months: list[tuple[int, int]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        for year, month in months:
            name = _name(table, year, month)
            # Not to_regclass: what it remembers from before the wait for the lock may have become wrong meanwhile.
            cursor.execute(
                "SELECT 1 FROM pg_class WHERE relname = %s AND relnamespace = current_schema()::regnamespace",
                [name],
            )
            if cursor.fetchone():
                continue
            start = f"{year:04d}-{month:02d}-01 00:00:00+00"
            end = f"{year + month // 12:04d}-{month % 12 + 1:02d}-01 00:00:00+00"
            cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
            cursor.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')"
            )


def _name(table: str, year: int, month: int) -> str:
    return f"{table}_{year:04d}_{month:02d}"
