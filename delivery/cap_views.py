"""The pages of a tenant's frequency caps: everybody reads them, who may launch changes them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import channels, tags
from campaigns.models import Campaign, Version
from delivery import cap_editing, caps, quiet_views
from delivery.models import FrequencyCap
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest

Kind, Scope = FrequencyCap.Kind, FrequencyCap.Scope

HOURS = {"hours": 1, "days": 24}


class CapForm(forms.Form):
    """A cap as a sentence: at most so many, of what, in which period."""

    limit = forms.IntegerField(
        label="At most",
        min_value=1,
        max_value=cap_editing.LARGEST,
        initial=3,
        help_text="Messages to one person.",
    )
    about = forms.ChoiceField(
        label="Which messages", help_text="A tag is given to a campaign among its details."
    )
    tag = forms.CharField(
        required=False,
        max_length=tags.LONGEST,
        widget=forms.TextInput({"list": "tags-in-use", "autocomplete": "off"}),
    )
    kind = forms.ChoiceField(
        label="Period",
        choices=[
            (Kind.ROLLING, "A rolling period"),
            (Kind.DAY, "A calendar day"),
            (Kind.WEEK, "A calendar week, from Monday"),
        ],
        help_text="A day or a week is each person's own: by their time zone, or yours where theirs is not known.",
    )
    amount = forms.IntegerField(required=False, label="Length", min_value=1, initial=7)
    unit = forms.ChoiceField(required=False, choices=[("hours", "hours"), ("days", "days")], initial="days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        about = self.fields["about"]
        assert isinstance(about, forms.ChoiceField)
        about.choices = [
            (str(Scope.ALL), "Messages of any kind"),
            *((f"{Scope.CHANNEL}:{one.kind}", f"{one.noun.capitalize()}s") for one in channels.all()),
            (str(Scope.TAG), "Messages with a tag"),
        ]

    def clean_tag(self) -> str:
        return tags.clean(self.cleaned_data["tag"])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("about") == Scope.TAG and not given.get("tag") and "tag" not in self.errors:
            self.add_error("tag", "Say which tag.")
        if given.get("kind") == Kind.ROLLING and not given.get("amount") and "amount" not in self.errors:
            self.add_error("amount", "Say how long the period is.")
        return given

    def chosen(self) -> dict[str, Any]:
        """What ``cap_editing`` takes of a valid form."""
        given = self.cleaned_data
        scope, _, channel = given["about"].partition(":")
        is_rolling = given["kind"] == Kind.ROLLING
        return {
            "limit": given["limit"],
            "scope": scope,
            "value": given["tag"] if scope == Scope.TAG else channel,
            "kind": given["kind"],
            "hours": given["amount"] * HOURS[given["unit"] or "days"] if is_rolling else None,
        }

    @property
    def tags_in_use(self) -> list[str]:
        return tags.in_use()


def _shown(cap: FrequencyCap) -> dict[str, Any]:
    """What the form shows of a stored cap."""
    hours = cap.hours or HOURS["days"] * 7
    unit = "hours" if hours % 24 else "days"
    return {
        "limit": cap.limit,
        "about": f"{cap.scope}:{cap.value}" if cap.scope == Scope.CHANNEL else cap.scope,
        "tag": cap.value if cap.scope == Scope.TAG else "",
        "kind": cap.kind,
        "amount": hours // HOURS[unit],
        "unit": unit,
    }


@require_safe
@allow("view")
def cap_list(request: TenantRequest) -> HttpResponse:
    context = {
        "caps": [(cap, caps.words(cap)) for cap in caps.in_force(request.tenant)],
        "tagged": set(tags.in_use()),
        "exempt": _exempt(),
        "quiet_form": quiet_views.form_of(request.tenant),
    }
    return render(request, "delivery/caps.html", context)


def _exempt() -> list[Campaign]:
    """Return the live campaigns that no cap holds back, by name."""
    newest = (
        Version.objects.launched()
        .filter(campaign__state=Campaign.State.LIVE, campaign__archived_at=None)
        .order_by("campaign_id", "-number")
        .distinct("campaign_id")
        .select_related("campaign")
    )
    return sorted((one.campaign for one in newest if one.is_cap_exempt), key=lambda one: one.name.lower())


@require_http_methods(["GET", "HEAD", "POST"])
@allow("launch")
def cap_new(request: TenantRequest) -> HttpResponse:
    form = CapForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        now = clock.now(request.tenant)
        try:
            cap = cap_editing.add(tenant=request.tenant, actor=request.user, now=now, **form.chosen())
        except cap_editing.Refused as refused:
            _refuse(form, refused)
        else:
            messages.success(request, f"{caps.words(cap)}: from now on, with what was sent before counted.")
            return redirect("settings_caps")
    return render(request, "delivery/cap.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@allow("launch")
def cap_change(request: TenantRequest, public_id: UUID) -> HttpResponse:
    cap = _cap_of(public_id)
    form = CapForm(request.POST or None, initial=_shown(cap))
    if request.method == "POST" and form.is_valid():
        now = clock.now(request.tenant)
        try:
            changed = cap_editing.change(cap=cap, actor=request.user, now=now, **form.chosen())
        except cap_editing.Refused as refused:
            _refuse(form, refused)
        except FrequencyCap.DoesNotExist as removed:
            raise Http404 from removed
        else:
            messages.success(
                request, f"{caps.words(changed)}: from now on, with what was sent before counted."
            )
            return redirect("settings_caps")
    context = {"form": form, "cap": cap, "words": caps.words(cap)}
    return render(request, "delivery/cap.html", context, status=422 if form.errors else 200)


@require_POST
@allow("launch")
def cap_remove(request: TenantRequest, public_id: UUID) -> HttpResponse:
    cap = _cap_of(public_id)
    cap_editing.remove(cap=cap, actor=request.user, now=clock.now(request.tenant))
    messages.success(request, f"Removed: {caps.words(cap)}.")
    return redirect("settings_caps")


def _cap_of(public_id: UUID) -> FrequencyCap:
    """Return a cap in force of the request's tenant, or raise Http404."""
    return get_object_or_404(
        FrequencyCap.objects.select_related("tenant"), public_id=public_id, archived_at=None
    )


def _refuse(form: CapForm, refused: cap_editing.Refused) -> None:
    fields = {"hours": "amount", "value": "tag"}
    form.add_error(fields.get(refused.field, refused.field) or None, str(refused))
