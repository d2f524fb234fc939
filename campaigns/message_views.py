"""The editor's message step: variants, their words, a live preview, and a test to oneself."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from csp.decorators import csp
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from audiences.models import Profile
from audiences.rules.tree import InvalidRule
from campaigns import channels, contents, drafts, languages, order_views, preview, shortfall_views, versions
from campaigns.channels import Channel
from campaigns.editing import campaign_of, frame, on_draft
from campaigns.forms import VariantForm
from campaigns.models import Variant, Version
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest
from tenants.meanwhile import moment

# What a message may do while it is looked at: show itself and its pictures, and nothing else.
FRAMED = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["https:", "http:", "data:"],
    "frame-ancestors": ["'self'"],
    "form-action": ["'none'"],
    "base-uri": ["'none'"],
}
SANDBOXED = FRAMED | {"sandbox": [""]}
REFUSALS = (drafts.Refused, contents.DefaultNeeds, versions.Frozen, InvalidRule)


@require_safe
@allow("edit")
@on_draft
def campaign_message(request: TenantRequest, draft: Version) -> HttpResponse:
    first = draft.variants.order_by("position", "id").first()
    assert first is not None, "a version keeps a variant"
    return redirect("campaign_variant", draft.campaign.public_id, first.key)


@require_http_methods(["GET", "POST"])
@allow("edit")
@on_draft
def campaign_variant(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    variant = variant_of(draft, key)
    if request.method == "POST":
        return _save(request, draft, variant)
    return _page(request, draft, variant, VariantForm(variant=variant))


def _page(request: TenantRequest, draft: Version, variant: Variant, asked: VariantForm) -> HttpResponse:
    """The words beside their preview; ``asked`` is the form of who gets them, refused or not."""
    language = request.GET.get("language", "")
    content = variant.contents.filter(language=language).first()
    if content is None and language:
        return redirect("campaign_variant", draft.campaign.public_id, variant.key)
    channel = channels.get(content.channel) if content else channels.all()[0]
    starter = next((one for one in channel.starters() if one.key == request.GET.get("starter")), None)
    fields = starter.fields if starter else content.fields if content else channel.starters()[0].fields
    now = clock.now(request.tenant)
    person = _shown(request.GET.get("as", "")) or preview.next_member(draft, after=0, now=now)
    offered = preview.variables(draft, person, now=now)
    context = {
        "variant": variant,
        "variant_form": asked,
        "channel": channel,
        "form": channel.form(fields=fields, language=language or draft.language),
        "language": language,
        "tabs": _tabs(variant),
        "content": content,
        "is_unsaved": starter is not None,
        "person": person,
        "offered": offered,
        "names": preview.names(offered),
    }
    return render(
        request,
        "campaigns/message.html",
        frame(draft, "message", now=now) | order_views.shown(draft, variant) | context,
        status=422 if asked.errors else 200,
    )


def _tabs(variant: Variant) -> list[dict[str, Any]]:
    """The languages a variant is written in, the default one first."""
    found = sorted(variant.contents.all(), key=lambda content: content.language and content.name)
    return [
        {"tag": content.language, "name": content.name, "problems": content.problems} for content in found
    ]


def language_of(request: TenantRequest, variant: Variant) -> str:
    """The language of the words in the form; raises Http404 for one that the variant is not written in."""
    language = request.POST.get("language", "")
    if language and not variant.contents.filter(language=language).exists():
        raise Http404("It is not written in this language.")
    return language


def variant_of(version: Version, key: str) -> Variant:
    variant = get_object_or_404(version.variants.select_related("segment"), key=key)
    variant.version = version
    return variant


def _save(request: TenantRequest, draft: Version, variant: Variant) -> HttpResponse:
    channel, language = channel_of(request), language_of(request, variant)
    form = channel.form(request.POST, fields={})
    error, content, compiled = "", None, None
    seen_at = moment(request.POST.get("seen_at", ""))
    if form.is_valid():
        try:
            content, compiled = contents.save(
                variant=variant,
                channel=channel.kind,
                language=language,
                fields=form.cleaned_data,
                actor=request.user,
                seen_at=seen_at,
            )
        except (contents.DefaultNeeds, contents.ChangedMeanwhile, versions.Frozen) as refused:
            error = str(refused)
    if content and not request.htmx:  # a browser without scripts
        messages.success(request, "Saved.")
        return redirect(f"{request.path}?{urlencode({'language': language})}" if language else request.path)
    now = clock.now(request.tenant)
    context = frame(draft, "message", now=now) | {
        "form": form, "error": error, "compiled": compiled, "saved_at": content and now,
        "seen_at": content.updated_at if content else seen_at,
    }  # fmt: skip
    response = render(request, "campaigns/_saved.html", context, status=200 if content else 422)
    return trigger_client_event(response, "tact:saved", {}) if content else response


def channel_of(request: TenantRequest) -> Channel:
    try:
        return channels.get(request.POST.get("channel", ""))
    except KeyError:
        raise Http404("No such channel.") from None


@require_POST
@allow("edit")
@on_draft
def campaign_preview_draft(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    """The words in the form, saved or not, as a person would get them."""
    channel, variant = channel_of(request), variant_of(draft, key)
    now = clock.now(request.tenant)
    person = _person(request, draft, now)
    shown = _as_typed(request, variant, channel, person, now)
    is_dark = "dark" in request.POST
    context = {
        "preview": shown,
        "person": person,
        "variant_key": key,
        "falls_to": _name_of(draft, shown),
        "channel": channel,
        "campaign": draft.campaign,
        "shown": shown.message and channel.preview(shown.message, tenant=request.tenant, to=shown.to),
        "page": shown.message and channel.page(shown.message, is_dark=is_dark),
        "problems": _by_field(shown.problems),
        "written_in": languages.name(shown.language or draft.language),
        "own": _own(request, variant, channel, person),
        "uncounted": _uncounted(request, shown),
    }
    return render(request, "campaigns/_preview.html", context)


def _name_of(draft: Version, shown: preview.Preview) -> str:
    """The variant they would fall to, as the tabs name it; empty where there is none."""
    way = shown.choice.way if shown.choice else None
    return next((each.name for each in draft.variants.all() if way and each.key == way.key), "")


def _uncounted(request: TenantRequest, shown: preview.Preview) -> str:
    """What the words need, where other needs stand counted beside them; empty for words with problems."""
    if shown.problems:
        return ""
    words = shortfall_views.told(channel=shown.channel, language=shown.language, needs=shown.needs)
    return "" if request.POST.get("counted", words) == words else words


def _as_typed(
    request: TenantRequest, variant: Variant, channel: Channel, person: Profile | None, now: datetime
) -> preview.Preview:
    """The words in the form; or those saved in the person's own language, where that was asked for and is another."""
    language, own = language_of(request, variant), preview.own_language(variant, channel.kind, person)
    if "own" in request.POST and own != language:
        return preview.of_saved(variant=variant, channel=channel.kind, profile=person, now=now, language=own)
    form = channel.form(request.POST, fields={})
    if form.is_valid():
        return preview.of_words(
            variant=variant,
            channel=channel.kind,
            fields=form.cleaned_data,
            profile=person,
            now=now,
            language=language,
        )
    wrong = [channels.Problem(name, str(error)) for name, errors in form.errors.items() for error in errors]
    return preview.Preview(channel.kind, to="", problems=wrong)


