"""What became of a campaign, on screen and as CSV; each number leads to its people."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from campaigns.models import Campaign, Variant
from delivery import diary, drawing, explaining, queueing, results, waterfall
from delivery.models import Conversion, Delivery
from delivery.results import Arm, Results, VersionResults
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest
from tenants.strict import number

PAGE = 50
BUSY_SECONDS, QUIET_SECONDS = 1, 4  # between looks: while it sends, and while conversions may still arrive
STATES = {  # in the order of a message's life; the bar has them in these colours
    "sent": ("Sent", "green"),
    "held_out": ("Held out", "purple"),
    "skipped": ("Skipped", "yellow"),
    "failed": ("Refused", "red"),
    "unknown": ("Unknown", "orange"),
    "cancelled": ("Cancelled", "gray"),
    "sending": ("Being sent", "azure"),
    "planned": ("Waiting", "secondary"),
}
DID = {
    "opened": "opened_at",
    "clicked": "clicked_at",
    "unsubscribed": "unsubscribed_at",
}
COMPARED = {"exposed", "converted"}  # people, where the others are messages


@require_safe
@allow("view")
def campaign_progress(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """The bar and the results, asking for themselves anew while they may still change."""
    campaign = get_object_or_404(Campaign, public_id=public_id)
    campaign.tenant = request.tenant
    now = clock.now(request.tenant)
    found = results.of(campaign)
    is_sending = results.is_sending(campaign, now=now)
    is_beginning = found.is_planning or not (found.audience or found.is_waiting or found.is_listening)
    held = queueing.standing(campaign, now=now) if is_sending else ""
    context = {
        "campaign": campaign,
        "results": found,
        "held": held,
        "diary": diary.of(campaign, now=now),
        "bar": _bar(campaign, found),
        "everyone_url": people_url(campaign),
        "sent_url": people_url(campaign, state="sent"),
        "sent_length": drawing.part(found.progress["sent"], found.audience),
        "first_step": _first_step(found),
        "falls": _falls(campaign, found, held),
        "versions": [_shown(campaign, version) for version in found.versions],
        "is_sending": is_sending,
        "every": BUSY_SECONDS if is_sending or is_beginning else QUIET_SECONDS,
    }
    return render(request, "delivery/_results.html", context)


@require_safe
@allow("view")
def campaign_people(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """The people behind a number, newest row first, a page at a time."""
    campaign = get_object_or_404(Campaign, public_id=public_id)
    wanted = {name: str(value) for name, value in request.GET.items() if name != "after"}
    rows = _rows(campaign, wanted).select_related("profile").order_by("-id")
    if (after := number(request.GET.get("after"))) is not None:
        rows = rows.filter(id__lt=after)
    page = list(rows[: PAGE + 1])
    arms = explaining.arms(page)
    context = {
        "campaign": campaign,
        "rows": [(row, arms[row.pk], results.why(row), explaining.steps(row)) for row in page[:PAGE]],
        "more_url": people_url(campaign, **wanted, after=str(page[PAGE - 1].pk)) if len(page) > PAGE else "",
        "title": _title(campaign, wanted),
    }
    template = "delivery/_people_rows.html" if request.htmx else "delivery/people.html"
    return render(request, template, context)


@require_safe
@allow("view")
def campaign_results_csv(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """The numbers of every version and arm, a line each."""
    campaign = get_object_or_404(Campaign, public_id=public_id)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    csv.writer(response).writerows(_lines(results.of(campaign)))
    response["Content-Disposition"] = f'attachment; filename="results-{campaign.public_id}.csv"'
    return response


def _first_step(found: Results) -> str:
    if found.is_listening:
        return "Set off"
    return "Planned" if found.is_recurring else "Audience"


def people_url(campaign: Campaign, **which: str) -> str:
    """Return the page of the people a number counts."""
    address = reverse("campaign_people", args=[campaign.public_id])
    return f"{address}?{urlencode({name: value for name, value in which.items() if value != ''})}"


def _bar(campaign: Campaign, found: Results) -> list[dict[str, Any]]:
    total = found.audience or 1
    return [
        {
            "state": state,
            "label": label,
            "colour": colour,
            "count": found.progress[state],
            "percent": round(100 * found.progress[state] / total, 2),
            "url": people_url(campaign, state=state),
        }
        for state, (label, colour) in STATES.items()
        if found.progress[state]
    ]


def _falls(campaign: Campaign, found: Results, held: str) -> list[dict[str, Any]]:
    """The waterfall: where each loss begins and how long it is, in hundredths of the audience."""
    return [
        {
            "fall": fall,
            "id": f"fall-{fall.state or fall.reason}",
            "start": drawing.part(fall.left, found.audience),
            "length": drawing.part(fall.people, found.audience),
            "url": people_url(campaign, state=fall.state, reason=fall.reason),
        }
        for fall in waterfall.falls(found.progress, found.reasons, waits_for=held)
    ]


def _shown(campaign: Campaign, version: VersionResults) -> dict[str, Any]:
    """A version's results as its table and its picture show them."""
    lifts = [arm.lift.interval for arm in version.arms if arm.lift.interval] + (
        [version.lift.interval] if version.lift.interval else []
    )
    axis = drawing.axis_of(lifts)
    return {
        "version": version.version,
        "verdict": results.verdict(version),
        "is_split_off": version.is_split_off,
        "arms": [_arm(campaign, version, arm) for arm in version.everyone],
        "overall": _lift(version.lift, axis) if version.held_out.exposed else None,
        "lifts": [(arm, _lift(arm.lift, axis)) for arm in version.arms if not arm.is_control],
        "has_control": bool(version.held_out.exposed),
        "axis": axis,
    }


