"""Campaigns that would set each other off for ever: found before they are launched."""

from __future__ import annotations

from campaigns.models import Version


def through(version: Version) -> str:
    """Return in words how the campaign's own messages would set it off again, directly or through others.

    Empty if they would not. Follows what each campaign waits for, a query a step.
    """
    start = str(version.campaign.public_id)
    way: dict[str, str] = {}  # id -> name
    asked = _waits_for(version)
    while asked and asked != start and asked not in way:
        newest = (
            Version.objects.launched()
            .filter(campaign__public_id=asked)
            .select_related("campaign")
            .order_by("-number")
            .first()
        )
        if newest is None:
            return ""
        way[asked] = f"“{newest.campaign.name}”"
        asked = _waits_for(newest)
    if not asked or asked != start:
        return ""
    if not way:
        return "Its own messages would set it off"
    return f"Its messages would set it off again through {', '.join(way.values())}"


def _waits_for(version: Version) -> str:
    trigger = version.trigger or {}
    is_waiting = version.when == Version.When.EVENT and trigger.get("on") == "message"
    return str(trigger["id"]) if is_waiting else ""
