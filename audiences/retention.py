"""Retention: a month that no tenant keeps any more goes as a whole, and totals of its events stay.

An event is in its month or in a total, never in both: the month is counted and dropped in one transaction.
"""

from __future__ import annotations

from django.db import connection, transaction

from audiences import partitions

PATIENCE = "5s"  # for readers and writers to make way; tried again the next day

# How a total ``t`` takes in another of the same person and name.
ADDED = """
ON CONFLICT (tenant_id, profile_id, name) DO UPDATE SET
    count = t.count + EXCLUDED.count,
    first_at = LEAST(t.first_at, EXCLUDED.first_at),
    last_at = GREATEST(t.last_at, EXCLUDED.last_at),
    last_properties = CASE WHEN EXCLUDED.last_at >= t.last_at THEN EXCLUDED.last_properties ELSE t.last_properties END
"""

FOLD = (
    """
INSERT INTO audiences_eventtotal AS t (tenant_id, profile_id, name, count, first_at, last_at, last_properties)
SELECT tenant_id, profile_id, name, count(*), min(occurred_at), max(occurred_at),
       (array_agg(properties ORDER BY occurred_at DESC, id DESC))[1]
FROM {month} GROUP BY tenant_id, profile_id, name
"""
    + ADDED
)

# Each tenant's own time decides, and a day more is left to batches that are on their way.
OLDEST_KEPT = """
SELECT min(clock_timestamp() + clock_offset - make_interval(days => retention_days + 1)) FROM tenants_tenant
"""


def drop_old_months() -> list[str]:
    """Fold and drop every month of events older than the longest retention of all tenants; return their names.

    Reading and storing events waits for the while, some seconds for a million events. Raises OperationalError if
    others hold on to the events for too long; nothing has changed then.
    """
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_KEPT)
        (oldest,) = cursor.fetchone()
    months = partitions.months_before("audiences_event", oldest) if oldest else []
    for month in months:
        fold(month)
    return months


@transaction.atomic
def fold(month: str) -> None:
    """Count the events of one month, a partition's name, into totals and drop it; nothing if another just did."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        cursor.execute("LOCK TABLE audiences_event IN ACCESS EXCLUSIVE MODE")
        cursor.execute("SELECT to_regclass(%s)", [month])
        if cursor.fetchone()[0] is None:
            return
        cursor.execute(FOLD.format(month=connection.ops.quote_name(month)))
        cursor.execute(f"DROP TABLE {connection.ops.quote_name(month)}")
