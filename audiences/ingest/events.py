"""Writing events, by one statement for a whole batch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from audiences import binary, partitions
from audiences.signals import RecordedEvent

# The properties travel once and are parsed once. Ids rise in the order given.
INSERT = """
INSERT INTO audiences_event
    (id, tenant_id, profile_id, name, occurred_at, received_at, properties, is_internal, is_clamped)
SELECT nextval('audiences_event_id_seq'), %s, profile_id, name, at, %s, properties, %s, is_clamped
FROM ROWS FROM (
    unnest(%b::bigint[]), unnest(%b::text[]), unnest(%b::timestamptz[]), unnest(%b::boolean[]),
    jsonb_array_elements(%s::jsonb)
) e(profile_id, name, at, is_clamped, properties)
RETURNING id
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
    """Store events of locked profiles, whose months exist, and return them as recorded."""
    if not rows:
        return []
    columns = [
        [row.profile_id for row in rows],
        [row.name for row in rows],
        [row.at for row in rows],
        [row.is_clamped for row in rows],
        msgspec.json.encode([row.properties for row in rows]).decode(),
    ]
    ids = sorted(binary.run(INSERT, [tenant_id, now, is_internal, *columns]))
    return [
        RecordedEvent(id_, row.profile_id, row.name, row.at, row.properties, is_internal, row.may_start)
        for (id_,), row in zip(ids, rows, strict=True)
    ]
