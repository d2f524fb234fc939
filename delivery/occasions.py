"""What set rows off, what has called them off since, and what their people had of the campaign before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from campaigns import triggers
from campaigns.models import Version
from delivery.claim import Due
from tenants import binary
from tenants.models import Tenant

PROPERTIES = """
SELECT e.id, e.properties::text
FROM unnest(%b::bigint[], %b::timestamptz[]) AS r(event_id, at)
JOIN audiences_event e ON e.tenant_id = %s AND e.id = r.event_id AND e.occurred_at = r.at
"""

SINCE = """
SELECT r.id, e.name, e.is_internal, e.occurred_at, e.properties::text
FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::timestamptz[]) AS r(id, profile_id, event_id, at)
JOIN audiences_event e ON e.tenant_id = %s AND e.profile_id = r.profile_id AND e.name = ANY(%b::text[])
                      AND e.occurred_at >= r.at AND e.id <> r.event_id
ORDER BY e.occurred_at, e.id
"""

# A row that has reserved is as good as sent: it stands for an exposure until it says otherwise.
BEFORE = """
SELECT r.id, e.count, e.last_at,
       EXISTS (SELECT 1 FROM delivery_delivery d
               WHERE d.tenant_id = %s AND d.campaign_id = r.campaign_id AND d.profile_id = r.profile_id AND d.id <> r.id
                 AND d.reserved_at IS NOT NULL AND d.state IN ('planned', 'sending'))
FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[]) AS r(id, campaign_id, profile_id)
LEFT JOIN delivery_entry e ON e.tenant_id = %s AND e.campaign_id = r.campaign_id AND e.profile_id = r.profile_id
"""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is known of one row that something set off, or that repeats."""

    event: dict[str, Any] = field(default_factory=dict)  # the properties, empty if it is no longer there
    called_off_by: dict[str, str] | None = None  # the first exception since: {"event", "at"}
    had: int = 0  # times they got it, or were held out
    had_last_at: datetime | None = None
    is_on_its_way: bool = False  # another one for the same person, decided and not settled


def of_rows(
    rows: Sequence[Due],
    versions: Mapping[int, Version],
    *,
    tenant: Tenant,
    now: datetime,
    imagined: Mapping[int, dict[str, Any]],
) -> dict[int, Occasion]:
    """Return the occasions of rows that are triggered, or of what repeats and is for each person only once, by row id.

    ``versions`` are those that decide, by campaign. ``imagined`` are the properties of events that are not stored, by
    id.
    """
    asked = [row for row in rows if row.event_id is not None or _is_once(versions[row.campaign_id])]
    if not asked:
        return {}
    triggered = [row for row in asked if row.event_id is not None]
    ends = {row.campaign_id: _ends(versions[row.campaign_id]) for row in triggered}
    endable = {row.id: row for row in triggered if ends[row.campaign_id]}
    with binary.together():
        properties = _ask_properties(triggered, tenant)
        since = _ask_since(list(endable.values()), ends, tenant) if endable else None
        before = _ask_before(asked, tenant)
    held = {id_: msgspec.json.decode(text) for id_, text in properties.rows()} | dict(imagined)
    called_off = _called_off(since, endable, ends, now=now) if since else {}
    had = {id_: (count or 0, *rest) for id_, count, *rest in before.rows()}
    return {
        row.id: Occasion(held.get(row.event_id or 0, {}), called_off.get(row.id), *had[row.id])
        for row in asked
    }


def _is_once(version: Version) -> bool:
    return version.when == Version.When.REPEAT and version.again == Version.Again.ONCE


def _ask_properties(rows: Sequence[Due], tenant: Tenant) -> binary.Answer:
    columns = [[row.event_id for row in rows], [row.occasion_at for row in rows]]
    return binary.send(PROPERTIES, [*columns, tenant.pk])


def _ask_since(
    rows: Sequence[Due], ends: Mapping[int, list[triggers.Happening]], tenant: Tenant
) -> binary.Answer:
    columns = [
        [row.id for row in rows],
        [row.profile_id for row in rows],
        [row.event_id for row in rows],
        [row.occasion_at for row in rows],
    ]
    names = {each.name for row in rows for each in ends[row.campaign_id]}
    return binary.send(SINCE, [*columns, tenant.pk, list(names)])


def _ask_before(rows: Sequence[Due], tenant: Tenant) -> binary.Answer:
    columns = [
        [row.id for row in rows],
        [row.campaign_id for row in rows],
        [row.profile_id for row in rows],
    ]
    return binary.send(BEFORE, [tenant.pk, *columns, tenant.pk])


def _called_off(
    since: binary.Answer,
    rows: Mapping[int, Due],
    ends: Mapping[int, list[triggers.Happening]],
    *,
    now: datetime,
) -> dict[int, dict[str, str]]:
    """Return the first event since that is an exception; those that arrived later have cancelled the row themselves."""
    first: dict[int, dict[str, str]] = {}
    for id_, name, is_internal, at, text in since.rows():
        meant = [
            each
            for each in ends[rows[id_].campaign_id]
            if each.name == name and each.is_internal == is_internal
        ]
        held = msgspec.json.decode(text)
        if at <= now and any(each.fits(held, now=at) for each in meant):
            first.setdefault(id_, {"event": name, "at": at.isoformat()})
    return first


@lru_cache(maxsize=1_024)  # a launched version never changes; by its id
def _ends(version: Version) -> list[triggers.Happening]:
    return triggers.calling_off(version)
