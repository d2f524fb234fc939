"""All that is kept about one person, as JSON to hand to them; the apps above us add what they keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import QuerySet

from audiences import attributes, refusals, segments, suppression, tombstones
from audiences.models import PlacePresence, Profile
from tenants import audit

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
    inside, _ = segments.containing(profile, now=now, most=None)
    yield b',"segments":' + _encode([segment.name for segment in inside])
    for name, rows in (OURS | _sections).items():
        yield b",\n" + _encode(name) + b":["
        for place, row in enumerate(rows(profile)):
            yield b"," * (place > 0) + b"\n" + _encode(row)
        yield b"]"
    yield b"}\n"


def each(rows: QuerySet[Any], *names: str) -> Iterator[dict[str, Any]]:
    """Yield rows with these fields only."""
    yield from rows.values(*names).iterator(chunk_size=CHUNK)


def _changes(person: Profile) -> Iterator[dict[str, Any]]:
    """What the team changed of somebody; who did is another person's to ask."""
    public_ids = tombstones.all_of(person.tenant_id, person.pk).values()
    return each(audit.about("profile", public_ids).order_by("pk"), "action", "changes", "at")


OURS: dict[str, Rows] = {
    "former_profiles": lambda person: each(
        Profile.objects.filter(merged_into=person).order_by("pk"), "public_id", "created_at"
    ),
    "identities": lambda person: each(person.identities.order_by("pk"), "kind", "value", "created_at"),
    "consent_changes": lambda person: each(
        person.consent_changes.order_by("pk"), "subject", "standing", "at", "origin"
    ),
    "suppressions": lambda person: (
        {"channel": row.channel, "address": row.address, "reason": row.reason, "at": row.at}
        for row in suppression.of(person)
    ),
    "stays_at_places": lambda person: each(
        PlacePresence.objects.filter(profile=person).order_by("arrived_at", "pk"),
        "place__name", "arrived_at", "entered_at", "left_at",
    ),
    "changes_by_the_team": _changes,
    "events": lambda person: each(
        person.events.order_by("occurred_at", "pk"),
        "name", "occurred_at", "received_at", "properties", "is_internal",
    ),
    "events_of_before": lambda person: each(
        person.totals.order_by("name"), "name", "count", "first_at", "last_at", "last_properties"
    ),
    "refused_calls": refusals.calls_of,
    "refused_rows_of_files": refusals.rows_of,
}  # fmt: skip
