"""What every campaign of the demo is for: that somebody orders again."""

from __future__ import annotations

from campaigns import drafts
from campaigns.models import Version
from config.demo import purchases
from tenants.models import User


def set_on(version: Version, owner: User) -> None:
    """Count an order within a month as the version's conversion."""
    drafts.set_goal(
        version=version,
        actor=owner,
        goal="Ordered again",
        conversion_event=purchases.EVENT,
        conversion_hours=30 * 24,
        revenue_property="revenue",
    )
