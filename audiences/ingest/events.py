"""Writing events and what is counted of them, by one statement each for a whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from audiences import binary, partitions
from audiences.signals import RecordedEvent

INSERT = """
INSERT INTO audiences_event
    (tenant_id, received_at, is_internal, id, profile_id, name, occurred_at, is_clamped, properties)
SELECT %s, %s, %s, e.* FROM ROWS FROM (
    unnest(%b::bigint[]), unnest(%b::bigint[]), unnest(%b::text[]), unnest(%b::timestamptz[]), unnest(%b::boolean[]),
    jsonb_array_elements(%s::jsonb)
) e
"""

ADD_TOTALS = """
INSERT INTO audiences_eventtotal AS t (tenant_id, profile_id, name, count, first_at, last_at, last_properties)
SELECT %s, e.* FROM ROWS FROM (
    unnest(%b::bigint[]), unnest(%b::text[]), unnest(%b::bigint[]), unnest(%b::timestamptz[]),
    unnest(%b::timestamptz[]), jsonb_array_elements(%s::jsonb)
) e
ON CONFLICT (tenant_id, profile_id, name) DO UPDATE SET
    count = t.count + EXCLUDED.count,
    first_at = LEAST(t.first_at, EXCLUDED.first_at),
    last_at = GREATEST(t.last_at, EXCLUDED.last_at),
    last_properties = CASE WHEN EXCLUDED.last_at >= t.last_at THEN EXCLUDED.last_properties ELSE t.last_properties END
"""


class Row(NamedTuple):
    """An event about to be stored; ``raw`` are its properties as JSON."""

    profile_id: int
    name: str
    at: datetime
    is_clamped: bool
    may_start: bool
    raw: bytes
    properties: dict[str, object]


def ensure_months(moments: Sequence[datetime]) -> None:
    """Make the months that ``moments`` (UTC) need. Before any lock is taken: two makers wait for each other."""
    partitions.ensure_months("audiences_event", {(at.year, at.month): at for at in moments}.values())


def insert(tenant_id: int, rows: list[Row], *, now: datetime, is_internal: bool) -> list[RecordedEvent]:
    """Store events of locked profiles, whose months exist, count them, and return them as recorded."""
    if not rows:
        return []
    sql = "SELECT nextval('audiences_event_id_seq') FROM generate_series(1, %b::int)"
    ids = [id_ for (id_,) in binary.run(sql, [len(rows)])]
    columns = [[row.profile_id for row in rows], [row.name for row in rows], [row.at for row in rows]]
    clamped = [row.is_clamped for row in rows]
    binary.run(
        INSERT, [tenant_id, now, is_internal, ids, *columns, clamped, _array([row.raw for row in rows])]
    )
    _add_totals(tenant_id, rows)
    return [
        RecordedEvent(id_, row.profile_id, row.name, row.at, row.properties, is_internal, row.may_start)
        for id_, row in zip(ids, rows, strict=True)
    ]


def _add_totals(tenant_id: int, rows: list[Row]) -> None:
    totals: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        totals.setdefault((row.profile_id, row.name), []).append(row)
    latest = [max(group, key=lambda row: row.at) for group in totals.values()]
    first = [min(row.at for row in group) for group in totals.values()]
    binary.run(
        ADD_TOTALS,
        [
            tenant_id,
            [row.profile_id for row in latest],
            [row.name for row in latest],
            [len(group) for group in totals.values()],
            first,
            [row.at for row in latest],
            _array([row.raw for row in latest]),
        ],
    )


def _array(raws: list[bytes]) -> str:
    return b"[%b]".__mod__(b",".join(raws)).decode()
