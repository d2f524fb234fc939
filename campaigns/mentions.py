"""Campaigns as others name them: rules about messages, and places that something waits at."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.urls import reverse

from audiences import messages
from audiences.models import Place
from audiences.places import Use
from campaigns.models import Campaign, Variant, Version
from campaigns.triggers import Trigger


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


def of_place(place: Place) -> list[Use]:
    """Return the campaigns, archived ones left out, that entering or leaving a place sets off or calls off.

    Their newest launched version counts, and what is being drafted.
    """
    waits = {"on": "place", "id": str(place.public_id)}
    versions = Version.objects.filter(campaign__archived_at=None).select_related("campaign")
    newest: dict[tuple[int, bool], Version] = {}
    for version in versions.order_by("number"):
        newest[version.campaign_id, version.launched_at is None] = version
    asked = [one.campaign for one in newest.values() if any(_is(waits, each) for each in _waited_for(one))]
    found = {campaign.pk: campaign for campaign in asked}.values()
    return [
        Use("campaign", campaign.name, reverse("campaign_detail", args=[campaign.public_id]))
        for campaign in sorted(found, key=lambda campaign: campaign.name)
    ]


def _waited_for(version: Version) -> list[Trigger]:
    return [*([version.trigger] if version.trigger else []), *version.exceptions]


def _is(waits: Trigger, trigger: Trigger) -> bool:
    return all(trigger.get(key) == value for key, value in waits.items())
