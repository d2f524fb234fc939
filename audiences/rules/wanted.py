"""Which facts beyond the profile's own row a rule needs to be evaluated in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from audiences.rules.times import Span

if TYPE_CHECKING:
    from audiences.rules.tree import Node


class Fitting(NamedTuple):
    """Events that a condition counts: those of a time whose properties fulfil its filters."""

    span: Span
    filters: tuple[Node, ...] = ()


@dataclass
class Wanted:
    """Totals, first and last events by name, and of other names the events that conditions count.

    Properties are wanted of the names in ``properties`` only: most rules ask just when something happened.
    """

    totals: set[str] = field(default_factory=set)
    firsts: set[str] = field(default_factory=set)
    lasts: set[str] = field(default_factory=set)
    events: dict[str, dict[str, Fitting]] = field(default_factory=dict)  # by name, and by how it is written
    properties: set[str] = field(default_factory=set)
    reachable: set[str] = field(default_factory=set)  # on which channels
    tenant_zone: bool = False

    def count(self, name: str, fitting: Fitting) -> None:
        self.events.setdefault(name, {})[repr(fitting)] = fitting
        if fitting.filters:
            self.properties.add(name)
