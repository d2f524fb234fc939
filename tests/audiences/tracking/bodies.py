"""What clients send, and by what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TRACK = {"type": "track", "userId": "u1", "event": "Order Completed", "properties": {"total": 12.5}}

Send = Callable[..., Any]


def batch(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"batch": list(calls)}
