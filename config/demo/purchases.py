"""The CDNOW log as calls of the tracking API: real customers' real purchases, moved to end yesterday."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

LOG = Path(__file__).parent / "data" / "CDNOW_master.txt.gz"
LAST_DAY = date(1998, 6, 30)
EVENT = "Order Completed"
CART = "Checkout Started"
CAME_BACK, LEFT_FOR_GOOD = 0.08, 0.2  # of as many carts as there are orders


@dataclass(frozen=True, slots=True)
class Purchase:
    customer: int
    at: datetime  # the log has the day; the hour is made up, the same each time
    cds: int
    dollars: float
    order_id: str

    @property
    def left_at(self) -> datetime | None:
        """When they left a cart like this behind: before they came back for it, or later, and for good.

        Made up, for the log has no carts; the same each time.
        """
        lot = random.Random(f"cart {self.order_id}").random()
        if lot < CAME_BACK:
            return self.at - timedelta(days=4)
        return self.at + timedelta(days=17) if lot < CAME_BACK + LEFT_FOR_GOOD else None

    def as_left_cart(self, at: datetime) -> dict[str, Any]:
        """Return the call that the shop's server made when they began to check out, before they left."""
        return {
            "type": "track",
            "messageId": f"cdnow-cart-{self.order_id}",
            "userId": user_id(self.customer),
            "event": CART,
            "timestamp": at.isoformat(),
            "properties": {"value": self.dollars, "currency": "USD", "items": self.cds},
        }

    def as_call(self) -> dict[str, Any]:
        """Return the call a shop's server would make. The same purchase always has the same message id."""
        return {
            "type": "track",
            "messageId": f"cdnow-{self.order_id}",
            "userId": user_id(self.customer),
            "event": EVENT,
            "timestamp": self.at.isoformat(),
            "properties": {
                "order_id": self.order_id,
                "total": self.dollars,
                "revenue": self.dollars,
                "currency": "USD",
                "items": self.cds,
            },
        }


def user_id(customer: int) -> str:
    return f"cdnow-{customer:05d}"


def log(*, ends_on: date) -> list[Purchase]:
    """Return every purchase in order of time, moved by whole days so that the log's last day is ``ends_on``."""
    shift = ends_on - LAST_DAY
    dice = random.Random(1997)
    per_day: Counter[tuple[int, date]] = Counter()
    purchases = []
    for customer, day, cds, dollars in _lines():
        per_day[customer, day] += 1
        at = datetime.combine(day + shift, time(8), UTC) + timedelta(minutes=dice.randrange(14 * 60))
        order_id = f"{customer:05d}-{day:%Y%m%d}-{per_day[customer, day]}"
        purchases.append(Purchase(customer, at, cds, dollars, order_id))
    return sorted(purchases, key=lambda purchase: (purchase.at, purchase.order_id))


def _lines() -> Iterator[tuple[int, date, int, float]]:
    with gzip.open(LOG, "rt") as lines:
        next(lines)  # the header
        for line in lines:
            customer, day, cds, dollars = line.split()
            yield int(customer), date(int(day[:4]), int(day[4:6]), int(day[6:])), int(cds), float(dollars)
