"""The page of how a brand looks in its messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import channels, contents, preview
from campaigns.liquid.wire import Refused
from campaigns.models import Content, Version
from tenants import brand, clock
from tenants.access import allow
from tenants.forms import BrandForm
from tenants.http import TenantRequest
from tenants.models import Tenant


@require_http_methods(["GET", "HEAD", "POST"])
@allow("manage")
def brand_values(request: TenantRequest) -> HttpResponse:
    form = BrandForm(request.POST or None, instance=_stored(request))
    if request.method == "POST" and form.is_valid() and _may_go(form):
        with transaction.atomic():
            brand.change(tenant=request.tenant, actor=request.user, **form.cleaned_data)
            # What drafts lack of the brand may be there now, or gone.
            contents.make_stale(_reading(form.changed_data), tenant=request.tenant)
        contents.compile_stale(request.tenant)
        messages.success(request, "Saved. Messages look like this from now on.")
        return redirect("settings_brand")
    return render(request, "campaigns/brand.html", {"form": form}, status=422 if form.errors else 200)


def _may_go(form: BrandForm) -> bool:
    """Say on the form which values cannot be emptied: what goes on prints them, and would reach nobody."""
    for name in form.changed_data:
        if not form.cleaned_data[name] and (users := _in_need(name)):
            said = f"Messages that go on cannot do without it: {', '.join(users[:5])}."
            form.add_error(name, f"{said} Give them a default first, or stop them.")
    return not form.errors


def _in_need(name: str) -> list[str]:
    """Return the campaigns that are live, or paused, with words that print a value and have nothing instead."""
    sending = Version.objects.launched().in_play().filter(campaign__archived_at=None)
    found = _reading([name]).filter(variant__version__in=sending)
    return sorted(
        {
            content.variant.version.campaign.name
            for content in found.select_related("variant__version__campaign", "variant__version__tenant")
            if not _seen_as(name).isdisjoint(contents.compiled_anew(content).needs_of_brand)
        }
    )


def _reading(names: Iterable[str]) -> QuerySet[Content]:
    return Content.objects.filter(reads__overlap=[path for name in names for path in _seen_as(name)])


def _seen_as(name: str) -> set[str]:
    """What messages see of a value: of the main colour also the one that reads well on it."""
    seen = {f"brand.{name}"}
    return seen | {"brand.on_primary_color"} if name == "primary_color" else seen


@require_POST
@allow("manage")
def brand_preview(request: TenantRequest) -> HttpResponse:
    """A mail to begin with as it would look with what is typed, and which colours would be hard to read."""
    form = BrandForm(request.POST, instance=_stored(request))
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        tenant: Tenant = form.instance  # with what was typed, not stored
        context |= {"page": _mail(tenant, request), "contrasts": _contrasts(tenant)}
    return render(request, "campaigns/_brand_preview.html", context)


def _stored(request: TenantRequest) -> Tenant:
    return Tenant.objects.get(pk=request.tenant.pk)


def _mail(tenant: Tenant, request: TenantRequest) -> str:
    channel = channels.all()[0]
    compiled = channel.compile(channel.starters()[0].fields, is_marketing=True, language=tenant.language)
    (answer,) = contents.filled(
        channel=channel.kind,
        parts=compiled.parts,
        people=[{"profile": preview.SAMPLE, "unsubscribe_url": preview.INERT}],
        shared={"brand": contents.brand(tenant)},
        now=clock.now(request.tenant).astimezone(ZoneInfo(tenant.timezone)),
        language=tenant.language,
    )
    return "" if isinstance(answer, Refused) else channel.page(answer)


def _contrasts(tenant: Tenant) -> list[dict[str, Any]]:
    """How well each colour can be read where mails have it, of those that are set."""
    pairs = [
        ("Your main colour on white", tenant.primary_color, brand.WHITE),
        ("Words on a button", brand.readable_on(tenant.primary_color), tenant.primary_color),
        ("Text on white", tenant.text_color, brand.WHITE),
        ("Text on your background", tenant.text_color, tenant.background_color),
    ]
    ratios = [(words, brand.contrast(one, other)) for words, one, other in pairs if one and other]
    return [
        {"words": words, "ratio": f"{ratio:.1f}", "is_readable": ratio >= brand.READABLE}
        for words, ratio in ratios
    ]
