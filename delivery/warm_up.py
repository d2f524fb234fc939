"""A provider's warm-up: few messages on the first day, more each day, until nobody minds how many there are.

Whoever takes mail distrusts a server that nobody knows and that sends much from its first day on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from delivery.models import Provider

LONGEST = 365  # days until the ceiling is reached


@dataclass(frozen=True, slots=True)
class WarmUp:
    """So many ``first`` on ``begins``, ``percent`` more each day, and from ``ceiling`` a day on any number."""

    begins: date
    first: int
    percent: int
    ceiling: int

    @property
    def length(self) -> int:
        """How many days have a limit; one more than LONGEST stands for too many."""
        return next((n for n in range(LONGEST + 1) if self._after(n) >= self.ceiling), LONGEST + 1)

    @property
    def ends(self) -> date:
        """The first day on which it limits nothing any more."""
        return self.begins + timedelta(days=self.length)

    def limit(self, day: date) -> int | None:
        """Return how many may go on a day; None for any number, before it begins too."""
        if not self.begins <= day < self.ends:
            return None
        return self._after((day - self.begins).days)

    def days(self, *, after: date) -> Iterator[tuple[date, int]]:
        """Yield each day that has a limit, ``after`` itself included, with what it allows."""
        day = max(after, self.begins)
        while (most := self.limit(day)) is not None:
            yield day, most
            day += timedelta(days=1)

    def _after(self, days: int) -> int:
        return int(self.first * (1 + self.percent / 100) ** days)


def of(provider: Provider) -> WarmUp | None:
    """Return a provider's plan, also one that is over; None if there is none."""
    begins, first = provider.warm_up_date, provider.warm_up_first
    percent, ceiling = provider.warm_up_percent, provider.warm_up_ceiling
    if begins is None or first is None or percent is None or ceiling is None:
        return None
    return WarmUp(begins, first, percent, ceiling)
