"""A person's messages on their page: what they got, and what they did not get and why, also in their timeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.template.loader import render_to_string

from audiences import export, tombstones
from audiences.models import Profile
from audiences.strands import Strand
from campaigns.models import Campaign
from delivery import caps, explaining
from delivery.models import CapUse, Conversion, Delivery, Entry
from delivery.results import why
from delivery.results_views import STATES
from tenants.http import TenantRequest

State = Delivery.State
NOT_SENT = (State.SKIPPED, State.HELD_OUT, State.CANCELLED, State.FAILED, State.UNKNOWN)
SHOWN = 20
CAMPAIGNS = 200  # to ask about, the newest


def messages(request: TenantRequest, profile: Profile) -> str:
    """Return a card with the person's newest deliveries and a question about any campaign; empty without campaigns."""
    newest = Delivery.objects.filter(profile=profile).select_related("campaign").order_by("-id")
    found = list(newest[: SHOWN + 1])
    arms = explaining.arms(found)
    rows = [_shown(row) | {"arm": arms[row.pk]} for row in found]
    campaigns = Campaign.objects.shown().order_by("-created_at", "-id")[:CAMPAIGNS]
    if not rows and not campaigns:
        return ""
    context = {
        "profile": profile,
        "rows": rows[:SHOWN],
        "is_more": len(rows) > SHOWN,
        "shown": SHOWN,
        "campaigns": campaigns,
    }
    return render_to_string("delivery/_profile_messages.html", context, request=request)


def not_sent(profile: Profile) -> QuerySet[Delivery]:
    """Return the messages that somebody did not get, or may not have got, each at the moment it was settled."""
    rows = Delivery.objects.filter(profile=profile, state__in=NOT_SENT, settled_at__isnull=False)
    return rows.select_related("campaign", "profile")


timeline = Strand(
    "not_sent",
    "Not sent",
    not_sent,
    "settled_at",
    "delivery/_happened_not_sent.html",
    lambda row: _shown(row),
)


def exported(profile: Profile) -> Iterator[dict[str, Any]]:
    """Yield a person's messages as they are handed to them, each with what was decided and by what values.

    Of what several profiles got before they were known to be one person, some rows stay with the former ones.
    """
    ids = tombstones.all_of(profile.tenant_id, profile.pk)
    return export.each(
        Delivery.objects.filter(profile_id__in=list(ids)).order_by("pk"),
        "campaign__name", "channel", "state", "reason", "arm", "address", "due_at", "sent_at", "opened_at",
        "clicked_at", "unsubscribed_at", "decision",
    )  # fmt: skip


def exported_campaigns(profile: Profile) -> Iterator[dict[str, Any]]:
    """Yield the campaigns a person is in: whether to compare with, which variants fell to them, how often."""
    rows = Entry.objects.filter(profile=profile).order_by("pk")
    return export.each(rows, "campaign__name", "is_control", "shares", "first_at", "last_at", "count")


def exported_conversions(profile: Profile) -> Iterator[dict[str, Any]]:
    rows = Conversion.objects.filter(profile=profile).order_by("pk")
    return export.each(rows, "campaign__name", "goal", "converted_at", "events", "revenue")


def exported_cap_times(profile: Profile) -> Iterator[dict[str, Any]]:
    """Yield, for each cap, the newest messages that count towards it: as many as it allows, also of removed ones."""
    for use in CapUse.objects.filter(profile=profile).select_related("cap").order_by("pk"):
        yield {"cap": caps.words(use.cap), "at": use.times}


def _shown(row: Delivery) -> dict[str, Any]:
    return {
        "delivery": row,
        "state": STATES[row.state][0],
        "why": why(row),
        "steps": explaining.steps(row),
    }
