"""What messages leave in people's event streams: ordinary events under Segment's names, marked internal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection

from audiences import messages
from campaigns import channels, triggers

NAMES = {
    "email": {
        "sent": triggers.SENT,
        "opened": triggers.OPENED,
        "clicked": triggers.CLICKED,
        "bounced": "Email Bounced",
        "unsubscribed": "Unsubscribed",
    }
}
CONVERTED = "Message Converted"  # on any channel


def register() -> None:
    """Let rules speak of messages by the events that they leave."""
    for kind, names in NAMES.items():
        channel = channels.get(kind)
        events = names | {"received": names["sent"], "converted": CONVERTED}
        reachable_sql = partial(channel.reachable_sql, is_marketing=True)
        messages.register_channel(messages.Channel(kind, channel.label, channel.noun, events, reachable_sql))


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery as its traces name it."""

    delivery_id: int
    occasion_at: datetime
    profile_id: int
    campaign_id: int
    campaign: str  # public id
    campaign_name: str
    version: int
    arm: str
    channel: str
    sent_at: datetime | None  # or handed over without an answer; None while that is not yet recorded

    def properties(self, **more: Any) -> dict[str, Any]:
        """Return the properties each of its events carries, and ``more``."""
        return {
            "campaign": self.campaign,
            "campaign_name": self.campaign_name,
            "version": self.version,
            "variant": self.arm,
            "channel": self.channel,
            "delivery": self.delivery_id,
        } | more


FIND = """
SELECT d.id, d.occasion_at, d.profile_id, d.campaign_id, c.public_id::text, c.name, v.number, d.arm, d.channel,
       coalesce(d.sent_at, d.exposed_at)
FROM delivery_delivery d
JOIN campaigns_campaign c ON c.tenant_id = d.tenant_id AND c.id = d.campaign_id
JOIN campaigns_version v ON v.tenant_id = d.tenant_id AND v.id = d.version_id
WHERE d.tenant_id = %s AND {}
"""
ONE = FIND.format("d.id = %s AND d.occasion_at = %s")
OF_PEOPLE = FIND.format("d.profile_id = ANY(%s) AND d.id = ANY(%s)")


def find(*, tenant_id: int, delivery_id: int, occasion_at: datetime) -> Message | None:
    """Return the message of one decided delivery, or None; reads a single partition."""
    return next(iter(_found(ONE, [tenant_id, delivery_id, occasion_at])), None)


def of_people(*, tenant_id: int, profile_ids: list[int], delivery_ids: list[int]) -> list[Message]:
    """Return the messages of decided deliveries to these people."""
    return _found(OF_PEOPLE, [tenant_id, profile_ids, delivery_ids])


def _found(statement: str, params: list[Any]) -> list[Message]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return [Message(*row) for row in cursor.fetchall()]
