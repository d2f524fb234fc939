"""Beside the preview: what the words being typed need, who lacks it, and what those people get instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from audiences import segments
from audiences.rules.tree import InvalidRule
from campaigns import contents, languages, shortfalls
from campaigns.arms import CONTROL
from campaigns.editing import on_draft
from campaigns.labels import labels
from campaigns.liquid.values import EACH, parsed
from campaigns.models import Variant, Version
from campaigns.shortfalls import NOTHING, UNDECIDED, Shortfall, Shortfalls
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest

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
    variant = get_object_or_404(draft.variants.all(), key=key)
    variant.version = draft
    words = request.GET.get("words") or _of_saved(variant)
    try:
        channel, language, needs = _signer.unsign_object(words)
    except BadSignature:
        raise Http404("No such words.") from None
    context = {"counted": words, "has_needs": bool(needs), "reads": language and languages.name(language)}
    return render(request, "campaigns/_shortfalls.html", context | _found(variant, channel, language, needs))


def _of_saved(variant: Variant) -> str:
    content = get_object_or_404(variant.contents.filter(language=""))
    return told(channel=content.channel, language="", needs=content.needs)


def _found(variant: Variant, channel: str, language: str, needs: list[str]) -> dict[str, Any]:
    if variant.is_default and needs:
        return {"refused": str(contents.DefaultNeeds(needs))}
    now = clock.now(variant.version.tenant)
    try:
        found = shortfalls.count(variant=variant, channel=channel, language=language, needs=needs, now=now)
    except shortfalls.NotCounted as why:
        return {"why_not": str(why), "needs": list(labels(needs).items())}
    except segments.TooSlow:
        why_not = "Counting took too long while you type. The review counts everybody."
        return {"why_not": why_not, "needs": list(labels(needs).items())}
    except (InvalidRule, segments.SegmentCycle) as broken:
        return {"why_not": f"This segment cannot be used: {broken}", "needs": list(labels(needs).items())}
    return {
        "found": found,
        "percent": _percent(found.together.people, found.meant_for),
        "lines": list(_lines(found, variant.version)),
        "event_lines": _of_events(found),
    }


@dataclass(frozen=True, slots=True)
class Line:
    """One need as the page says it."""

    need: str
    label: str
    people: int
    percent: str
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
        percent=_percent(one.people, meant_for),
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


def _percent(people: int, of: int) -> str:
    """Whole per cents, but never 0 of somebody and never 100 of fewer than all."""
    share = 100 * people / of if of else 0
    if 0 < share < 1:
        return "less than 1"
    return "more than 99" if 99 < share < 100 else str(round(share))


def _of_events(found: Shortfalls) -> list[tuple[str, shortfalls.OfEvents]]:
    called = labels(one.need for one in found.of_events)
    return [(called[one.need], one) for one in found.of_events]