def _lift(lift: Any, axis: Any) -> dict[str, Any]:
    drawn = drawing.whisker(lift.interval, lift.estimate, axis) if lift.interval else None
    return {"lift": lift, "whisker": drawn}


def _arm(campaign: Campaign, version: VersionResults, arm: Arm) -> dict[str, Any]:
    which = {"version": str(version.version.number), "arm": arm.key or "none"}
    return {
        "arm": arm,
        "urls": {
            "audience": people_url(campaign, **which),
            "skipped": people_url(campaign, **which, state="skipped"),
            "sent": people_url(campaign, **which, state="sent"),
            "exposed": people_url(campaign, **which, did="exposed"),
            "opened": people_url(campaign, **which, did="opened"),
            "clicked": people_url(campaign, **which, did="clicked"),
            "unsubscribed": people_url(campaign, **which, did="unsubscribed"),
            "converted": people_url(campaign, **which, did="converted"),
        },
        "reasons": [(results.reason_words(reason), count) for reason, count in arm.reasons.most_common()],
    }


def _rows(campaign: Campaign, wanted: dict[str, str]) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(campaign=campaign)
    if state := wanted.get("state"):
        rows = rows.filter(state=state)
    if reason := wanted.get("reason"):
        rows = rows.filter(reason=reason)
    if occasion := wanted.get("occasion"):
        rows = rows.filter(occasion=occasion)
    if arm := wanted.get("arm"):
        rows = rows.filter(arm="" if arm == "none" else arm)
    if (version := number(wanted.get("version"))) is not None:
        rows = rows.filter(version__number=version)
    did = wanted.get("did", "")
    if did in DID:
        rows = rows.filter(**{f"{DID[did]}__isnull": False})
    if did in COMPARED:
        rows = rows.filter(pk=_first_exposure(campaign))
    if did == "converted":
        rows = rows.filter(_has_reached_its_goal(campaign))
    return rows


def _first_exposure(campaign: Campaign) -> Subquery:
    """The row that counts where people are compared, each once: as ``results`` takes them."""
    exposed = Delivery.objects.filter(campaign=campaign, exposed_at__isnull=False)
    theirs = exposed.filter(profile_id=OuterRef("profile_id")).order_by("exposed_at", "pk")
    return Subquery(theirs.values("pk")[:1])


def _has_reached_its_goal(campaign: Campaign) -> Exists:
    reached = Conversion.objects.filter(campaign=campaign, goal=OuterRef("version__goal"))
    return Exists(reached.filter(profile_id=OuterRef("profile_id")))


def _title(campaign: Campaign, wanted: dict[str, str]) -> str:
    parts = []
    if arm := wanted.get("arm"):
        parts.append({"control": "Control group", "none": "No arm"}.get(arm) or _variant(campaign, wanted))
    if wanted.get("state") in STATES:
        parts.append(STATES[wanted["state"]][0])
    if wanted.get("did"):
        parts.append(wanted["did"].capitalize())
    if wanted.get("reason"):
        parts.append(results.reason_words(wanted["reason"]))
    if wanted.get("occasion"):
        parts.append(_day(wanted["occasion"]))
    return ", ".join(parts) or "Everyone"


def _variant(campaign: Campaign, wanted: dict[str, str]) -> str:
    """The variant asked for, as the version asked for or the newest that has it names it."""
    having = Variant.objects.filter(version__campaign=campaign, key=wanted["arm"])
    if (version := number(wanted.get("version"))) is not None:
        having = having.filter(version__number=version)
    named = having.order_by("-version__number").first()
    return f"Variant {named.name if named else wanted['arm']}"


def _day(occasion: str) -> str:
    try:
        return f"{date.fromisoformat(occasion):%-d %B %Y}"
    except ValueError:
        return occasion


def _lines(found: Results) -> Iterator[list[Any]]:
    yield [
        "version", "arm", "name", "audience", "waiting", "sent", "held out", "skipped", "failed", "unknown",
        "cancelled", "opened", "clicked", "unsubscribed", "compared", "converted", "rate", "rate low", "rate high",
        "revenue", "lift", "lift low", "lift high",
    ]  # fmt: skip
    for version in found.versions:
        for arm in version.everyone:
            yield [version.version.number, *_line(arm)]


def _line(arm: Arm) -> list[Any]:
    compared, lift = arm.compared, arm.lift
    states = arm.states
    return [
        arm.key, _safe(arm.name), arm.audience, states["planned"] + states["sending"], arm.sent, states["held_out"],
        states["skipped"], states["failed"], states["unknown"], states["cancelled"], arm.opened, arm.clicked,
        arm.unsubscribed, compared.exposed, compared.converted, _number(compared.rate),
        _number(compared.interval.low if compared.exposed else None),
        _number(compared.interval.high if compared.exposed else None), f"{compared.revenue:.2f}",
        _number(lift.estimate), _number(lift.interval.low if lift.interval else None),
        _number(lift.interval.high if lift.interval else None),
    ]  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
