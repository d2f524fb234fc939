"""All that is kept about one person, as JSON to hand to them; the apps above us add what they keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import QuerySet

from audiences import attributes, suppression
from audiences.models import Profile

Rows = Callable[[Profile], Iterable[dict[str, Any]]]
CHUNK = 1_000  # rows read at a time

_encode = msgspec.json.Encoder(enc_hook=str).encode
_sections: dict[str, Rows] = {}


def register(name: str, rows: Rows) -> None:
    """Add a list of ``rows`` under ``name``. Call it from ``AppConfig.ready()``."""
    _sections[name] = rows


def pieces(profile: Profile, *, now: datetime) -> Iterator[bytes]:
    """Yield one JSON object piece by piece, so that somebody with a million events needs no memory."""
    columns = ("public_id", *attributes.STANDARD, "located_at", "created_at", "last_seen_at", "consent")
    person = {name: getattr(profile, name) for name in columns}
    custom = attributes.flat({}, profile.attributes)
    yield b'{"exported_at":' + _encode(now) + b',"profile":' + _encode(person)
    yield b',"attributes":' + _encode(custom)
    for name, rows in (OURS | _sections).items():
        yield b",\n" + _encode(name) + b":["
        for place, row in enumerate(rows(profile)):
            yield b"," * (place > 0) + b"\n" + _encode(row)
        yield b"]"
    yield b"}\n"


def each(rows: QuerySet[Any], *names: str) -> Iterator[dict[str, Any]]:
    """Yield rows with these fields only."""
    yield from rows.values(*names).iterator(chunk_size=CHUNK)


OURS: dict[str, Rows] = {
    "identities": lambda person: each(person.identities.order_by("pk"), "kind", "value", "created_at"),
    "consent_changes": lambda person: each(
        person.consent_changes.order_by("pk"), "subject", "standing", "at", "origin"
    ),
    "suppressions": lambda person: (
        {"channel": row.channel, "address": row.address, "reason": row.reason, "at": row.at}
        for row in suppression.of(person)
    ),
    "events": lambda person: each(
        person.events.order_by("occurred_at", "pk"),
        "name", "occurred_at", "received_at", "properties", "is_internal",
    ),
    "events_of_before": lambda person: each(
        person.totals.order_by("name"), "name", "count", "first_at", "last_at", "last_properties"
    ),
}  # fmt: skip
