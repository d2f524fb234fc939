"""Where mails lead back: the open pixel, links, and unsubscribing. Public; a signed token says which mail."""

from __future__ import annotations

import base64
import logging

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_scopes import scope

from delivery import tokens, tracking
from tenants import clock
from tenants.models import Tenant

log = logging.getLogger(__name__)

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@require_safe
@never_cache
def open_pixel(request: HttpRequest, token: str) -> HttpResponse:
    """Answer with the pixel whatever the token: a broken picture helps nobody."""
    try:
        mark, tenant = _read(token, "o")
    except Http404:
        return HttpResponse(PIXEL, content_type="image/gif")
    with scope(tenant=tenant):
        tracking.opened(tenant=tenant, mark=mark, by_machine=request.method == "HEAD", now=clock.now(tenant))
    return HttpResponse(PIXEL, content_type="image/gif")


@require_safe
@never_cache
def follow_link(request: HttpRequest, token: str) -> HttpResponse:
    """Lead on to where the link points, also when the click cannot be recorded: whoever clicked wants to get there."""
    mark, tenant = _read(token, "c")
    if not tracking.leads_anywhere(mark.url):
        raise Http404
    try:
        with scope(tenant=tenant):
            by_machine = request.method == "HEAD"
            tracking.clicked(tenant=tenant, mark=mark, by_machine=by_machine, now=clock.now(tenant))
    except DatabaseError:
        log.exception("A click was not recorded.")
    return HttpResponseRedirect(mark.url)


@csrf_exempt  # RFC 8058: mail programs post without a cookie or a page of ours
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a page and changes nothing, since scanners follow links; POST unsubscribes."""
    mark, tenant = _read(token, "u")
    is_done = request.method == "POST"
    if is_done:
        origin = "one-click" if "List-Unsubscribe" in request.POST else "unsubscribe page"
        with scope(tenant=tenant):
            tracking.unsubscribed(tenant=tenant, mark=mark, origin=origin, now=clock.now(tenant))
    return render(request, "delivery/unsubscribe.html", {"brand": tenant, "token": token, "is_done": is_done})


@csrf_exempt
@require_POST
@never_cache
def resubscribe(request: HttpRequest, token: str) -> HttpResponse:
    mark, tenant = _read(token, "u")
    with scope(tenant=tenant):
        tracking.resubscribed(tenant=tenant, mark=mark, now=clock.now(tenant))
    return render(request, "delivery/unsubscribe.html", {"brand": tenant, "token": token, "is_undone": True})


def _read(token: str, purpose: str) -> tuple[tokens.Mark, Tenant]:
    try:
        mark = tokens.read(token, purpose=purpose)
        return mark, Tenant.objects.get(pk=mark.tenant_id)
    except (tokens.Forged, Tenant.DoesNotExist) as exc:
        raise Http404("This link is not one of ours, or was cut short on its way.") from exc
