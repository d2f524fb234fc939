"""Calendars that the tests of schedules speak of, and what went out by one."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from campaigns.calendar.schedule import Schedule
from delivery import agenda, plan
from delivery.models import Delivery

BERLIN = ZoneInfo("Europe/Berlin")


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def repeating(kind: str, anchor: str, **more) -> dict:
    """A version's fields of what repeats, each time anew unless something else is said."""
    clock_, again = more.pop("clock", "tenant"), more.pop("again", "always")
    schedule = Schedule(kind, datetime.fromisoformat(anchor), **more)
    return {
        "when": "repeat",
        "schedule": schedule.as_json(),
        "clock": clock_,
        "again": again,
        "starts_at": schedule.anchor.replace(tzinfo=BERLIN),
    }


def once_by_person(anchor: str, past: str = "next_day") -> dict:
    schedule = Schedule("once", datetime.fromisoformat(anchor))
    starts_at = schedule.anchor.replace(tzinfo=BERLIN)
    return {
        "when": "at",
        "schedule": schedule.as_json(),
        "clock": "person",
        "past": past,
        "starts_at": starts_at,
    }


def sent(campaign, profile=None) -> list[tuple[str, datetime]]:
    """The occasions that went out, with the moments at which they were due."""
    rows = Delivery.objects.filter(campaign=campaign, state="sent").order_by("due_at", "id")
    if profile:
        rows = rows.filter(profile=profile)
    return list(rows.values_list("occasion", "due_at"))


DAILY = repeating("daily", "2026-11-23T09:00")


def plan_all(tenant, now: datetime) -> None:
    """What the planner does when it comes back at a moment of the world's own clock."""
    while agenda.open_due(tenant=tenant, now=now) + plan.advance(tenant=tenant, now=now):
        pass
