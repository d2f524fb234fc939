"""How fast a campaign goes, in words, and how long so many people take at that."""

from __future__ import annotations

from datetime import datetime, timedelta

from audiences.rules.phrases import length
from campaigns import channels
from campaigns.models import Campaign, Version

MOST_PER_MINUTE = 1_000_000


def said(version: Version) -> str:
    """Return a version's send rate in words, empty for none: at most 100 a minute."""
    return f"at most {version.per_minute:,} a minute" if version.per_minute else ""


def takes(people: int, per_minute: int) -> timedelta:
    """Return how long after the first the last of so many leaves."""
    return timedelta(minutes=people / per_minute)


def expected(version: Version, people: int, *, channel: str, now: datetime) -> tuple[str, str] | None:
    """Return how long so many take, said in words, and what becomes of those for whom that is too late, empty if none.

    None where nothing holds the campaign back: no rate of its own, and none of whoever carries the channel.
    """
    is_urgent = version.campaign.message_class == Campaign.MessageClass.TRANSACTIONAL
    carried = channels.get(channel).takes(people, tenant=version.tenant, is_urgent=is_urgent, now=now)
    own = takes(people, version.per_minute) if version.per_minute else timedelta(0)
    if people == 0 or not (carried or own):
        return None
    if carried and carried.length > own:
        span, by = carried.length, carried.words
    else:
        span, by = own, f"at {version.per_minute:,} a minute"
    lateness = timedelta(hours=version.lateness_hours)
    words = f"{people:,} {'person takes' if people == 1 else 'people take'} {length(span)} {by}"
    late = f"What is later than {length(lateness)} is dropped." if span > lateness else ""
    return words, late
