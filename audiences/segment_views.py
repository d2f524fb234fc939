"""Segments: the list, one segment's page, the builder, and what a rule means while it is being built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audiences import people, segments, vocabulary
from audiences.models import Segment
from audiences.rules import words
from audiences.rules.tree import InvalidRule
from audiences.segment_forms import RuleForm, SegmentForm, WhyForm
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest
from tenants.meanwhile import moment

PER_PAGE = 25
REFUSALS = (InvalidRule, segments.SegmentCycle, segments.NameTaken)
BROKEN = (InvalidRule, segments.SegmentCycle)


@dataclass(frozen=True)
class Row:
    """A segment in the list, its rule in words; ``problem`` instead if the rule cannot be used any more."""

    segment: Segment
    sentence: str = ""
    problem: str = ""


def _row(segment: Segment) -> Row:
    try:
        return Row(segment, words.sentence(segments.resolve(segment.rule)))
    except BROKEN as exc:
        return Row(segment, problem=str(exc))


@require_safe
@allow("view")
def segment_list(request: TenantRequest) -> HttpResponse:
    asked, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    page = Paginator(_listed(asked, state), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [_row(segment) for segment in page],
        "q": asked,
        "state": state,
        "is_filtered": bool(asked or state),
    }
    is_part = request.htmx and not request.htmx.boosted
    response = render(
        request, "audiences/_segment_rows.html" if is_part else "audiences/segment_list.html", context
    )
    patch_vary_headers(response, ["HX-Request"])  # one URL, two bodies
    return response


def _listed(asked: str, state: str) -> QuerySet[Segment]:
    found = Segment.objects.filter(archived_at__isnull=state != "archived").order_by("name", "id")
    return found.filter(Q(name__icontains=asked) | Q(description__icontains=asked)) if asked else found


@require_safe
@allow("view")
def segment_size(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """The number of people in one segment, for the list to fill in."""
    segment = get_object_or_404(Segment, public_id=public_id)
    context: dict[str, Any] = {"segment": segment}
    try:
        context["size"] = segments.count(segment.rule, tenant=request.tenant, now=clock.now(request.tenant))
    except BROKEN as exc:
        context["problem"] = str(exc)
    except segments.TooSlow:
        context["is_slow"] = True
    return render(request, "audiences/_segment_size.html", context)


@require_safe
@allow("view")
def segment_detail(request: TenantRequest, public_id: UUID) -> HttpResponse:
    segment: Segment = get_object_or_404(Segment.objects.select_related("created_by"), public_id=public_id)
    context = {
        "row": _row(segment),
        "segment": segment,
        "rule_json": RuleForm.base_fields["rule"].prepare_value(segment.rule),
        "users": segments.used_by(segment),
    }
    return render(request, "audiences/segment_detail.html", context)


@require_http_methods(["GET", "POST"])
@allow("edit")
def segment_new(request: TenantRequest) -> HttpResponse:
    form = SegmentForm(request.POST or None, initial={"rule": segments.EVERYONE})
    if request.method == "POST" and form.is_valid():
        try:
            segment = segments.create(tenant=request.tenant, actor=request.user, **form.cleaned_data)
        except REFUSALS as exc:
            form.add_refusal(exc)
        else:
            messages.success(request, "Segment saved.")
            return redirect("segment_detail", segment.public_id)
    return _builder(request, form)


@never_cache  # whoever goes back sees what is stored by then
@require_http_methods(["GET", "POST"])
@allow("edit")
def segment_edit(request: TenantRequest, public_id: UUID) -> HttpResponse:
    segment = get_object_or_404(Segment, public_id=public_id)
    initial = {"name": segment.name, "description": segment.description, "rule": segment.rule}
    form = SegmentForm(request.POST or None, initial=initial)
    seen = request.POST.get("seen") or segment.updated_at.isoformat()
    if request.method == "POST" and form.is_valid():
        try:
            segments.update(segment=segment, actor=request.user, seen_at=moment(seen), **form.cleaned_data)
        except REFUSALS as exc:
            form.add_refusal(exc)
        except segments.ChangedMeanwhile as changed:
            form.add_error(None, str(changed))
            seen = segment.updated_at.isoformat()  # told of it, they may save over it
        else:
            messages.success(request, "Segment saved.")
            return redirect("segment_detail", segment.public_id)
    return _builder(request, form, segment, seen)


def _builder(
    request: TenantRequest, form: SegmentForm, segment: Segment | None = None, seen: str = ""
) -> HttpResponse:
    problem = next((error for error in form.errors.as_data().get("rule", []) if error.code == "rule"), None)
    context = {
        "form": form,
        "segment": segment,
        "seen": seen,
        "name_before": segment and Segment.objects.get(pk=segment.pk).name,
        "vocabulary": vocabulary.describe(leave_out=segment),
        "problem_path": (problem.params or {}).get("path", "") if problem else "",
        "has_problem": problem is not None,
    }
    return render(request, "audiences/segment_builder.html", context, status=422 if form.errors else 200)


@require_POST
@allow("view")
def segment_count(request: TenantRequest) -> HttpResponse:
    """What a rule means at this moment: the sentence, how many, some of them. The rule need not be saved."""
    form = RuleForm(request.POST)
    context: dict[str, Any] = {}
    if form.is_valid():
        rule, seed = form.cleaned_data["rule"], form.cleaned_data["seed"] or 0
        context["next_seed"] = seed + 1
        try:
            context["sentence"] = words.sentence(segments.resolve(rule))
            now = clock.now(request.tenant)
            context["glimpse"] = segments.glimpse(rule, tenant=request.tenant, now=now, seed=seed)
        except InvalidRule as exc:
            context["problem"], context["path"] = exc.message, exc.path
        except segments.SegmentCycle as exc:
            context["problem"] = str(exc)
        except segments.TooSlow:
            context["is_slow"] = True
    else:
        error = next(iter(form.errors.as_data().values()))[0]
        said = (error.code == "rule" and error.params) or {"message": error.messages[0], "path": ""}
        context["problem"], context["path"] = said["message"], said["path"]
    return render(request, "audiences/_segment_glimpse.html", context)


@require_POST
@allow("view")
def segment_why(request: TenantRequest) -> HttpResponse:
    """Why one person is in or out, as a tree with what was seen; or the people that the words may mean."""
    form = WhyForm(request.POST)
    context: dict[str, Any] = {}
    if form.is_valid() and form.cleaned_data["person"].strip():
        asked, now = form.cleaned_data["person"].strip(), clock.now(request.tenant)
        found = people.meant(asked, tenant_id=request.tenant.pk)
        context = {"asked": asked, "found": found}
        if len(found) == 1:
            context["person"] = found[0]
            try:
                context["node"] = segments.why(form.cleaned_data["rule"], profile=found[0], now=now)
            except BROKEN as exc:
                context["problem"] = str(exc)
    elif "rule" in form.errors:
        context["problem"] = "Finish the rule first."
    return render(request, "audiences/_segment_why.html", context)


@require_safe
@allow("view")
def segment_values(request: TenantRequest) -> HttpResponse:
    """Values to suggest for an attribute, or for an event's property."""
    name, event = request.GET.get("name", "")[:200], request.GET.get("event", "")[:200]
    if not name or "\0" in name + event:
        return JsonResponse({"values": []})
    values = vocabulary.suggestions(tenant_id=request.tenant.pk, name=name, event=event)
    return JsonResponse({"values": values})


