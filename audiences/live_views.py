"""Live events: what arrives right now, and what was refused and why."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audiences import timeline
from audiences.models import EventDefinition, RefusedCall
from tenants.access import allow
from tenants.http import TenantRequest
from tenants.strict import number

SHOWN = 100
FRESH_START = 500  # rows on the page after which it begins anew
NAMES = 500


@require_safe
@allow("view")
def live_events(request: TenantRequest) -> HttpResponse:
    """The latest arrivals; the page then asks for newer ones every two seconds unless paused."""
    name = _name(request)
    events = timeline.arrivals(tenant_id=request.tenant.pk, name=name, limit=SHOWN)
    context = _context(request, events, after=0) | {
        "name": name,
        "names": EventDefinition.objects.order_by("name").values_list("name", flat=True)[:NAMES],
        "tracking_url": request.build_absolute_uri("/v1/track"),
        "refused_count": _refused_count(),
    }
    return render(request, "audiences/live.html", context)


@require_safe
@allow("view")
def live_newer(request: TenantRequest) -> HttpResponse:
    """What arrived after event ``after``: nothing to swap (204), some rows, or a page that begins anew."""
    after, shown = number(request.GET.get("after")) or 0, number(request.GET.get("shown")) or 0
    events = timeline.arrivals(tenant_id=request.tenant.pk, name=_name(request), after=after, limit=SHOWN)
    if not events:
        return HttpResponse(status=204)
    if not shown or shown + len(events) > FRESH_START:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = _context(request, events, after) | {"shown": shown + len(events)}
    return render(request, "audiences/_live_newer.html", context)


@require_safe
@allow("view")
def live_refused(request: TenantRequest) -> HttpResponse:
    """Calls that were not stored, the latest first."""
    before = number(request.GET.get("before"))
    calls = RefusedCall.objects.order_by("-id")
    listed = list(calls.filter(pk__lt=before)[: SHOWN + 1] if before else calls[: SHOWN + 1])
    context = {
        "calls": listed[:SHOWN],
        "has_more": len(listed) > SHOWN,
        "refused_count": _refused_count(),
    }
    return render(request, "audiences/live_refused.html", context)


def _refused_count() -> int:
    return RefusedCall.objects.all()[:1_001].count()


def _context(request: TenantRequest, events: list[Any], after: int) -> dict[str, Any]:
    return {
        "events": events,
        "after": events[0].id if events else after,
        "shown": len(events),
        "name": _name(request),
        "is_paused": "paused" in request.GET,
    }


def _name(request: TenantRequest) -> str:
    return request.GET.get("name", "").replace("\x00", "")[:255]
