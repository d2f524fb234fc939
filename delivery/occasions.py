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
    properties = _properties(triggered, tenant) | dict(imagined)
    called_off = _called_off(triggered, versions, tenant=tenant, now=now)
    before = _before(asked, tenant)
    return {
        row.id: Occasion(properties.get(row.event_id or 0, {}), called_off.get(row.id), *before[row.id])
        for row in asked
    }


def _is_once(version: Version) -> bool:
    return version.when == Version.When.REPEAT and version.again == Version.Again.ONCE


def _properties(rows: Sequence[Due], tenant: Tenant) -> dict[int, dict[str, Any]]:
    found = binary.run(
        PROPERTIES, [[row.event_id for row in rows], [row.occasion_at for row in rows], tenant.pk]
    )
    return {id_: msgspec.json.decode(text) for id_, text in found}


def _called_off(
    rows: Sequence[Due], versions: Mapping[int, Version], *, tenant: Tenant, now: datetime
) -> dict[int, dict[str, str]]:
    """Return the first event since that is an exception; those that arrived later have cancelled the row themselves."""
    ends = {row.campaign_id: _ends(versions[row.campaign_id]) for row in rows}
    by_id = {row.id: row for row in rows if ends[row.campaign_id]}
    names = {each.name for row in by_id.values() for each in ends[row.campaign_id]}
    if not names:
        return {}
    given = list(by_id.values())
    columns = [
        [row.id for row in given],
        [row.profile_id for row in given],
        [row.event_id for row in given],
        [row.occasion_at for row in given],
    ]
    first: dict[int, dict[str, str]] = {}
    for id_, name, is_internal, at, text in binary.run(SINCE, [*columns, tenant.pk, list(names)]):
        meant = [
            each
            for each in ends[by_id[id_].campaign_id]
            if each.name == name and each.is_internal == is_internal
        ]
        held = msgspec.json.decode(text)
        if at <= now and any(each.fits(held, now=at) for each in meant):
            first.setdefault(id_, {"event": name, "at": at.isoformat()})
    return first


@lru_cache(maxsize=1_024)  # a launched version never changes; by its id
def _ends(version: Version) -> list[triggers.Happening]:
    return triggers.calling_off(version)


def _before(rows: Sequence[Due], tenant: Tenant) -> dict[int, tuple[int, datetime | None, bool]]:
    columns = [
        [row.id for row in rows],
        [row.campaign_id for row in rows],
        [row.profile_id for row in rows],
    ]
    found = binary.run(BEFORE, [tenant.pk, *columns, tenant.pk])
    return {id_: (count or 0, last_at, is_on_its_way) for id_, count, last_at, is_on_its_way in found}
