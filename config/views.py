"""The front door."""

from __future__ import annotations

from django.http import HttpResponse, HttpRequest
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenants.access import allow
from tenants.http import TenantRequest


@require_safe
@allow("view")
def home(request: TenantRequest) -> HttpResponse:
    return render(request, "home.html")


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that this process serves; it asks nothing of the database."""
    return HttpResponse("ok", content_type="text/plain")
