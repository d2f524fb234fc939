"""Keeping PostgreSQL's idea of our tables fresh: after a bulk load it guesses, and a wrong guess costs minutes."""

from __future__ import annotations

from django.db import connection

TABLES = ("audiences_profile", "audiences_identity", "audiences_eventtotal", "audiences_event")

# Partitions count towards their parent; a fifth changed is what autovacuum waits for too, but only once a minute.
STALE = """
SELECT coalesce(parent.relname, child.relname)
FROM pg_stat_user_tables stat
JOIN pg_class child ON child.oid = stat.relid
LEFT JOIN pg_inherits i ON i.inhrelid = child.oid
LEFT JOIN pg_class parent ON parent.oid = i.inhparent
WHERE coalesce(parent.relname, child.relname) = ANY(%s)
GROUP BY 1
HAVING sum(stat.n_mod_since_analyze) > 1000 + 0.2 * sum(stat.n_live_tup)
    OR (sum(stat.n_live_tup) > 1000 AND bool_and(stat.last_analyze IS NULL AND stat.last_autoanalyze IS NULL))
"""


def refresh() -> list[str]:
    """Have PostgreSQL look anew at the tables that changed a lot since it last did; return their names.

    Costs a small query where none did, and some hundred milliseconds a table else, whatever its size. Measured on
    23,570 people just loaded: counting a segment took two minutes before, and a tenth of a second after.
    """
    with connection.cursor() as cursor:
        cursor.execute(STALE, [list(TABLES)])
        stale = [name for (name,) in cursor.fetchall()]
        for name in stale:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(name)}")
    return stale
