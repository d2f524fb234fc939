"""The editor's steps around the message: audience, schedule, goal, and the review that ends in a launch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audiences import segments
from audiences.rules import words
from audiences.rules.schema import InvalidRule
from audiences.segments import EVERYONE
from campaigns import contents, drafts, findings, launching, summary, versions
from campaigns.editing import campaign_of, frame, on_draft
from campaigns.forms import AudienceForm, GoalForm, audience_value
from campaigns.language_views import languages_spoken
from campaigns.models import Version
from campaigns.schedule_forms import ScheduleForm
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest

TYPED_ABOVE = 1_000  # people; launching to more asks for the number


@require_safe
@allow("edit")
@on_draft
def campaign_edit(request: TenantRequest, draft: Version) -> HttpResponse:
    return redirect("campaign_audience", draft.campaign.public_id)


@require_http_methods(["GET", "POST"])
@allow("edit")
@on_draft
def campaign_audience(request: TenantRequest, draft: Version) -> HttpResponse:
    form = _audience_form(request.POST if request.method == "POST" else None, draft)
    return _step(request, draft, "audience", form, drafts.set_audience)


def _audience_form(data: Any, draft: Version) -> AudienceForm:
    return AudienceForm(
        data,
        version=draft,
        is_control_fixed=versions.was_launched(draft.campaign),
        initial={"audience": audience_value(draft), "control_percent": draft.campaign.control_percent},
    )


@require_safe
@allow("view")
@on_draft
def campaign_count(request: TenantRequest, draft: Version) -> HttpResponse:
    """How many the audience as chosen on the page would reach, saved or not."""
    if "audience" in request.GET:
        form = _audience_form(request.GET, draft)
        if not form.is_valid():
            return render(request, "campaigns/_count.html", {"error": "Choose who gets it."})
        chosen = form.chosen()
        draft.segment, draft.rule = chosen["segment"], EVERYONE if chosen["is_everyone"] else None
        draft.campaign.control_percent = chosen["control_percent"]
    return render(request, "campaigns/_count.html", _counted(draft, clock.now(request.tenant)))


def _counted(version: Version, now: Any) -> dict[str, Any]:
    try:
        rule = launching.audience_rule(version)
        if rule is None:
            return {}
        return {
            "counts": launching.counts(version, now=now),
            "sentence": words.sentence(rule),
            "variants": summary.variants(version),
            "version": version,
        }
    except (InvalidRule, segments.SegmentCycle) as broken:
        return {"error": f"This segment cannot be used: {broken}"}


@require_http_methods(["GET", "POST"])
@allow("edit")
@on_draft
def campaign_schedule(request: TenantRequest, draft: Version) -> HttpResponse:
    form = _schedule_form(request.POST or None, draft)
    return _step(request, draft, "schedule", form, drafts.set_schedule)


def _schedule_form(data: Any, draft: Version) -> ScheduleForm:
    zone = ZoneInfo(draft.tenant.timezone)
    return ScheduleForm(data, version=draft, zone=zone, now=clock.now(draft.tenant))


@require_safe
@allow("view")
@on_draft
def campaign_schedule_words(request: TenantRequest, draft: Version) -> HttpResponse:
    """The schedule as chosen on the page, saved or not: in words, and the next times it goes out."""
    form = _schedule_form(request.GET, draft)
    if not form.is_valid():
        return render(request, "campaigns/_schedule_words.html", {"problems": _problems(form)})
    try:
        fields = drafts.scheduled(draft, **form.chosen())
    except drafts.Refused as refused:
        return render(request, "campaigns/_schedule_words.html", {"problems": [str(refused)]})
    for name, value in fields.items():
        setattr(draft, name, value)
    context = {"says": summary.timing(draft), "coming": summary.coming(draft, now=clock.now(request.tenant))}
    return render(request, "campaigns/_schedule_words.html", context | {"version": draft})


def _problems(form: forms.Form) -> list[str]:
    return [str(error) for errors in form.errors.values() for error in errors]


@require_http_methods(["GET", "POST"])
@allow("edit")
@on_draft
def campaign_goal(request: TenantRequest, draft: Version) -> HttpResponse:
    form = GoalForm(request.POST or None, version=draft)
    return _step(request, draft, "goal", form, drafts.set_goal)


@never_cache  # whoever goes back reviews what is there by then
@require_safe
@allow("edit")
@on_draft
def campaign_review(request: TenantRequest, draft: Version) -> HttpResponse:
    now = clock.now(request.tenant)
    seen = launching.stamp(draft)  # first: what changes while the rest is read was not seen
    checks = launching.checklist(draft, now=now)
    counted = _counted(draft, now)
    if counts := counted.get("counts"):
        checks += [*findings.checks(draft, now=now), *launching.pace(draft, counts, now=now)]
    context = {
        "seen": seen,
        "checks": checks,
        "is_ready": not any(check.state == "stop" for check in checks),
        "typed_above": TYPED_ABOVE,
        **counted,
        **languages_spoken(draft, request),
        "says": summary.sentence(draft),
    }
    return render(request, "campaigns/review.html", frame(draft, "review", now=now) | context)


@require_POST
@allow("launch")
def campaign_launch(request: TenantRequest, public_id: UUID) -> HttpResponse:
    campaign = campaign_of(public_id)
    version, seen = versions.newest(campaign), request.POST.get("seen", "")
    try:
        launching.launch(version=version, actor=request.user, now=clock.now(request.tenant), seen=seen)
    except launching.NotReady as not_ready:
        for check in not_ready.problems:
            messages.error(request, f"Not launched: {check.words}. {check.detail}".strip())
        return redirect("campaign_review", campaign.public_id)
    except contents.ChangedMeanwhile as changed:
        messages.error(request, str(changed))
        return redirect("campaign_review", campaign.public_id)
    except versions.Frozen as frozen:
        messages.error(request, str(frozen))
    else:
        messages.success(request, "Launched.")
    return redirect("campaign_detail", campaign.public_id)


@never_cache  # whoever goes back sees what is stored by then
def _step(
    request: TenantRequest,
    draft: Version,
    step: str,
    form: AudienceForm | ScheduleForm | GoalForm,
    save: Callable[..., None],
) -> HttpResponse:
    """Show a step, or save what was typed over what its author saw."""
    stamp = versions.stamp(draft, step)
    seen = request.POST.get("seen") or stamp
    if request.method == "POST" and form.is_valid():
        try:
            save(version=draft, actor=request.user, seen=seen, **form.chosen())
        except contents.ChangedMeanwhile as changed:
            form.add_error(None, str(changed))
            seen = stamp  # told of it, they may save over it
        except (drafts.Refused, versions.Frozen, InvalidRule) as refused:
            form.add_error(None, str(refused))
        else:
            return _on(request, draft, step)
    context = frame(draft, step, now=clock.now(request.tenant)) | {"form": form, "seen": seen}
    return render(request, f"campaigns/{step}.html", context, status=422 if form.errors else 200)


def _on(request: TenantRequest, draft: Version, step: str) -> HttpResponse:
    """Saved: go on to the next step, or stay where the person asked to."""
    messages.success(request, "Saved.")
    if "stay" in request.POST:
        return redirect(request.path)
    return redirect(frame(draft, step, now=clock.now(request.tenant))["next"])