def _own(
    request: TenantRequest, variant: Variant, channel: Channel, person: Profile | None
) -> dict[str, str] | None:
    """The language that a person would get, where it is not the one in the form, and why."""
    tag = preview.own_language(variant, channel.kind, person)
    if person is None or tag == request.POST.get("language", ""):
        return None
    offered = contents.languages_of([variant])
    return {
        "tag": tag,
        "words": languages.chosen_words(person.language, offered, variant.version.language),
    }


def _by_field(problems: list[channels.Problem]) -> dict[str, list[dict[str, Any]]]:
    """The problems that have a place, for the editors' marks; every field that may have some is named."""
    found: dict[str, list[dict[str, Any]]] = {"body": [], "text": []}
    for problem in problems:
        if problem.line:
            found.setdefault(problem.field, []).append(problem.as_json())
    return found


def _person(request: TenantRequest, draft: Version, now: datetime) -> Profile | None:
    """Whom to show: another of the audience if that was asked for, else the one shown, else the first."""
    go, shown = request.POST.get("go", ""), _shown(request.POST.get("as", ""))
    if go == "random":
        return preview.random_member(draft, now=now)
    if go == "next":
        return preview.next_member(draft, after=shown.pk if shown else 0, now=now)
    return shown or preview.next_member(draft, after=0, now=now)


