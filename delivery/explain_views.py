"""The page "Why?": one person and one campaign, reached from either side."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from audiences import people
from audiences.models import Profile
from campaigns.models import Campaign
from delivery import explain, explaining
from delivery.explain import Told, Why
from delivery.results_views import STATES
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest

LOOKS = {  # what the verdict says -> icon and colour
    "got_it": ("circle-check", "green"),
    "will_get_it": ("clock", "azure"),
    "will_wait": ("clock-pause", "azure"),
    "being_sent": ("send", "azure"),
    "held_out": ("user-minus", "purple"),
    "will_be_held_out": ("user-minus", "purple"),
    "unsure": ("question-mark", "orange"),
}
NO = ("circle-x", "red")


@require_safe
@allow("view")
def campaign_why(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Why ``profile`` got the campaign or not; without one, the people whom ``q`` may mean."""
    campaign: Campaign = get_object_or_404(Campaign.objects.select_related("tenant"), public_id=public_id)
    if asked := request.GET.get("profile", ""):
        return _answer(request, campaign, asked)
    words = request.GET.get("q", "").strip()[:200]
    found = people.meant(words, tenant_id=request.tenant.pk) if words else []
    if len(found) == 1:
        return redirect(why_url(campaign, found[0]))
    choices = [(one, why_url(campaign, one)) for one in found]
    return render(request, "delivery/why_whom.html", {"campaign": campaign, "q": words, "choices": choices})


@require_safe
@allow("view")
def profile_why(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """From a person's page to the answer about the ``campaign`` picked there."""
    profile = get_object_or_404(Profile, public_id=public_id)
    asked = request.GET.get("campaign", "")
    if not asked:
        messages.error(request, "Choose a campaign to ask about.")
        return redirect("profile_detail", public_id)
    campaign = get_object_or_404(Campaign, public_id=_uuid(asked))
    return redirect(why_url(campaign, profile))


def why_url(campaign: Campaign, profile: Profile) -> str:
    """Return the page that answers for a campaign and a person."""
    address = reverse("campaign_why", args=[campaign.public_id])
    return f"{address}?{urlencode({'profile': profile.public_id})}"


def _answer(request: TenantRequest, campaign: Campaign, asked: str) -> HttpResponse:
    everyone = Profile.objects.select_related("merged_into")
    profile: Profile = get_object_or_404(everyone, public_id=_uuid(asked))
    if profile.merged_into:
        return redirect(why_url(campaign, profile.merged_into))
    answer = explain.why(campaign, profile, now=clock.now(request.tenant))
    arms = explaining.arms(told.delivery for told in answer.deliveries)
    icon, colour = LOOKS.get(answer.verdict, NO)
    context = {
        "campaign": campaign,
        "profile": profile,
        "why": answer,
        "icon": icon,
        "colour": colour,
        "deliveries": [_shown(told) | {"arm": arms[told.delivery.pk]} for told in answer.deliveries],
        "would": _would(answer),
    }
    return render(request, "delivery/why.html", context)


def _shown(told: Told) -> dict[str, Any]:
    label, colour = STATES[told.delivery.state]
    return {"told": told, "row": told.delivery, "label": label, "colour": colour}


def _would(answer: Why) -> dict[str, Any] | None:
    """How the answer to "would they get it now" looks."""
    if answer.now is None:
        return None
    label, colour = {
        "send": ("Sent", "green"),
        "hold_out": ("Held out", "purple"),
        "wait": ("Waits", "azure"),
        "skip": ("Not sent", "red"),
    }[answer.now.decision.verdict]
    return {"forecast": answer.now, "label": label, "colour": colour}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None
