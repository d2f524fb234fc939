"""One send at each person's own local time: when it is due in each zone, and when the first and last zone reach it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

from campaigns.calendar import wall

Past = Literal["next_day", "now", "skip"]

# Etc/GMT-14 and Etc/GMT+12: since 1900 no zone has been further from UTC.
FURTHEST_AHEAD = timedelta(hours=14)
FURTHEST_BEHIND = timedelta(hours=12)


def local_send(
    local: datetime, zones: Iterable[str], now: datetime, past: Past, *, fallback: ZoneInfo
) -> dict[str, datetime | None]:
    """Return for each zone, by the name given, the UTC instant at which to send.

    Where ``local`` (naive) is still to come, or is now, that is its instant. Where it has passed, ``past`` says:
    the same time on the next local day that still has it, ``now`` itself, or None for not at all. A name that is no
    zone counts as ``fallback``. Raises ValueError if ``local`` is aware or ``now`` naive.
    """
    now = wall.utc(now)
    return {name: _send_at(local, wall.zone_of(name, fallback), now, past) for name in zones}


def _send_at(local: datetime, zone: ZoneInfo, now: datetime, past: Past) -> datetime | None:
    at = wall.instant(local, zone)
    if at >= now:
        return at
    if past == "next_day":
        return _next_at(local, zone, now)
    if past == "now":
        return now
    if past == "skip":
        return None
    assert_never(past)


def _next_at(local: datetime, zone: ZoneInfo, now: datetime) -> datetime:
    """The first instant from now on at which some day reaches the time of ``local``."""
    today = datetime.combine(wall.reading(now, zone).date(), local.time())
    days = (wall.instant(today + timedelta(days=day), zone) for day in count())
    return next(at for at in days if at >= now)


def earliest_instant(local: datetime) -> datetime:
    """Return, in UTC, when the first zone on earth reaches a naive local time. Raises ValueError if it is aware."""
    return _as_utc(local) - FURTHEST_AHEAD


def latest_instant(local: datetime) -> datetime:
    """Return, in UTC, when the last zone on earth reaches a naive local time. Raises ValueError if it is aware."""
    return _as_utc(local) + FURTHEST_BEHIND


def _as_utc(local: datetime) -> datetime:
    if local.tzinfo is not None:
        raise ValueError("local must be naive: every zone reaches it at another instant")
    return local.replace(tzinfo=UTC, fold=0)
