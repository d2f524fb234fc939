"""One attribute of one person: looked at, set, removed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import capfirst
from django.views.decorators.http import require_http_methods

from audiences import attributes, telling
from audiences.attribute_forms import KINDS, AttributeForm, kind_of, shown
from audiences.models import AttributeDefinition
from audiences.people_views import living
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest
from tenants.strict import Refused

SUGGESTED = 500


@require_http_methods(["GET", "POST"])
@allow("edit")
def profile_attribute(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Ask for the value of the attribute ``of``, or for a new one's; set it, or remove it."""
    profile = living(public_id)
    known, of = telling.known(profile), request.GET.get("of", "")
    if of and (of in attributes.IGNORED_TRAITS or (of not in known and of not in attributes.STANDARD)):
        raise Http404
    if "remove" in request.POST and of:
        form, stated = None, dict.fromkeys(telling.POINT if of in telling.POINT else [of])
    else:
        form = _form(request, of=of, known=known)
        stated = form.stated() if form.is_valid() else {}
    if stated:
        try:
            telling.tell(profile=profile, stated=stated, actor=request.user, now=clock.now(request.tenant))
        except Refused as refused:
            if form is None:
                messages.error(request, str(refused.args[0]))
                return redirect("profile_detail", public_id)
            form.add_error("value", f"{capfirst(refused.reason).rstrip('.')}.")
        else:
            messages.success(request, f"{profile}: {', '.join(stated)} {'saved' if form else 'removed'}.")
            return redirect("profile_detail", public_id)
    context = {
        "profile": profile,
        "form": form,
        "of": of,
        "label": attributes.STANDARD[of].label if of in attributes.STANDARD else of,
        "is_known": of in known,
        "names": [] if of else _names(known),
    }
    return render(request, "audiences/attribute_form.html", context)


def _form(request: TenantRequest, *, of: str, known: dict[str, Any]) -> AttributeForm:
    value = known.get(of)
    asked = request.POST.get("kind") or request.GET.get("kind")
    if of in telling.POINT:
        kind, value = "point", tuple(known.get(half) for half in telling.POINT) if value is not None else None
    elif of in attributes.STANDARD:
        kind = "text"
    else:
        kind = kind_of(value) if value is not None and not asked else str(asked)
        kind = kind if kind in KINDS else "text"
    is_same_kind = value is not None and (kind == "point" or kind_of(value) == kind)
    initial = {
        "name": request.GET.get("name", ""),
        "value": shown(value, kind) if is_same_kind else None,
    }
    return AttributeForm(request.POST or None, of=of, kind=kind, initial=initial)


def _names(known: dict[str, Any]) -> list[str]:
    """Names to choose from: what others have and this person lacks."""
    defined = AttributeDefinition.objects.order_by("name").values_list("name", flat=True)[:SUGGESTED]
    standard = [name for name in attributes.STANDARD if name not in {"external_id", *telling.POINT}]
    return [name for name in [*standard, *defined] if name not in known]