@require_POST
@allow("edit")
def segment_duplicate(request: TenantRequest, public_id: UUID) -> HttpResponse:
    segment = get_object_or_404(Segment, public_id=public_id)
    try:
        twin = segments.duplicate(segment=segment, actor=request.user)
    except REFUSALS as exc:
        messages.error(request, f"It could not be copied. {exc}")
        return redirect("segment_detail", public_id)
    messages.success(request, f"This is a copy of “{segment.name}”.")
    return redirect("segment_edit", twin.public_id)


@require_POST
@allow("edit")
def segment_archive(request: TenantRequest, public_id: UUID) -> HttpResponse:
    segment = get_object_or_404(Segment, public_id=public_id)
    try:
        segments.archive(segment=segment, actor=request.user, now=clock.now(request.tenant))
    except segments.SegmentInUse as exc:
        messages.error(request, str(exc))
    return redirect("segment_detail", public_id)


@require_POST
@allow("edit")
def segment_restore(request: TenantRequest, public_id: UUID) -> HttpResponse:
    segment = get_object_or_404(Segment, public_id=public_id)
    try:
        segments.restore(segment=segment, actor=request.user)
    except segments.NameTaken as exc:
        messages.error(request, f"{exc} Rename that one first.")
    else:
        messages.success(request, "Segment restored.")
    return redirect("segment_detail", public_id)
