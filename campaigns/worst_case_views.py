"""Beside the editor: the words being typed as the people get them with whom they come out worst."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from audiences import segments
from audiences.rules.tree import InvalidRule
from campaigns import channels, contents, languages, worst_cases
from campaigns.channels import Compiled, Problem
from campaigns.editing import on_draft
from campaigns.message_views import channel_of, language_of, variant_of
from campaigns.models import Version
from campaigns.worst_cases import Typed
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest


@require_POST
@allow("edit")
@on_draft
def campaign_worst_cases(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    """The cards, each still to be filled by ``campaign_worst_case``."""
    context = {
        "cases": worst_cases.cases(_typed(request, draft, key)),
        "campaign": draft.campaign,
        "key": key,
    }
    return render(request, "campaigns/_worst_cases.html", context)


@require_POST
@allow("edit")
@on_draft
def campaign_worst_case(request: TenantRequest, draft: Version, key: str, case: str) -> HttpResponse:
    """One card, with the words in the form where they are what that person gets."""
    typed = _typed(request, draft, key)
    found = next((each for each in worst_cases.cases(typed) if each.key == case), None)
    if found is None:
        raise Http404("No such case: the words need something else by now.")
    channel = channels.get(typed.channel)
    try:
        shown = worst_cases.show(found, typed, now=clock.now(request.tenant))
    except (InvalidRule, segments.SegmentCycle) as broken:
        return render(request, "campaigns/_count.html", {"error": f"This segment cannot be used: {broken}"})
    message = shown.preview and shown.preview.message
    context = {
        "shown": shown,
        "campaign": draft.campaign,
        "key": key,
        "case": case,
        "reads": languages.name(shown.language or draft.language),
        "mail": message and channel.preview(message, tenant=request.tenant, to=""),
        "page": message and channel.page(message, is_dark="worst-dark" in request.POST),
    }
    return render(request, "campaigns/_worst_case.html", context)


def _typed(request: TenantRequest, draft: Version, key: str) -> Typed:
    variant, channel = variant_of(draft, key), channel_of(request)
    language = language_of(request, variant)
    form = channel.form(request.POST, fields={})
    if form.is_valid():
        compiled = contents.compile_fields(
            channel=channel.kind, fields=form.cleaned_data, version=draft, language=language
        )
    else:
        wrong = [Problem(name, str(error)) for name, errors in form.errors.items() for error in errors]
        compiled = Compiled(problems=wrong)
    return Typed(variant, channel.kind, language, compiled)
