"""How people, their attributes and events are shown."""

from __future__ import annotations

from typing import Any

import msgspec
from django import template

from audiences import consent
from audiences.models import Event

register = template.Library()

ICONS = {
    "Page Viewed": "world",
    "Screen Viewed": "device-mobile",
    "Group Joined": "users-group",
    "Email Sent": "send",
    "Email Opened": "mail-opened",
    "Email Link Clicked": "click",
    "Unsubscribed": "user-minus",
    "Message Converted": "target",
    "Email Bounced": "alert-triangle",
}
SUMMARY = 4  # properties shown beside an event's name
SHORT = 60  # characters of one of them
# What an internal event says of its message, in words rather than ids.
TOLD = {"campaign_name": "", "variant": "variant", "channel": "", "url": "", "reason": ""}


@register.filter
def event_icon(event: Event) -> str:
    return ICONS.get(event.name, "mail" if event.is_internal else "point")


@register.filter
def event_summary(event: Event) -> list[tuple[str, str]]:
    """Return the first few properties as (name, value); of our own messages those a person can read."""
    if event.is_internal:
        said = {name: event.properties[name] for name in TOLD if event.properties.get(name) not in (None, "")}
        if "variant" in said:
            said["variant"] = str(said["variant"]).upper()  # its key; no name is kept with what happened
        return [(TOLD[name], shown(value)) for name, value in said.items()]
    plain_first = sorted(event.properties.items(), key=lambda item: isinstance(item[1], dict | list))
    return [(name, shown(value)) for name, value in plain_first[:SUMMARY]]


@register.filter
def shown(value: Any) -> str:
    """Return a JSON value for reading, shortened."""
    match value:
        case None:
            text = "missing"
        case bool():
            text = "yes" if value else "no"
        case str():
            text = value
        case _:
            text = msgspec.json.encode(value).decode()
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


@register.filter
def pretty(value: Any) -> str:
    """Return a JSON value laid out over lines."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


register.filter("consent_subject", consent.subject_words)
register.filter("consent_standing", consent.standing_words)
