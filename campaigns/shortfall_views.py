"""What words need, beside the preview as they are typed: how many lack it, what they get instead, and who they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from audiences import segments
from audiences.rules.phrases import share
from audiences.rules.tree import InvalidRule
from campaigns import contents, languages, shortfalls
from campaigns.arms import CONTROL
from campaigns.editing import on_draft
from campaigns.labels import labels
from campaigns.liquid.values import EACH, parsed
from campaigns.models import Variant, Version
from campaigns.shortfalls import NOTHING, UNDECIDED, Lacking, Shortfall, Shortfalls, Written
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest
from tenants.strict import number

PER_PAGE = 50
MOST_ASKED = 200  # characters of what is searched for
SAID_INSTEAD = {"profile.first_name": "there"}  # offered as a default; of others nobody can guess it

_signer = Signer(salt="needs of words being typed")


def told(*, channel: str, language: str, needs: Sequence[str]) -> str:
    """Return needs as ``campaign_shortfalls`` is asked about them; the same needs are the same text."""
    return _signer.sign_object([channel, language, list(needs)])


@require_safe
@allow("edit")
@on_draft
def campaign_shortfalls(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    """Who lacks what words need: those that ``?words=`` tells of, as ``told`` wrote it, else those saved."""
    written, words = _written(request, draft, key)
    context = {
        "campaign": draft.campaign,
        "key": key,
        "counted": words,
        "has_needs": bool(written.needs),
        "reads": written.language and languages.name(written.language),
    }
    return render(request, "campaigns/_shortfalls.html", context | _found(written))


@require_safe
@allow("edit")
@on_draft
def campaign_lacking(request: TenantRequest, draft: Version, key: str = "") -> HttpResponse:
    """The people behind such a count: who lacks ``?need=``, or anything without it; htmx gets the rows alone.

    Of a variant's words, or without a key of all that the draft says. ``q`` and ``before`` as in the list of people.
    """
    of, words = _written(request, draft, key) if key else (draft, "")
    need, named = _need(request), request.GET.get("q", "").strip()[:MOST_ASKED]
    now, before = clock.now(request.tenant), number(request.GET.get("before"))
    context: dict[str, Any] = {
        "campaign": draft.campaign,
        "key": key,
        "called": _name(of.variant) if isinstance(of, Written) else "",
        "words": words,
        "need": need,
        "q": named,
        "before": before,
    }
    is_rows_alone = request.htmx and not request.htmx.history_restore_request
    try:
        context["label"] = labels([need])[need] if need else ""
        found = shortfalls.people(of, need=need, now=now, named=named, before=before, limit=PER_PAGE + 1)
        context |= {"rows": _people(found[:PER_PAGE], draft), "has_more": len(found) > PER_PAGE}
        if not is_rows_alone:
            context |= _all_told(of, need, now)
    except segments.TooSlow:
        context["why_not"] = "Looking through so many people took too long: search for somebody."
    except (shortfalls.NotCounted, InvalidRule, segments.SegmentCycle) as why:
        context["why_not"] = str(why)
    except shortfalls.NotNeeded:
        raise Http404("The words do not need it.") from None
    asked = {"words": words, "need": need, "q": named}
    context["more"] = urlencode({name: value for name, value in asked.items() if value})
    response = render(
        request, "campaigns/_lacking_rows.html" if is_rows_alone else "campaigns/lacking.html", context
    )
    patch_vary_headers(response, ["HX-Request"])  # one URL, two bodies
    return response


def _need(request: TenantRequest) -> str:
    """What ``?need=`` asks about; raises Http404 for what is no path at all."""
    need = request.GET.get("need", "")
    try:
        parsed(need)
    except ValueError:
        raise Http404("The words do not need it.") from None
    return need


def _all_told(of: Written | Version, need: str, now: datetime) -> dict[str, Any]:
    """How many they are, of how many, exactly; nothing where that takes too long."""
    try:
        counted = shortfalls.count_all(of, now=now)
    except segments.TooSlow:
        return {}
    lacking = next((one for one in counted.each if one.need == need), counted.together)
    return {"lacking": lacking.people, "meant_for": counted.meant_for}


def _people(found: Sequence[Lacking], draft: Version) -> list[tuple[Lacking, str, str]]:
    """Each with the needs they lack and what they get instead, in words."""
    called, names = labels({need for one in found for need in one.needs}), _names(draft)
    return [
        (one, ", ".join(called[need] for need in one.needs), names.get(one.instead, one.instead))
        for one in found
    ]


def _written(request: TenantRequest, draft: Version, key: str) -> tuple[Written, str]:
    """The words that ``?words=`` tells of, as ``told`` wrote it, else those saved."""
    variant = get_object_or_404(draft.variants.all(), key=key)
    variant.version = draft
    words = request.GET.get("words") or _of_saved(variant)
    try:
        channel, language, needs = _signer.unsign_object(words)
    except BadSignature:
        raise Http404("No such words.") from None
    return Written(variant, channel, language, needs), words


def _of_saved(variant: Variant) -> str:
    content = get_object_or_404(variant.contents.filter(language=""))
    return told(channel=content.channel, language="", needs=content.needs)


def _found(written: Written) -> dict[str, Any]:
    version, needs = written.variant.version, written.needs
    if written.variant.is_default and needs:
        return {"refused": str(contents.DefaultNeeds(needs))}
    try:
        found = shortfalls.count(written, now=clock.now(version.tenant))
    except shortfalls.NotCounted as why:
        return {"why_not": str(why), "needs": list(labels(needs).items())}
    except segments.TooSlow:
        why_not = "Counting took too long while you type. The review counts everybody."
        return {"why_not": why_not, "needs": list(labels(needs).items())}
    except (InvalidRule, segments.SegmentCycle) as broken:
        return {"why_not": f"This segment cannot be used: {broken}", "needs": list(labels(needs).items())}
    return {
        "found": found,
        "share": share(found.together.people, found.meant_for),
        "lines": list(_lines(found, version)),
        "event_lines": _of_events(found),
    }


@dataclass(frozen=True, slots=True)
class Line:
    """One need as the page says it."""

    need: str
    label: str
    people: int
    share: str  # of those the words are meant for
    instead: list[tuple[str, int]]  # words, people
    needed_by: str
    default: str  # offered to be said instead
    may_default: bool  # one thing that is printed, and whose place in the words can be found


def _lines(found: Shortfalls, version: Version) -> Iterator[Line]:
    called = labels(one.need for one in found.each)
    names = _names(version)
    for one in found.each:
        yield _line(one, called[one.need], found.meant_for, names)
    if sum(one.people > 0 for one in found.each) > 1:
        yield _line(found.together, "In all", found.meant_for, names)


def _line(one: Shortfall, label: str, meant_for: int, names: Mapping[str, str]) -> Line:
    return Line(
        need=one.need,
        label=label,
        people=one.people,
        share=share(one.people, meant_for),
        instead=[(names.get(key, key), people) for key, people in one.instead.items()],
        needed_by=", ".join(names.get(key, key) for key in one.needed_by),
        default=SAID_INSTEAD.get(one.need, ""),
        may_default=bool(one.need) and not one.needed_by and EACH not in parsed(one.need),
    )


def _names(version: Version) -> dict[str, str]:
    names = {variant.key: _name(variant) for variant in version.variants.all()}
    return names | {
        CONTROL: "nothing, in the control group",
        NOTHING: "nothing",
        UNDECIDED: "what the event decides",
    }


def _name(variant: Variant) -> str:
    name = f"Variant {variant.name}" if len(variant.name) == 1 else variant.name
    return f"{name}, the default" if variant.is_default and "default" not in name.lower() else name


def _of_events(found: Shortfalls) -> list[tuple[str, shortfalls.OfEvents]]:
    called = labels(one.need for one in found.of_events)
    return [(called[one.need], one) for one in found.of_events]
