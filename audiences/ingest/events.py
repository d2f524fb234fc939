"""Writing events and what is counted of them, by one statement for a whole batch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from audiences import binary, partitions
from audiences.signals import RecordedEvent

# The properties travel once and are parsed once.
INSERT = """
WITH given AS MATERIALIZED (
    SELECT nextval('audiences_event_id_seq') AS id, e.* FROM ROWS FROM (
        unnest(%b::bigint[]), unnest(%b::text[]), unnest(%b::timestamptz[]), unnest(%b::boolean[]),
        jsonb_array_elements(%s::jsonb)
    ) e(profile_id, name, at, is_clamped, properties)
), stored AS (
    INSERT INTO audiences_event
        (id, tenant_id, profile_id, name, occurred_at, received_at, properties, is_internal, is_clamped)
    SELECT id, %s, profile_id, name, at, %s, properties, %s, is_clamped FROM given
), counted AS (
    INSERT INTO audiences_eventtotal AS t (tenant_id, profile_id, name, count, first_at, last_at, last_properties)
    SELECT %s, profile_id, name, count(*), min(at), max(at), (array_agg(properties))[count(*)]
    FROM (SELECT * FROM given ORDER BY profile_id, name, at, id) e  -- sorted once, not for every group
    GROUP BY profile_id, name ORDER BY profile_id, name
    ON CONFLICT (tenant_id, profile_id, name) DO UPDATE SET
        count = t.count + EXCLUDED.count,
        first_at = LEAST(t.first_at, EXCLUDED.first_at),
        last_at = GREATEST(t.last_at, EXCLUDED.last_at),
        last_properties =
            CASE WHEN EXCLUDED.last_at >= t.last_at THEN EXCLUDED.last_properties ELSE t.last_properties END
)
SELECT id FROM given ORDER BY id
"""


class Row(msgspec.Struct, frozen=True, gc=False):
    """An event about to be stored."""

    profile_id: int
    name: str
    at: datetime
    is_clamped: bool
    may_start: bool
    properties: dict[str, Any]


def ensure_months(moments: Iterable[datetime]) -> None:
    """Make the months that ``moments`` (UTC) need. Before any lock is taken: two makers wait for each other."""
    partitions.ensure_months("audiences_event", {(at.year, at.month): at for at in moments}.values())


def insert(tenant_id: int, rows: list[Row], *, now: datetime, is_internal: bool) -> list[RecordedEvent]:
    """Store events of locked profiles, whose months exist, count them, and return them as recorded."""
    if not rows:
        return []
    columns = [
        [row.profile_id for row in rows],
        [row.name for row in rows],
        [row.at for row in rows],
        [row.is_clamped for row in rows],
        msgspec.json.encode([row.properties for row in rows]).decode(),
    ]
    ids = binary.run(INSERT, [*columns, tenant_id, now, is_internal, tenant_id])
    return [
        RecordedEvent(id_, row.profile_id, row.name, row.at, row.properties, is_internal, row.may_start)
        for (id_,), row in zip(ids, rows, strict=True)
    ]
