"""The one way up: what was just stored, told inside the transaction that stored it.

``events_recorded`` is sent with ``sender=None`` and the keywords ``tenant`` (Tenant), ``now`` (the batch's moment on
the tenant's clock), ``events`` (list[RecordedEvent], new ones only) and ``changes`` (list[AttributeChange]).
A receiver that raises undoes the whole batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    id: int
    profile_id: int
    name: str
    occurred_at: datetime
    properties: dict[str, Any]
    is_internal: bool
    may_start: bool  # recent enough to trigger


@dataclass(frozen=True, slots=True)
class AttributeChange:
    profile_id: int
    attribute: str
    old: Any
    new: Any
    call_id: str


events_recorded = Signal()
