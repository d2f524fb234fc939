"""The pages of sources: everybody sees how they do, marketers try them, owners set them up."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audiences import facts
from audiences.models import Profile
from campaigns import contents, preview
from campaigns.models import Source
from campaigns.source_forms import SourceForm, TryForm
from campaigns.sources import editing, health, paths, reading, trial
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest


@require_safe
@allow("view")
def source_list(request: TenantRequest) -> HttpResponse:
    sources = list(Source.objects.select_related("tenant").order_by("name"))
    rows = [(one, reading.used_by(one.source)) for one in health.of(sources, raw_now=clock.raw_now())]
    return render(request, "campaigns/sources.html", {"rows": rows})


@require_safe
@allow("view")
def source_detail(request: TenantRequest, public_id: UUID) -> HttpResponse:
    source = _source_of(public_id)
    (doing,) = health.of([source], raw_now=clock.raw_now())
    context = {
        "source": source,
        "health": doing,
        "users": reading.used_by(source),
        "paths": paths.of(source),
        "try_form": TryForm(),
        "asks_event": any(reading.root_of(need) == "event" for need in source.needs),
        "is_plain_secret": bool(source.header_names) and source.url.startswith("http:"),
    }
    return render(request, "campaigns/source.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@allow("manage")
def source_new(request: TenantRequest) -> HttpResponse:
    form = SourceForm(request.POST or None, initial=SourceForm.known(request.GET))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        given["headers"] = {name: value or "" for name, value in given["headers"].items()}
        try:
            source = editing.add(tenant=request.tenant, actor=request.user, **given)
        except editing.Refused as refused:
            form.add_error(refused.field or None, str(refused))
        else:
            messages.success(
                request, "Saved. Try it below: what it answers can then be inserted into messages."
            )
            return redirect("source_detail", source.public_id)
    return _form(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@allow("manage")
def source_edit(request: TenantRequest, public_id: UUID) -> HttpResponse:
    source = _source_of(public_id)
    form = SourceForm(request.POST or None, initial=SourceForm.initial_of(source))
    if request.method == "POST" and form.is_valid():
        try:
            editing.change(source=source, actor=request.user, **form.cleaned_data)
        except editing.Refused as refused:
            form.add_error(refused.field or None, str(refused))
        except editing.InUse as in_use:
            form.add_error("name", f"The name cannot change. {in_use}")
        except Source.DoesNotExist as removed:
            raise Http404 from removed
        else:
            messages.success(request, "Saved. Messages ask this way from now on.")
            return redirect("source_detail", source.public_id)
    return _form(request, form, source=source, users=reading.used_by(source))


def _form(request: TenantRequest, form: SourceForm, **context: Any) -> HttpResponse:
    return render(
        request, "campaigns/source_form.html", {"form": form, **context}, status=422 if form.errors else 200
    )


@require_POST
@allow("manage")
def source_remove(request: TenantRequest, public_id: UUID) -> HttpResponse:
    source = _source_of(public_id)
    try:
        editing.remove(source=source, actor=request.user)
    except editing.InUse as in_use:
        messages.error(request, f"Not removed. {in_use}")
        return redirect("source_detail", source.public_id)
    messages.success(request, f"Removed: {source.name}.")
    return redirect("source_list")


@require_POST
@never_cache
@allow("edit")
def source_try(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Ask for one person now, and show all of it."""
    source, form = _source_of(public_id), TryForm(request.POST)
    context: dict[str, Any] = {"source": source, "form": form}
    if form.is_valid():
        person = _person(form.cleaned_data["who"])
        if form.cleaned_data["who"] and person is None:
            form.add_error("who", "Nobody goes by that.")
        else:
            context |= {
                "person": person,
                "tried": _tried(request, source, person, form.cleaned_data["event"]),
            }
    return render(request, "campaigns/_tried.html", context)


def _tried(
    request: TenantRequest, source: Source, person: Profile | None, event: dict[str, Any]
) -> trial.Tried:
    now = clock.now(request.tenant)
    seen = facts.load(tenant_id=request.tenant.pk, ids=[person.pk], rules=[], now=now) if person else {}
    profile = facts.liquid(seen[person.pk]) if person and person.pk in seen else preview.SAMPLE
    local = now.astimezone(ZoneInfo(request.tenant.timezone))
    shared = {"brand": contents.brand(request.tenant), "campaign": {"name": "A trial", "public_id": ""}}
    return trial.ask(source, {"profile": profile, "event": event}, shared=shared, now=local)


def _person(who: str) -> Profile | None:
    found = preview.people(who) if who.strip() else list(Profile.objects.living().order_by("id")[:1])
    return found[0] if found else None


def _source_of(public_id: UUID) -> Source:
    """Return a source of the request's tenant, or raise Http404."""
    return get_object_or_404(Source.objects.select_related("tenant"), public_id=public_id)
