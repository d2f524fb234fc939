"""Moments, places and caps that the tests of caps speak of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEKLY: dict[str, Any] = {"kind": "rolling", "hours": 168, "scope": "channel", "value": "email"}
BERLIN, TOKYO, HONOLULU = "Europe/Berlin", "Asia/Tokyo", "Pacific/Honolulu"
BY_THEIR_CLOCK = "by each person's own clock"
DAILY: dict[str, Any] = {"kind": "day", "scope": "all"}
