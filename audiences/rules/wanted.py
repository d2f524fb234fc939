"""Which facts beyond the profile's own row a rule needs to be evaluated in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Wanted:
    """Totals, first and last events by name, and the time from which events of a name count (None: all of them).

    Properties are wanted of the names in ``properties`` only: most rules ask just when something happened.
    """

    totals: set[str] = field(default_factory=set)
    firsts: set[str] = field(default_factory=set)
    lasts: set[str] = field(default_factory=set)
    events: dict[str, datetime | None] = field(default_factory=dict)
    properties: set[str] = field(default_factory=set)
    reachable: set[str] = field(default_factory=set)  # on which channels
    tenant_zone: bool = False

    def events_since(self, name: str, low: datetime | None) -> None:
        known = self.events.get(name, low)
        self.events[name] = None if low is None or known is None else min(low, known)
