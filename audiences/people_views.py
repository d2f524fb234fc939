"""People: the list, and all that is known of one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from audiences import attributes, consent, panels, people, segments, strands, suppression
from audiences.models import AttributeDefinition, ConsentChange, Erasure, Profile
from tenants import audit, clock
from tenants.access import allow
from tenants.http import TenantRequest
from tenants.strict import number

PER_PAGE = 50
HISTORY = 20


@require_safe
@allow("view")
def profile_list(request: TenantRequest) -> HttpResponse:
    """People, newest first, or those ``q`` finds; htmx gets the rows alone."""
    words, before = request.GET.get("q", "").strip()[:200], number(request.GET.get("before"))
    found = people.newest(tenant_id=request.tenant.pk, words=words, before=before, limit=PER_PAGE)
    is_rows_alone = request.htmx and not request.htmx.history_restore_request
    context: dict[str, Any] = {
        "people": found.people,
        "has_more": found.has_more,
        "q": words,
        "before": before,
    }
    if not is_rows_alone:
        total = people.count(tenant_id=request.tenant.pk)
        context |= {"total": min(total, people.COUNTED), "is_more": total > people.COUNTED}
    response = render(
        request, "audiences/_people_rows.html" if is_rows_alone else "audiences/people.html", context
    )
    patch_vary_headers(response, ["HX-Request"])  # one URL, two bodies
    return response


@require_safe
@allow("view")
def profile_detail(request: TenantRequest, public_id: UUID) -> HttpResponse:
    profile = get_object_or_404(Profile, public_id=public_id)
    if profile.merged_into:
        return redirect("profile_detail", profile.merged_into.public_id)
    if profile.erased_at:
        erasure = Erasure.objects.filter(profile=profile).first()
        return render(request, "audiences/erased.html", {"profile": profile, "erasure": erasure})
    return render(
        request,
        "audiences/profile.html",
        {
            "profile": profile,
            "standard": _standard(profile),
            "custom": _custom(profile),
            "identities": profile.identities.order_by("kind", "created_at"),
            "merged": Profile.objects.filter(merged_into=profile).count(),
            "standings": _standings(profile),
            "suppressions": suppression.of(profile),
            "history": _history(profile),
            "panels": panels.of_profile(request, profile),
        }
        | _timeline(request, profile),
    )


@require_safe
@allow("view")
def profile_timeline(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Somebody's timeline from its newest, or what was before a place in it; for htmx."""
    profile = living(public_id)
    before = _place(request)
    template = "audiences/_timeline.html" if before else "audiences/_timeline_card.html"
    return render(request, template, {"profile": profile} | _timeline(request, profile, before=before))


def _timeline(
    request: TenantRequest, profile: Profile, *, before: strands.Place | None = None
) -> dict[str, Any]:
    """What a timeline shows: everything, or what the chip ``show`` narrows it to."""
    chips = strands.chips()
    chip = request.GET.get("show", "")
    chip = chip if chip in chips else ""
    return {"woven": strands.weave(profile, chip=chip, before=before), "chip": chip, "chips": ["", *chips]}


def _place(request: TenantRequest) -> strands.Place | None:
    at, id_ = parse_datetime(request.GET.get("at", "").replace(" ", "+")), number(request.GET.get("id"))
    if not isinstance(at, datetime) or not at.tzinfo or id_ is None:
        return None
    return strands.place(at, request.GET.get("in", ""), id_)


@require_safe
@allow("view")
def profile_segments(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Which segments somebody is in now; for htmx, since it asks every rule."""
    profile = living(public_id)
    inside, asked = segments.containing(profile, now=clock.now(request.tenant))
    return render(request, "audiences/_profile_segments.html", {"segments": inside, "asked": asked})


@require_POST
@allow("edit")
def profile_consent(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Unsubscribe somebody, or subscribe them again, on their behalf."""
    profile = living(public_id)
    subject, standing = request.POST.get("subject", ""), request.POST.get("standing", "")
    if not _is_subject(subject, profile) or standing not in Profile.Standing.values:
        messages.error(request, "Choose a channel or topic and what the person wants.")
        return redirect("profile_detail", public_id)
    with transaction.atomic():
        try:
            changed = consent.change(
                tenant=request.tenant,
                profile_id=profile.pk,
                subject=subject,
                standing=standing,
                origin=f"by {request.user}",
                now=clock.now(request.tenant),
            )
        except consent.NoSuchProfile as erased:  # since we looked
            raise Http404 from erased
        if changed:
            audit.note(
                tenant=request.tenant,
                actor=request.user,
                action="changed consent of",
                thing="profile",
                thing_id=profile.public_id,
                name=str(profile),
                fields={subject: (profile.consent.get(subject), standing)},
            )
    if changed:
        messages.success(
            request,
            f"{profile}: {consent.subject_words(subject).lower()} is {consent.standing_words(standing).lower()} now.",
        )
    return redirect("profile_detail", public_id)


@require_POST
@allow("launch")
def profile_unsuppress(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Let somebody's address be sent to again."""
    profile = living(public_id)
    channel = request.POST.get("channel", "")
    address = {"email": profile.email, "sms": profile.phone}.get(channel) or ""
    with transaction.atomic():
        if suppression.remove(tenant=request.tenant, channel=channel, address=address):
            audit.note(
                tenant=request.tenant,
                actor=request.user,
                action="lifted suppression of",
                thing="profile",
                thing_id=profile.public_id,
                name=str(profile),
                fields={"suppressed": (channel, None)},
            )
            messages.success(request, f"{address} can be sent to again.")
    return redirect("profile_detail", public_id)


def living(public_id: UUID) -> Profile:
    """Return somebody of the request's tenant, beside it, or raise Http404."""
    return get_object_or_404(Profile.objects.living().select_related("tenant"), public_id=public_id)


# --- What the page shows -------------------------------------------------------------------------
def _standard(profile: Profile) -> list[dict[str, Any]]:
    return [
        {"name": standard.name, "label": standard.label, "value": getattr(profile, standard.name)}
        for standard in attributes.STANDARD.values()
        if getattr(profile, standard.name) is not None
    ]


def _custom(profile: Profile) -> list[dict[str, Any]]:
    values = attributes.flat({}, profile.attributes)
    defined = {row.name: row for row in AttributeDefinition.objects.filter(name__in=values)}
    return [
        {
            "name": name,
            "value": value,
            "is_plain": not isinstance(value, dict | list),
            "definition": defined.get(name),
        }
        for name, value in sorted(values.items())
    ]


def _standings(profile: Profile) -> list[dict[str, Any]]:
    """Email always, since silence there is a standing too; other subjects once something was said."""
    subjects = sorted({"email", *profile.consent}, key=lambda subject: (subject != "email", subject))
    return [
        {
            "subject": subject,
            "label": consent.subject_words(subject),
            "standing": profile.consent.get(subject, ""),
            "words": consent.standing_words(profile.consent.get(subject, "")),
        }
        for subject in subjects
    ]


def _history(profile: Profile) -> list[dict[str, Any]]:
    changes = ConsentChange.objects.filter(profile=profile).order_by("-at", "-id")[:HISTORY]
    return [
        {
            "subject": consent.subject_words(change.subject),
            "standing": consent.standing_words(change.standing),
            "change": change,
        }
        for change in changes
    ]


def _is_subject(subject: str, profile: Profile) -> bool:
    return subject == "email" or subject in profile.consent
