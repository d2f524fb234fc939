"""What the editor's pages share: the campaign of an address, its draft, and the steps with what each still lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from campaigns import launching, versions
from campaigns.launching import Check
from campaigns.models import Campaign, Version
from tenants.http import TenantRequest

P = ParamSpec("P")
DraftView = Callable[Concatenate[TenantRequest, Version, P], HttpResponse]


@dataclass(frozen=True, slots=True)
class StepLink:
    """One step in the editor's rail."""

    key: str
    label: str
    hint: str
    url: str
    stops: int
    warns: int


STEPS = (
    ("audience", "Audience", "Who gets it", "campaign_audience"),
    ("message", "Message", "What it says", "campaign_message"),
    ("schedule", "Schedule", "When it goes out", "campaign_schedule"),
    ("goal", "Goal", "What counts as success", "campaign_goal"),
    ("review", "Review", "Check and launch", "campaign_review"),
)


def campaign_of(public_id: UUID) -> Campaign:
    """Return a campaign of the request's tenant, or raise Http404."""
    return get_object_or_404(Campaign.objects.select_related("tenant"), public_id=public_id)


def on_draft(view: DraftView[P]) -> Callable[Concatenate[TenantRequest, UUID, P], HttpResponse]:
    """Hand the view the campaign's draft; a campaign without one sends people to its page."""

    @wraps(view)
    def found(request: TenantRequest, public_id: UUID, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        campaign = campaign_of(public_id)
        try:
            draft = versions.draft_of(campaign)
        except versions.NoDraft as none:
            messages.info(request, str(none))
            return redirect("campaign_detail", campaign.public_id)
        draft.campaign, draft.tenant = campaign, request.tenant
        return view(request, draft, *args, **kwargs)

    return found


def frame(version: Version, step: str, *, now: datetime) -> dict[str, Any]:
    """Return what the editor's frame shows around a step."""
    checks = launching.checklist(version, now=now)
    return {
        "campaign": version.campaign,
        "version": version,
        "step": step,
        "steps": steps(version.campaign, checks),
        "next": _next(version.campaign, step),
        "is_relaunch": version.number > 1,
    }


def steps(campaign: Campaign, checks: list[Check]) -> list[StepLink]:
    """Return the rail: every step with how many checks stop or warn there; review counts those found elsewhere."""

    def count(key: str, state: str) -> int:
        return sum(check.state == state for check in checks if check.step == key)

    links = [
        StepLink(
            key, label, hint, reverse(name, args=[campaign.public_id]), count(key, "stop"), count(key, "warn")
        )
        for key, label, hint, name in STEPS[:-1]
    ]
    key, label, hint, name = STEPS[-1]
    stops = sum(check.state == "stop" for check in checks)
    return [*links, StepLink(key, label, hint, reverse(name, args=[campaign.public_id]), stops, 0)]


def _next(campaign: Campaign, step: str) -> str:
    keys = [key for key, *_ in STEPS]
    name = STEPS[min(keys.index(step) + 1, len(keys) - 1)][3]
    return reverse(name, args=[campaign.public_id])
