"""The front door."""

from __future__ import annotations

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.views.decorators.http import require_safe
from django.views.defaults import server_error

from config import context
from config import home as front
from tenants import api_errors, clock
from tenants.access import allow
from tenants.http import TenantRequest


@require_safe
@allow("view")
def home(request: TenantRequest) -> HttpResponse:
    steps = [(step, context.reachable(request, *step.url_names)) for step in front.steps(request.tenant)]
    return render(
        request,
        "home.html",
        {
            "steps": steps,
            "done": sum(step.is_done for step, _ in steps),
            "campaigns": front.recent(now=clock.now(request.tenant)),
            "new_campaign_url": context.reachable(request, "campaign_new"),
        },
    )


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that this process serves; it asks nothing of the database."""
    return HttpResponse("ok", content_type="text/plain")


def broken(request: HttpRequest) -> HttpResponse:
    """Say that something failed on our side: to programs as the API says all its errors, to people on a page."""
    if request.path.startswith("/api/v1/"):
        return JsonResponse(api_errors.body("broken", "Something failed on our side."), status=500)
    return server_error(request)


ELSEWHERE = "Tact is not served under this host. Whoever runs it names its hosts in TACT_ALLOWED_HOSTS."


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that a request could not be taken, to programs and people; under another host, what that takes."""
    elsewhere = ELSEWHERE if isinstance(exception, DisallowedHost) else ""
    if request.path.startswith("/api/v1/"):
        told = ("no_such_host", elsewhere) if elsewhere else ("unreadable", "The request cannot be read.")
        return JsonResponse(api_errors.body(*told), status=400)
    return HttpResponseBadRequest(get_template("400.html").render({"elsewhere": elsewhere}))
