"""Campaigns as rules about messages name them."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from audiences import messages
from campaigns.models import Campaign, Variant


def find(ids: Collection[UUID] | None) -> list[messages.Campaign]:
    """Return the tenant's campaigns with these ids, or all: newest first, archived ones last.

    A variant that several versions have is called as in the newest.
    """
    found = Campaign.objects.all() if ids is None else Campaign.objects.filter(public_id__in=ids)
    variants: dict[int, dict[str, str]] = {}
    of_them = Variant.objects.filter(version__campaign__in=found).order_by(
        "version__number", "position", "id"
    )
    for campaign_id, key, name in of_them.values_list("version__campaign_id", "key", "name"):
        variants.setdefault(campaign_id, {})[key] = name
    listed = sorted(
        found.order_by("-created_at", "-id"), key=lambda campaign: campaign.archived_at is not None
    )
    return [
        messages.Campaign(each.public_id, each.name, variants.get(each.pk, {}), each.archived_at is not None)
        for each in listed
    ]
