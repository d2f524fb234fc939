"""The editor's languages: which the audience speaks and what each gets, one more to write in, one taken away."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from audiences.rules.tree import InvalidRule
from audiences.segments import SegmentCycle, TooSlow
from campaigns import languages, translating, versions
from campaigns.drafts import Refused
from campaigns.editing import on_draft
from campaigns.models import Version
from tenants import clock
from tenants.access import allow
from tenants.forms import languages as known
from tenants.http import TenantRequest


@require_safe
@allow("edit")
@on_draft
def campaign_languages(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    """What the audience speaks and what each variant has for them; a part of the message step, of one variant."""
    variant = get_object_or_404(draft.variants.all(), key=key)
    context = {
        "campaign": draft.campaign,
        "version": draft,
        "variant": variant,
        "default": languages.name(draft.language),
        "known": [name for _, name in known()],
        **languages_spoken(draft, request),
    }
    return render(request, "campaigns/_languages.html", context)


def languages_spoken(draft: Version, request: TenantRequest) -> dict[str, object]:
    """Return how a draft stands with the languages of its audience, as ``_languages_table.html`` shows it."""
    try:
        return {"standing": translating.standing(draft, now=clock.now(request.tenant))}
    except (InvalidRule, SegmentCycle) as broken:
        return {"standing": None, "broken": f"The audience cannot be counted: {broken}"}
    except TooSlow:
        return {
            "standing": None,
            "broken": "Too many people to say while you wait which languages they read.",
        }


@require_POST
@allow("edit")
@on_draft
def campaign_language_add(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    """Begin a variant in a language, given by its name or tag."""
    variant = get_object_or_404(draft.variants.all(), key=key)

    def begin() -> str:
        return translating.begin(
            variant=variant, language=tag_of(request.POST.get("language", "")), actor=request.user
        )

    return _changed(request, draft, key, begin)


@require_POST
@allow("edit")
@on_draft
def campaign_language_remove(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    variant = get_object_or_404(draft.variants.all(), key=key)

    def remove() -> str:
        translating.remove(variant=variant, language=request.POST.get("language", ""), actor=request.user)
        return ""

    return _changed(request, draft, key, remove)


@require_POST
@allow("edit")
@on_draft
def campaign_language_default(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    """Say what language the words are in that go to whoever has none in their own."""
    get_object_or_404(draft.variants.all(), key=key)

    def set_default() -> str:
        translating.set_default(
            version=draft, language=tag_of(request.POST.get("language", "")), actor=request.user
        )
        return ""

    return _changed(request, draft, key, set_default)


def tag_of(meant: str) -> str:
    """Return the tag of a language that is given by its name; what else is given stays as it is."""
    by_name = {name.casefold(): tag for tag, name in known()}
    return by_name.get(meant.strip().casefold(), meant.strip())


def _changed(request: TenantRequest, draft: Version, key: str, change: Callable[[], str]) -> HttpResponse:
    """Make a change that returns which language to go on with, and go on."""
    language = ""
    try:
        language = change()
    except languages.NotALanguage:
        messages.error(request, "Choose a language from the list, or give its tag, such as de or pt-BR.")
    except (Refused, versions.Frozen) as refused:
        messages.error(request, str(refused))
    return redirect(tab(draft, key, language))


def tab(draft: Version, key: str, language: str) -> str:
    """Return the editor's page of a variant in a language."""
    page = reverse("campaign_variant", args=[draft.campaign.public_id, key])
    return f"{page}?{urlencode({'language': language})}" if language else page
