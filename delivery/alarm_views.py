"""What needs looking after: a page, the number beside its name, and a line where it concerns what is shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import resolve, reverse
from django.views.decorators.http import require_safe

from campaigns.models import Campaign
from delivery import alarms
from delivery.alarms import Alarm
from tenants import access, clock
from tenants.access import allow
from tenants.http import TenantRequest

KEPT_SECONDS = 20  # the number in the rail is asked for on every page
LINES = 3


@require_safe
@allow("view")
def alarm_list(request: TenantRequest) -> HttpResponse:
    found = alarms.of(request.tenant, now=clock.now(request.tenant))
    return render(request, "delivery/alarms.html", {"rows": [_shown(request, alarm) for alarm in found]})


@require_safe
@allow("view")
def alarm_count(request: TenantRequest) -> HttpResponse:
    """How many there are; empty for none. For htmx, so that no page waits for it."""
    found = _lately(request)
    context = {"count": len(found), "is_grave": any(alarm.is_grave for alarm in found)}
    return render(request, "delivery/_alarm_count.html", context)


@require_safe
@allow("view")
def alarm_lines(request: TenantRequest) -> HttpResponse:
    """The first few, in a line each, for the home page; empty for none."""
    return _lines(request, _lately(request))


@require_safe
@allow("view")
def campaign_alarms(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Those that concern one campaign: its own, and what keeps any message from leaving."""
    campaign = get_object_or_404(Campaign, public_id=public_id)
    concerning = [
        alarm
        for alarm in _lately(request)
        if alarm.campaign == campaign or (alarm.campaign is None and alarm.is_grave)
    ]
    return _lines(request, concerning)


def _lines(request: TenantRequest, found: list[Alarm]) -> HttpResponse:
    context = {
        "rows": [_shown(request, alarm) for alarm in found[:LINES]],
        "more": max(len(found) - LINES, 0),
    }
    return render(request, "delivery/_alarm_lines.html", context)


def _lately(request: TenantRequest) -> list[Alarm]:
    """The alarms of a few seconds ago at most."""
    key = f"alarms:{request.tenant.pk}"
    found: list[Alarm] | None = cache.get(key)
    if found is None:
        found = alarms.of(request.tenant, now=clock.now(request.tenant))
        cache.set(key, found, KEPT_SECONDS)
    return found


def _shown(request: TenantRequest, alarm: Alarm) -> dict[str, Any]:
    """An alarm with the page for it, if this member may open that."""
    url = ""
    if alarm.url_name:
        path = reverse(alarm.url_name, args=alarm.args)
        action = getattr(resolve(path).func, "allows", None)
        if action is None or access.may(request, action):
            url = f"{path}?{alarm.query}" if alarm.query else path
    return {"alarm": alarm, "url": url}
