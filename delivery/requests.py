"""Campaigns that a brand's own server asks for: each request is noted as an event and owes one message.

Both are written in one transaction, so that a request which was answered is never lost, and sent again owes nothing
new. The event is ours, no activity of the person's: it sets nothing else off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from audiences import ingest, partitions
from audiences.ingest import InternalEvent
from campaigns import triggers, versions
from campaigns.models import Campaign, Version
from delivery.plan import channel_of
from tenants import binary, wake

MOST_AT_ONCE = 100
LONGEST_KEY = 64
CAMPAIGN = "campaign"  # the property that says which was asked for; triggers.requested asks for it

# Held until the message is planned: a stop that comes meanwhile waits, and then finds the row.
HOLD = "SELECT state FROM campaigns_campaign WHERE tenant_id = %s AND id = %s FOR SHARE"

INSERT = """
INSERT INTO delivery_delivery
    (tenant_id, campaign_id, profile_id, event_id, occasion, occasion_at, slot, channel, priority, due_at)
SELECT %s, %s, r.profile_id, r.event_id, r.occasion, t.now, 'first', t.channel, t.priority, t.now
FROM (SELECT %s::timestamptz AS now, %s::text AS channel, %s::smallint AS priority) t,
     unnest(%b::bigint[], %b::bigint[], %b::text[]) AS r(profile_id, event_id, occasion)
ON CONFLICT DO NOTHING
"""

# Whoever was merged since is now somebody else, who has their deliveries. The newest comes last: a key that was used
# again after 30 days is answered by what was planned for it then.
PLANNED = """
SELECT r.place, d.id, d.occasion_at
FROM unnest(%b::bigint[], %b::text[]) WITH ORDINALITY AS r(profile_id, occasion, place)
JOIN audiences_profile p ON p.tenant_id = %s AND p.id = r.profile_id
JOIN delivery_delivery d ON d.tenant_id = %s AND d.campaign_id = %s
                        AND d.profile_id = coalesce(p.merged_into_id, p.id) AND d.occasion = r.occasion
ORDER BY d.occasion_at
"""


class NotAskable(Exception):
    """The campaign does not go out when a server asks, or not now; the words say why and what to do."""


@dataclass(frozen=True, slots=True)
class Request:
    """A message to one person. ``key`` is the caller's own for it: the same one again is the same message."""

    profile_id: int
    key: str
    properties: dict[str, Any]

    @property
    def occasion(self) -> str:
        return f"api:{self.key}"


@dataclass(frozen=True, slots=True)
class Owed:
    """The delivery that answers a request."""

    id: int
    occasion_at: datetime
    is_new: bool


def check(campaign: Campaign) -> None:
    """Raise NotAskable unless the campaign takes requests now. A paused one does: what it owes waits."""
    _version(campaign)


def ask(*, campaign: Campaign, requests: Sequence[Request], now: datetime) -> list[Owed | None]:
    """Plan a message for each request and return what answers it; None where its key was used for somebody else.

    A key that was used before, within 30 days, is answered by the message planned then. Raises NotAskable.
    """
    version = _version(campaign)
    first = {request.key: request for request in reversed(requests)}
    events = [_event(campaign, request, now) for request in first.values()]
    ingest.ensure_months([now])
    partitions.ensure_months("delivery_delivery", [now])
    with transaction.atomic():
        _hold(campaign)
        new = ingest.record_new(tenant=campaign.tenant, events=events, now=now)
        asked = [
            (request, new[id_]) for request in first.values() if (id_ := _call_id(campaign, request)) in new
        ]
        if asked:
            _plan(version, [(event.profile_id, event.id, request.occasion) for request, event in asked], now)
    fresh = {request.key for request, _ in asked}
    planned = _planned(campaign, requests)
    return [
        Owed(*planned[place], is_new=request.key in fresh and request is first[request.key])
        if place in planned
        else None
        for place, request in enumerate(requests)
    ]


def _version(campaign: Campaign) -> Version:
    version = versions.launched_last(campaign.pk)
    if version is None:
        raise NotAskable(f"{campaign} has not been launched.")
    if version.when != Version.When.API:
        raise NotAskable(f"{campaign} does not wait for your server: its schedule says when it goes out.")
    if campaign.state == Campaign.State.STOPPED:
        raise NotAskable(f"{campaign} was stopped.")
    version.campaign = campaign
    return version


def _hold(campaign: Campaign) -> None:
    with connection.cursor() as cursor:
        cursor.execute(HOLD, [campaign.tenant_id, campaign.pk])
        (state,) = cursor.fetchone()
    if state == Campaign.State.STOPPED:
        raise NotAskable(f"{campaign} was stopped.")


def _event(campaign: Campaign, request: Request, now: datetime) -> InternalEvent:
    properties = request.properties | {CAMPAIGN: str(campaign.public_id)}
    return InternalEvent(_call_id(campaign, request), request.profile_id, triggers.REQUESTED, now, properties)


def _call_id(campaign: Campaign, request: Request) -> str:
    """Return an id that no call from outside can have: theirs hold no NUL."""
    return f"\0api:{campaign.public_id}:{request.key}"


def _plan(version: Version, rows: list[tuple[int, int, str]], now: datetime) -> None:
    campaign = version.campaign
    columns = [list(column) for column in zip(*rows, strict=True)]
    shared = [now, channel_of(version), campaign.priority]
    binary.run(INSERT, [campaign.tenant_id, campaign.pk, *shared, *columns])
    wake.soon()


def _planned(campaign: Campaign, requests: Sequence[Request]) -> dict[int, tuple[int, datetime]]:
    """Return the delivery that answers each request, by its place."""
    columns = [[request.profile_id for request in requests], [request.occasion for request in requests]]
    found = binary.run(PLANNED, [*columns, campaign.tenant_id, campaign.tenant_id, campaign.pk])
    return {place - 1: (id_, occasion_at) for place, id_, occasion_at in found}
