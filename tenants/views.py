"""Pages of a tenant: choosing one, its sender identity, keys, clock and audit log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import audit, clock, keys, sandboxes, sender
from tenants.access import allow
from tenants.forms import AuditFilter, ForwardForm, KeyForm, SandboxForm, SenderForm
from tenants.http import TenantRequest
from tenants.middleware import enter
from tenants.models import ApiKey, AuditEntry, Membership

PAGE = 50


@require_POST
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """Work in another of one's tenants from now on; any other is a 404, as if there were none."""
    try:
        wanted = UUID(request.POST.get("tenant", ""))
    except ValueError as malformed:
        raise Http404 from malformed
    assert request.user.is_authenticated
    membership = Membership.objects.filter(user=request.user, tenant__public_id=wanted).first()
    if membership is None:
        raise Http404
    enter(request, membership.tenant_id)
    return redirect("home")


@require_safe
@login_required
def no_tenant(request: HttpRequest) -> HttpResponse:
    if hasattr(request, "tenant"):
        return redirect("home")
    return render(request, "tenants/no_tenant.html")


@require_http_methods(["GET", "HEAD", "POST"])
@allow("manage")
def new_sandbox(request: TenantRequest) -> HttpResponse:
    form = SandboxForm(request.POST or None, initial={"name": f"{request.tenant} sandbox"[:100]})
    if request.method == "POST" and form.is_valid():
        try:
            made = sandboxes.make(like=request.tenant, owner=request.user, **form.cleaned_data)
        except sandboxes.Enough as enough:
            form.add_error(None, str(enough))
        else:
            enter(request, made.pk)
            messages.success(request, f"You are in {made} now. Nothing you send here leaves this machine.")
            return redirect("home")
    return render(request, "tenants/new_sandbox.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@allow("manage")
def sender_identity(request: TenantRequest) -> HttpResponse:
    form = SenderForm(request.POST or None, instance=type(request.tenant).objects.get(pk=request.tenant.pk))
    if request.method == "POST" and form.is_valid():
        sender.change(tenant=request.tenant, actor=request.user, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("settings_sender")
    return render(request, "tenants/sender.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@allow("manage")
def api_keys(request: TenantRequest) -> HttpResponse:
    """The list; a POST makes a key and shows it in its own answer, the only one that ever does."""
    now = clock.raw_now()
    form = KeyForm(request.POST or None)
    made = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        made = keys.create(
            tenant=request.tenant,
            kind=given["kind"],
            name=given["name"],
            scopes=given["scopes"],
            created_by=request.user,
            expires_at=form.expires_at(now),
        )
        form = KeyForm()
    live = ApiKey.objects.filter(tenant=request.tenant, revoked_at=None).select_related("created_by")
    rows = [
        (key, [keys.SCOPES.get(name, name) for name in key.scopes])
        for key in live.order_by("-created_at", "-id")
    ]
    context = {"form": form, "made": made, "keys": rows, "now": now}
    return render(request, "tenants/keys.html", context, status=422 if form.errors else 200)


@require_POST
@allow("manage")
def revoke_key(request: TenantRequest, key: UUID) -> HttpResponse:
    try:
        gone = keys.revoke(tenant=request.tenant, key=key, actor=request.user, now=clock.raw_now())
    except keys.Unheard as unheard:
        raise Http404 from unheard
    messages.success(request, f"{gone.name} is refused from now on.")
    return redirect("settings_keys")


@require_safe
@allow("view")
def sandbox_clock(request: TenantRequest) -> HttpResponse:
    return _clock_page(request, ForwardForm())


@require_POST
@allow("manage")
def move_clock(request: TenantRequest) -> HttpResponse:
    form = ForwardForm(request.POST)
    if request.tenant.is_sandbox and form.is_valid():
        try:
            clock.move_forward(request.tenant, form.length(), actor=request.user)
        except clock.TooFar as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "The clock went forward. What became due is on its way.")
            return redirect("sandbox_clock")
    return _clock_page(request, form)


@require_POST
@allow("manage")
def reset_clock(request: TenantRequest) -> HttpResponse:
    try:
        clock.set_to(request.tenant, None, actor=request.user)
    except clock.NotASandbox as refusal:
        raise Http404 from refusal
    messages.success(request, "This sandbox is back in real time.")
    return redirect("sandbox_clock")


def _clock_page(request: TenantRequest, form: ForwardForm) -> HttpResponse:
    if not request.tenant.is_sandbox:
        raise Http404
    context = {"form": form, "now": clock.now(request.tenant), "raw_now": clock.raw_now()}
    return render(request, "tenants/clock.html", context, status=422 if form.errors else 200)


@require_safe
@allow("view")
def audit_log(request: TenantRequest) -> HttpResponse:
    entries = AuditEntry.objects.filter(tenant=request.tenant)
    chosen = AuditFilter(
        request.GET, things=audit.things(request.tenant), people=audit.people(request.tenant)
    )
    chosen.is_valid()
    columns = {"thing": "thing", "person": "actor_name"}
    wanted: dict[str, Any] = {columns[name]: value for name, value in chosen.cleaned_data.items() if value}
    newest = entries.filter(**wanted).order_by("-at", "-id")
    page = Paginator(newest, PAGE).get_page(request.GET.get("page"))
    rows = [(entry, audit.in_words(entry.changes)) for entry in page]
    context = {"page": page, "rows": rows, "filter": chosen, "is_filtered": bool(wanted)}
    return render(request, "tenants/audit.html", context)
