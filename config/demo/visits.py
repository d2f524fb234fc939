"""Who comes by the shop in Soho: made up, for the log knows no places; some who order live near enough."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from config.demo.cities import SOHO
from config.demo.people import Person
from config.demo.purchases import Purchase, user_id

SHARE = 0.3  # of orders from the city
AFTER = timedelta(days=2)
AT_UTC = time(17)  # past noon in New York
STAYS = timedelta(minutes=10)


def after(purchase: Purchase, person: Person) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Yield what a customer's phone tells when they come by some days after an order: twice, and for most never."""
    lives_near = person.traits["address"]["city"] == SOHO.name
    if not lives_near or random.Random(f"visit {purchase.order_id}").random() >= SHARE:
        return
    comes_at = datetime.combine((purchase.at + AFTER).date(), AT_UTC, purchase.at.tzinfo)
    for at in (comes_at, comes_at + STAYS):
        yield at, _call(purchase, at)


def _call(purchase: Purchase, at: datetime) -> dict[str, Any]:
    return {
        "type": "screen",
        "messageId": f"cdnow-visit-{purchase.order_id}-{at:%H%M}",
        "userId": user_id(purchase.customer),
        "name": "In the shop",
        "timestamp": at.isoformat(),
        "context": {"location": {"latitude": SOHO.latitude, "longitude": SOHO.longitude}},
    }
