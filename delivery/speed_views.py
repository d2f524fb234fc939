"""The page that says how many messages a tenant's mail server is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from campaigns.speed import MOST_PER_MINUTE
from delivery import drawing, providers, queueing, warm_up
from delivery.models import Provider
from delivery.warm_up import WarmUp
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest

DAYS_SHOWN = 14
MOST_A_DAY = 100_000_000
PLAN = ("warm_up_date", "warm_up_first", "warm_up_percent", "warm_up_ceiling")


class SpeedForm(forms.Form):
    """A rate, and a warm-up plan: all of it or none."""

    per_minute = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_PER_MINUTE,
        label="At most so many a minute",
        help_text="Empty: as many as there are. Your mail provider says how many it takes.",
    )
    is_warming_up = forms.BooleanField(
        required=False,
        label="Warm up: begin with few a day, and let it grow",
        widget=forms.CheckboxInput({"role": "switch", "class": "form-check-input"}),
    )
    warm_up_date = forms.DateField(
        required=False, label="First day", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    warm_up_first = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_A_DAY, label="Messages on the first day"
    )
    warm_up_percent = forms.IntegerField(
        required=False, min_value=1, max_value=1000, label="More each day, in per cent"
    )
    warm_up_ceiling = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_A_DAY,
        label="Over at so many a day",
        help_text="From then on only the rate above holds.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("is_warming_up"):
            for name in PLAN:
                if data.get(name) is None and name not in self.errors:
                    self.add_error(name, "The plan needs this.")
        return data

    @property
    def plan(self) -> WarmUp | None:
        data = self.cleaned_data
        return WarmUp(*(data[name] for name in PLAN)) if data["is_warming_up"] else None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a plan as its table shows it; the length is of the last one shown, in hundredths."""

    date: date
    most: int
    length: float
    is_today: bool


@require_http_methods(["GET", "HEAD", "POST"])
@allow("manage")
def sending_speed(request: TenantRequest) -> HttpResponse:
    tenant, now = request.tenant, clock.now(request.tenant)
    provider, zone = providers.active(tenant), ZoneInfo(tenant.timezone)
    today = now.astimezone(zone).date()
    form = SpeedForm(request.POST or None, initial=_initial(provider, today))
    if request.method == "POST" and form.is_valid():
        try:
            rate = form.cleaned_data["per_minute"]
            providers.set_limits(tenant=tenant, actor=request.user, per_minute=rate, plan=form.plan)
        except (providers.Refused, providers.NoProvider) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Saved. It holds from now on.")
            return redirect("settings_speed")
    context = {
        "form": form,
        "has_server": provider is not None or tenant.is_sandbox,
        "zone": zone.key.replace("_", " "),
    }
    if provider:
        context |= _shown(provider, today, queueing.used_today(provider, zone=zone, now=now))
    return render(request, "delivery/speed.html", context, status=422 if form.errors else 200)


def _initial(provider: Provider | None, today: date) -> dict[str, Any]:
    if provider is None or provider.warm_up_date is None:
        suggested: tuple[Any, ...] = (today, 500, 30, 50_000)
        rate = provider.per_minute if provider else None
        return dict(zip(PLAN, suggested, strict=True)) | {"per_minute": rate, "is_warming_up": False}
    kept = {name: getattr(provider, name) for name in PLAN}
    return kept | {"per_minute": provider.per_minute, "is_warming_up": True}


def _shown(provider: Provider, today: date, used: int) -> dict[str, Any]:
    """The plan's next days, and how much of today's number is gone."""
    plan = warm_up.of(provider)
    if plan is None:
        return {"provider": provider, "used": used}
    most = plan.limit(today)
    days = _days(plan, today)
    return {
        "provider": provider,
        "plan": plan,
        "days": days,
        "is_cut": bool(days) and (plan.ends - days[-1].date).days > 1,
        "is_over": today >= plan.ends,
        "is_to_come": today < plan.begins,
        "used": used,
        "most": most,
        "used_length": min(drawing.part(used, most), 100.0) if most else 0.0,
    }


def _days(plan: WarmUp, today: date) -> list[Day]:
    found = list(islice(plan.days(after=today), DAYS_SHOWN))
    return [Day(day, most, drawing.part(most, found[-1][1]), day == today) for day, most in found]
