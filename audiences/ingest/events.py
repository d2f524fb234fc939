"""Writing events, by one statement for a whole batch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from audiences import binary, partitions
from audiences.signals import RecordedEvent

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


class Row(msgspec.Struct, frozen=True, gc=False):
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
    """Events whose months exist, packed; then sent to be stored, once their profiles are known and locked."""

    def __init__(self, rows: list[Row], *, is_internal: bool) -> None:
        self._rows, self._is_internal = rows, is_internal
        self._profile_ids: list[int] = []
        self._columns = [
            binary.texts([row.name for row in rows]),
            binary.moments([row.at for row in rows]),
            binary.booleans([row.is_clamped for row in rows]),
            binary.jsons([_encode(row.properties) for row in rows]),
        ]

    def send(self, tenant_id: int, profile_ids: list[int], *, now: datetime) -> None:
        """Send them with whose they are, in order."""
        self._profile_ids = profile_ids
        if self._rows:
            columns = [binary.bigints(profile_ids), *self._columns]
            self._ids = binary.send(INSERT, [tenant_id, now, self._is_internal, *columns])

    def recorded(self) -> list[RecordedEvent]:
        """Return the events with their ids."""
        ids = sorted(self._ids.rows()) if self._rows else []
        return [
            RecordedEvent(id_, whose, row.name, row.at, row.properties, self._is_internal, row.may_start)
            for (id_,), whose, row in zip(ids, self._profile_ids, self._rows, strict=True)
        ]
