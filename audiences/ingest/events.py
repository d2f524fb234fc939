"""Writing events, by one statement for a whole batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from audiences import partitions
from audiences.signals import RecordedEvent
from tenants import binary

# Ids rise in the order given.
INSERT = """
INSERT INTO audiences_event
    (id, tenant_id, profile_id, name, occurred_at, received_at, properties, is_internal, is_clamped)
SELECT nextval('audiences_event_id_seq'), %s, profile_id, name, at, %s, properties, %s, is_clamped
FROM unnest(%b::bigint[], %b::text[], %b::timestamptz[], %b::boolean[], %b::jsonb[])
    e(profile_id, name, at, is_clamped, properties)
RETURNING id
"""
_encode = msgspec.json.Encoder().encode


class Row(Protocol):
    """An event about to be stored, of whoever it may be."""

    name: str
    at: datetime
    is_clamped: bool
    may_start: bool
    properties: dict[str, Any]


def ensure_months(moments: Iterable[datetime], *, trust: bool = False) -> None:
    """Make the months that events of ``moments`` need, as ``partitions.ensure_months`` does."""
    partitions.ensure_months("audiences_event", moments, trust=trust)


class Insertion:
    """Events sent to be stored, in order, whose months exist and whose profiles are locked."""

    def __init__(
        self,
        tenant_id: int,
        profile_ids: list[int],
        rows: Sequence[Row],
        *,
        is_internal: bool,
        now: datetime,
    ) -> None:
        self._profile_ids, self._rows, self._is_internal = profile_ids, rows, is_internal
        if self._rows:
            columns = [
                binary.bigints(profile_ids),
                binary.texts(row.name for row in self._rows),
                binary.moments(row.at for row in self._rows),
                binary.booleans(row.is_clamped for row in self._rows),
                binary.jsons(_encode(row.properties) for row in self._rows),
            ]
            self._ids = binary.send(INSERT, [tenant_id, now, is_internal, *columns])

    def recorded(self) -> list[RecordedEvent]:
        """Return the events with their ids, once they are there."""
        ids = sorted(self._ids.rows()) if self._rows else []
        return [
            RecordedEvent(id_, whose, row.name, row.at, row.properties, self._is_internal, row.may_start)
            for (id_,), whose, row in zip(ids, self._profile_ids, self._rows, strict=True)
        ]
