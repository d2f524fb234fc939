"""Campaigns: the list, a new one, one campaign's page, and the buttons that change its life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import contents, drafts, launching, lifecycle, summary, versions
from campaigns.editing import campaign_of
from campaigns.forms import DetailsForm, NewForm
from campaigns.models import Campaign, Version
from campaigns.recipes import RECIPES, find
from tenants import clock
from tenants.access import allow, may
from tenants.http import TenantRequest
from tenants.models import User

PER_PAGE = 25
ARCHIVED = "archived"


@require_safe
@allow("view")
def campaign_list(request: TenantRequest) -> HttpResponse:
    words, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    page = Paginator(_listed(words, state), PER_PAGE).get_page(request.GET.get("page"))
    now = clock.now(request.tenant)
    context = {
        "page": page,
        "rows": [summary.row(campaign, now=now) for campaign in page],
        "q": words,
        "state": state,
        "states": [*Campaign.State.choices, (ARCHIVED, "Archived")],
        "is_filtered": bool(words or state),
        "recipes": RECIPES,
    }
    template = "campaigns/_rows.html" if request.htmx and not request.htmx.boosted else "campaigns/list.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])  # one URL, two bodies
    return response


def _listed(words: str, state: str) -> QuerySet[Campaign]:
    newest = Version.objects.select_related("segment").prefetch_related("variants").order_by("number")
    campaigns = Campaign.objects.prefetch_related(Prefetch("versions", newest)).order_by("-created_at", "-id")
    if words:
        campaigns = campaigns.filter(Q(name__icontains=words) | Q(description__icontains=words))
    if state == ARCHIVED:
        return campaigns.exclude(archived_at=None)
    return campaigns.filter(archived_at=None, **({"state": state} if state in Campaign.State.values else {}))


@require_http_methods(["GET", "POST"])
@allow("edit")
def campaign_new(request: TenantRequest) -> HttpResponse:
    form = NewForm(request.POST or None, initial={"recipe": request.GET.get("recipe", "")})
    if request.method == "POST" and form.is_valid():
        recipe = find(form.cleaned_data["recipe"])
        name = form.cleaned_data["name"]
        campaign = drafts.create(
            tenant=request.tenant, actor=request.user, name=name, recipe=recipe, now=clock.now(request.tenant)
        )
        return redirect("campaign_edit", campaign.public_id)
    status = 422 if form.errors else 200
    return render(request, "campaigns/new.html", {"form": form, "recipes": RECIPES}, status=status)


@require_safe
@allow("view")
def campaign_detail(request: TenantRequest, public_id: UUID) -> HttpResponse:
    campaign = campaign_of(public_id)
    now = clock.now(request.tenant)
    version = versions.newest(campaign)
    context = {
        "campaign": campaign,
        "version": version,
        "row": summary.row(campaign, now=now),
        "variants": summary.variants(version),
        "sentence": summary.sentence(version),
        "goal": summary.goal(version),
        "caps": summary.caps(version),
        "versions": campaign.versions.select_related("launched_by").order_by("-number"),
        "has_draft": version.launched_at is None,
        "blockers": launching.problems(version, now=now) if version.launched_at is None else [],
        "progress_url": _delivery_url("campaign_progress", campaign),
        "why_url": _delivery_url("campaign_why", campaign),
        "alarms_url": _delivery_url("campaign_alarms", campaign),
    }
    return render(request, "campaigns/detail.html", context)


def _delivery_url(name: str, campaign: Campaign) -> str:
    """Where the results and their explanations live; delivery, above us, may not have them."""
    try:
        return reverse(name, args=[campaign.public_id])
    except NoReverseMatch:
        return ""


@never_cache  # whoever goes back sees what is stored by then
@require_http_methods(["GET", "POST"])
@allow("edit")
def campaign_details(request: TenantRequest, public_id: UUID) -> HttpResponse:
    campaign = campaign_of(public_id)
    initial = {name: getattr(campaign, name) for name in drafts.DESCRIBED}
    initial["tags"] = ", ".join(campaign.tags)
    stamp = drafts.described(campaign)
    seen = request.POST.get("seen") or stamp
    form = DetailsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            drafts.describe(
                campaign=campaign,
                actor=request.user,
                seen=seen,
                may_launch=may(request, "launch"),
                **form.cleaned_data,
            )
        except contents.ChangedMeanwhile as changed:
            form.add_error(None, str(changed))
            seen = stamp  # told of it, they may save over it
        except versions.Frozen as frozen:
            form.add_error("message_class", str(frozen))
        except drafts.Refused as refused:
            form.add_error("topic", str(refused))
        else:
            messages.success(request, "Saved.")
            return redirect("campaign_detail", campaign.public_id)
    return render(
        request,
        "campaigns/details.html",
        {"campaign": campaign, "form": form, "seen": seen},
        status=422 if form.errors else 200,
    )


@require_POST
@allow("launch")
def campaign_pause(request: TenantRequest, public_id: UUID) -> HttpResponse:
    return _move(
        request, public_id, lifecycle.pause, "Paused. Nothing more of it leaves until you resume it."
    )


@require_POST
@allow("launch")
def campaign_resume(request: TenantRequest, public_id: UUID) -> HttpResponse:
    return _move(request, public_id, lifecycle.resume, "Resumed.")


@require_POST
@allow("launch")
def campaign_stop(request: TenantRequest, public_id: UUID) -> HttpResponse:
    return _move(request, public_id, lifecycle.stop, "Stopped. Whoever was still waiting will not get it.")


@require_POST
@allow("edit")
def campaign_archive(request: TenantRequest, public_id: UUID) -> HttpResponse:
    now = clock.now(request.tenant)
    return _move(
        request, public_id, lifecycle.archive, "Archived. You find it under the filter “Archived”.", now=now
    )


@require_POST
@allow("edit")
def campaign_restore(request: TenantRequest, public_id: UUID) -> HttpResponse:
    return _move(request, public_id, lifecycle.restore, "Restored.")


def _move(
    request: TenantRequest, public_id: UUID, change: Callable[..., Any], words: str, **more: Any
) -> HttpResponse:
    campaign = campaign_of(public_id)
    actor: User = request.user
    try:
        change(campaign=campaign, actor=actor, **more)
    except lifecycle.NotNow as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, words)
    return redirect("campaign_detail", campaign.public_id)


@require_POST
@allow("edit")
def campaign_duplicate(request: TenantRequest, public_id: UUID) -> HttpResponse:
    twin = lifecycle.duplicate(campaign=campaign_of(public_id), actor=request.user)
    messages.success(request, f"This is “{twin.name}”, a draft of its own.")
    return redirect("campaign_edit", twin.public_id)


@require_POST
@allow("edit")
def campaign_new_version(request: TenantRequest, public_id: UUID) -> HttpResponse:
    campaign = campaign_of(public_id)
    try:
        versions.start(campaign=campaign, actor=request.user)
        contents.renew(campaign)
    except versions.Frozen as frozen:
        messages.error(request, str(frozen))
        return redirect("campaign_detail", campaign.public_id)
    return redirect("campaign_edit", campaign.public_id)
