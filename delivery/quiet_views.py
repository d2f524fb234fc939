"""A brand's quiet hours: set on the page that says how much and when people may hear from it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from tenants import quiet
from tenants.access import allow
from tenants.http import TenantRequest
from tenants.models import Tenant


class QuietForm(forms.Form):
    """From when to when nobody is disturbed; both empty for no quiet hours."""

    quiet_start = forms.TimeField(
        required=False, label="From", widget=forms.TimeInput({"type": "time"}, format="%H:%M")
    )
    quiet_end = forms.TimeField(
        required=False, label="To", widget=forms.TimeInput({"type": "time"}, format="%H:%M")
    )


def form_of(tenant: Tenant, data: Any = None) -> QuietForm:
    return QuietForm(data, initial={"quiet_start": tenant.quiet_start, "quiet_end": tenant.quiet_end})


@require_POST
@allow("launch")
def quiet_hours(request: TenantRequest) -> HttpResponse:
    form = form_of(request.tenant, request.POST)
    try:
        if not form.is_valid():
            raise ValueError("Give times such as 21:00, or leave both empty.")
        start, end = form.cleaned_data["quiet_start"], form.cleaned_data["quiet_end"]
        quiet.set_hours(tenant=request.tenant, actor=request.user, start=start, end=end)
    except ValueError as wrong:
        messages.error(request, f"Not saved: {wrong}")
    else:
        messages.success(request, "Saved. It holds for all that is not on its way yet.")
    return redirect("settings_caps")
