"""What data means: the names it brought along, and what people know about them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from audiences import definitions
from audiences.models import AttributeDefinition, Definition, EventDefinition, Provenance, Sensitivity
from tenants.access import allow
from tenants.http import TenantRequest

PER_PAGE = 100
MODELS: dict[str, type[Definition]] = {"attribute": AttributeDefinition, "event": EventDefinition}


@require_safe
@allow("view")
def names(request: TenantRequest) -> HttpResponse:
    kind = "event" if request.GET.get("kind") == "event" else "attribute"
    rows: QuerySet[Any] = AttributeDefinition.objects.all()
    if kind == "event":
        rows = EventDefinition.objects.filter(is_internal=False)
    context = {
        "kind": kind,
        "page": Paginator(rows.order_by("name"), PER_PAGE).get_page(request.GET.get("page")),
        "provenances": Provenance.choices,
        "sensitivities": Sensitivity.choices,
    }
    return render(request, "audiences/data.html", context)


@require_POST
@allow("edit")
def describe(request: TenantRequest) -> HttpResponse:
    """Keep what somebody said about a name; htmx is told in a toast, a plain form goes back to the list."""
    model = MODELS.get(request.POST.get("kind", ""))
    if model is None:
        raise Http404
    name = request.POST.get("name", "")
    try:
        definitions.describe(
            model=model,
            tenant=request.tenant,
            name=name.replace("\x00", ""),
            actor=request.user,
            label=request.POST.get("label", ""),
            provenance=request.POST.get("provenance", ""),
            sensitivity=request.POST.get("sensitivity", ""),
        )
    except definitions.NoSuchName:
        raise Http404 from None
    except ValueError:
        return HttpResponseBadRequest("Choose one of the values offered.")
    if request.htmx:
        saved = {"text": f"{name}: saved.", "kind": "success"}
        return trigger_client_event(HttpResponse(status=204), "tact:toast", saved)
    messages.success(request, f"{name}: saved.")
    return redirect("settings_data")
