"""A person's messages on their page: what they got, and what they did not get and why."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string

from audiences.models import Profile
from campaigns.models import Campaign
from delivery import explaining
from delivery.models import Delivery
from delivery.results import why
from delivery.results_views import STATES
from tenants.http import TenantRequest

SHOWN = 20
CAMPAIGNS = 200  # to ask about, the newest


def messages(request: TenantRequest, profile: Profile) -> str:
    """Return a card with the person's newest deliveries and a question about any campaign; empty without campaigns."""
    newest = Delivery.objects.filter(profile=profile).select_related("campaign").order_by("-id")
    rows = [_shown(row) for row in newest[: SHOWN + 1]]
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


def _shown(row: Delivery) -> dict[str, Any]:
    return {
        "delivery": row,
        "state": STATES[row.state][0],
        "why": why(row),
        "steps": explaining.steps(row),
    }