def _shown(public_id: str) -> Profile | None:
    try:
        return Profile.objects.living().filter(public_id=UUID(public_id)).first()
    except ValueError:
        return None


@require_safe
@allow("edit")
@on_draft
def campaign_preview_people(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    found = preview.people(request.GET.get("who", ""))
    context = {"people": found, "campaign": draft.campaign, "key": key, "who": request.GET.get("who", "")}
    return render(request, "campaigns/_people.html", context)


@require_POST
@allow("edit")
@on_draft
def campaign_test(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    """Send the words in the form to whoever is signed in, as the person shown would get them."""
    channel = channel_of(request)
    now = clock.now(request.tenant)
    shown = _as_typed(request, variant_of(draft, key), channel, _person(request, draft, now), now)
    if shown.message is None:
        why = shown.problems[0].message if shown.problems else shown.refused.reason if shown.refused else ""
        return _told(f"Not sent: {why}", "danger")
    try:
        return _told(
            channel.send_test(shown.message, tenant=request.tenant, to=request.user.email), "success"
        )
    except channels.TestNotSent as failed:
        return _told(f"Not sent. {failed}", "danger")


def _told(text: str, kind: str) -> HttpResponse:
    return trigger_client_event(HttpResponse(status=204), "tact:toast", {"text": text, "kind": kind})


@require_safe
@never_cache
@xframe_options_exempt
@csp(FRAMED)
@allow("edit")
def campaign_frame(request: TenantRequest) -> HttpResponse:
    """An empty page under the message's own strict rules; the editor writes the preview into it."""
    return HttpResponse(
        "<!doctype html><html lang=''><head><title>Preview</title></head><body></body></html>"
    )


@require_safe
@never_cache
@xframe_options_exempt
@csp(SANDBOXED)  # type: ignore[arg-type]  # django-csp forgets that views take more than a request
@allow("view")
def campaign_preview(request: TenantRequest, public_id: UUID, key: str) -> HttpResponse:
    """A variant's saved words as a document of their own; ``?as=`` names the profile, ``?language=`` one that is not
    the profile's own.
    """
    version = versions.newest(campaign_of(public_id))
    version.tenant = request.tenant
    variant = variant_of(version, key)
    language = request.GET.get("language")
    content = get_object_or_404(variant.contents.filter(language=language or ""))
    now = clock.now(request.tenant)
    person = _shown(request.GET.get("as", "")) or preview.next_member(version, after=0, now=now)
    shown = preview.of_saved(
        variant=variant, channel=content.channel, profile=person, now=now, language=language
    )
    if shown.message is None:
        return render(request, "campaigns/no_preview.html", {"preview": shown}, status=200)
    return HttpResponse(channels.get(content.channel).page(shown.message, is_dark="dark" in request.GET))


@require_POST
@allow("edit")
@on_draft
def campaign_variant_add(request: TenantRequest, draft: Version) -> HttpResponse:
    like = draft.variants.filter(key=request.POST.get("like", "")).first()
    try:
        variant = drafts.add_variant(version=draft, actor=request.user, like=like)
    except (drafts.Refused, versions.Frozen) as refused:
        messages.error(request, str(refused))
        return redirect("campaign_message", draft.campaign.public_id)
    return redirect("campaign_variant", draft.campaign.public_id, variant.key)


@require_POST
@allow("edit")
@on_draft
def campaign_variant_change(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    variant = variant_of(draft, key)
    form = VariantForm(request.POST, variant=variant)
    if form.is_valid():
        try:
            drafts.change_variant(variant=variant, actor=request.user, **form.chosen())
        except REFUSALS as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("campaign_variant", draft.campaign.public_id, key)
    return _page(request, draft, variant, form)


@require_POST
@allow("edit")
@on_draft
def campaign_variant_remove(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    variant = variant_of(draft, key)
    try:
        drafts.remove_variant(variant=variant, actor=request.user)
    except REFUSALS as refused:
        messages.error(request, str(refused))
    return redirect("campaign_message", draft.campaign.public_id)
