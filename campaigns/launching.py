"""Launching: what still stands in the way, how many it would reach, and the moment a version stops changing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.db import transaction

from audiences import memberships, segments
from audiences.models import EventDefinition, Segment
from audiences.rules.schema import InvalidRule
from audiences.segments import EVERYONE
from campaigns import (
    anniversaries,
    arms,
    channels,
    circles,
    contents,
    languages,
    reach,
    schedules,
    speed,
    summary,
    triggers,
    versions,
)
from campaigns.models import Campaign, Content, Variant, Version
from campaigns.reach import Counts
from campaigns.sources import reading
from tenants import audit, wake
from tenants.audit import Actor
from tenants.meanwhile import digest

SAMPLE_HOST = "example.com"  # where starters lead

PASSED = {
    Version.Past.NEXT_DAY: "gets it at that time the next day",
    Version.Past.NOW: "gets it at once",
    Version.Past.SKIP: "is left out",
}

# Of what a review shows, so that a launch can tell whether it is still that.
OF_CAMPAIGN = ("name", "message_class", "topic", "priority", "control_percent")
OF_VARIANT = ("key", "name", "weight", "segment_id", "where", "is_default", "position")
OF_CONTENT = ("channel", "language", "updated_at", "blocks")

Step = Literal["audience", "message", "schedule", "goal", "settings"]
State = Literal["done", "warn", "stop"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist: fine, worth a thought, or in the way; and where to put it right."""

    state: State
    words: str
    step: Step
    detail: str = ""
    variant: str = ""  # the key of the variant it is about
    language: str = ""  # and that of its content, if not the default one
    page: str = ""  # the name of the URL that puts it right, outside the editor


class NotReady(Exception):
    """The version cannot be launched. ``problems`` are the checks that stand in the way."""

    def __init__(self, problems: list[Check]) -> None:
        super().__init__("; ".join(check.words for check in problems))
        self.problems = problems


def checklist(version: Version, *, now: datetime) -> list[Check]:
    """Return every check of a draft, in the order of the editor's steps. Reads no profiles."""
    return [*_audience(version), *_message(version), *_schedule(version, now), *_goal(version)]


def problems(version: Version, *, now: datetime) -> list[Check]:
    """Return what keeps a draft from being launched."""
    return [check for check in checklist(version, now=now) if check.state == "stop"]


def _audience(version: Version) -> Iterator[Check]:
    if not version.campaign.name.strip():
        yield Check("stop", "The campaign has no name", "audience")
    segment = version.segment
    if segment is None and version.rule is None:
        yield Check("stop", "Nobody is chosen to send to", "audience", "Choose a segment, or everyone.")
    elif segment is None:
        yield Check("done", "Goes to everyone", "audience")
    else:
        yield _segment_check(segment.name, segment.rule, "audience")
        if segment.archived_at is not None:
            yield Check("warn", f"The segment {segment.name} is archived", "audience", "It still works.")


def _segment_check(name: str, rule: dict[str, Any], step: Step, variant: str = "") -> Check:
    try:
        segments.resolve(rule)
    except (InvalidRule, segments.SegmentCycle) as broken:
        return Check("stop", f"The segment {name} cannot be used", step, str(broken), variant)
    return Check("done", f"Goes to the segment {name}", step, variant=variant)


def _message(version: Version) -> Iterator[Check]:
    variants = list(
        version.variants.select_related("segment").prefetch_related("contents").order_by("position", "id")
    )
    for variant in variants:
        variant.version = version  # known already: not asked for again, row by row
        yield from _words(variant)
    yield from _languages(version, variants)
    yield from _shares(version, variants)
    yield from _sender(version)


def _words(variant: Variant) -> Iterator[Check]:
    found = list(variant.contents.all())
    if not any(not content.language for content in found):
        yield Check("stop", f"Variant {variant} says nothing", "message", variant=variant.key)
    wrong = [check for content in found for check in _content(variant, content)]
    yield from wrong
    if found and not any(check.state == "stop" for check in wrong):
        yield Check("done", f"Variant {variant} is ready", "message", variant=variant.key)
    yield from _on_event(variant)
    if variant.segment is not None:
        check = _segment_check(variant.segment.name, variant.segment.rule, "message", variant.key)
        if check.state == "stop":
            yield check


def _content(variant: Variant, content: Content) -> Iterator[Check]:
    about = partial(Check, step="message", variant=variant.key, language=content.language)
    name = f"{variant} in {languages.name(content.language)}" if content.language else str(variant)
    if content.problems:
        first = content.problems[0]["message"]
        more = f" And {len(content.problems) - 1} more." if len(content.problems) > 1 else ""
        yield about("stop", f"Variant {name} has problems", detail=first + more)
    elif variant.is_default and (asked := [*content.needs, *reading.demands(content.sources)]):
        needs = ", ".join(asked)
        yield about("stop", f"Variant {name}, the default, needs data", detail=needs)
    if any(SAMPLE_HOST in str(value) for value in content.fields.values()):
        words = f"Variant {name} still leads to {SAMPLE_HOST}"
        yield about("warn", words, detail="Put your own addresses in.")
    if content.language and variant.content and variant.content.fields == content.fields:
        words = f"Variant {name} still reads as it does in {languages.name(variant.version.language)}"
        yield about("warn", words, detail="Put the translation in, or remove the language.")


def _languages(version: Version, variants: list[Variant]) -> Iterator[Check]:
    """Which variants are not written in a language that others are in."""
    default = languages.name(version.language)
    for tag in contents.languages_of(variants):
        for variant in variants:
            if not any(content.language == tag for content in variant.contents.all()):
                words = f"Variant {variant} is not written in {languages.name(tag)}"
                gets = languages.language_for(tag, contents.languages_of([variant]), version.language)
                detail = f"Whoever reads it gets {languages.name(gets) if gets else default}."
                yield Check("warn", words, "message", detail, variant.key)


def _on_event(variant: Variant) -> Iterator[Check]:
    """Of a variant that asks about the event: whether there will be one, and one that has what is asked about."""
    answered = triggers.answered(variant.version)
    if not variant.where:
        return
    if answered is None:
        yield Check(
            "stop",
            f"Variant {variant} asks about an event, but none sets this off",
            "message",
            "Take away what it asks, or choose an event in the schedule.",
            variant.key,
        )
        return
    if known := EventDefinition.objects.filter(name=answered.name).first():
        detail = f"Variant {variant} asks about it."
        yield from _never_came(known, variant.where, "message", detail, variant.key)


def _shares(version: Version, variants: list[Variant]) -> Iterator[Check]:
    sharing = [variant for variant in variants if not variant.is_default]
    if any(variant.weight > 0 for variant in sharing) or len(sharing) < len(variants):
        for variant in sharing:
            if variant.weight == 0:
                words = f"Variant {variant} has weight 0"
                yield Check("warn", words, "message", "Nobody new will get it.", variant.key)
    else:
        yield Check("stop", "Every variant has weight 0", "message", "Give one of them a weight.")
    if all(variant.where for variant in variants):
        words = "Events that fit no variant send nothing"
        yield Check("warn", words, "message", "Add a default variant to catch them.")
    needs = sorted(
        {need for variant in sharing for content in variant.contents.all() for need in content.needs}
    )
    if needs and not any(variant.is_default for variant in variants):
        yield Check(
            "warn",
            "People who lack data get nothing",
            "message",
            f"The message needs {', '.join(needs)}. Give them a default, or add a default variant.",
        )


def _sender(version: Version) -> Iterator[Check]:
    tenant, is_marketing = version.tenant, version.campaign.is_marketing
    kinds = sorted({content.channel for content in _contents(version)})
    asked = [channels.get(kind).sender_problems(tenant, is_marketing=is_marketing) for kind in kinds]
    missing = [one for answer in asked for one in answer]
    for words, page in missing:
        yield Check("stop", words, "settings", page=page)
    if kinds and not missing:
        yield Check("done", f"Sent as {tenant.from_name or tenant.name} <{tenant.from_email}>", "settings")


def _schedule(version: Version, now: datetime) -> Iterator[Check]:
    if version.when == Version.When.EVENT:
        yield from _trigger(version, now)
    elif version.when == Version.When.API:
        yield Check("done", "Goes out when your server asks", "schedule")
        if version.campaign.is_marketing:
            detail = "Whoever unsubscribed does not get it. Receipts and codes are transactional: say so under Details."
            yield Check("warn", "It counts as marketing", "schedule", detail)
    elif version.when == Version.When.NOW:
        yield Check("done", "Goes out as soon as it is launched", "schedule")
    elif version.starts_at is None:
        yield Check("stop", "No time is set", "schedule")
    elif version.when == Version.When.REPEAT or schedules.is_by_person(version):
        yield from _calendar(version, now)
    elif version.starts_at <= now:
        yield Check(
            "stop", "The time it was to go out has passed", "schedule", "Choose a later one, or send it now."
        )
    else:
        yield Check("done", "Has a time to go out", "schedule")
    yield Check("done", summary.caps(version), "schedule")


def _calendar(version: Version, now: datetime) -> Iterator[Check]:
    found = summary.coming(version, now=now, most=1)
    is_single = version.when == Version.When.AT
    if not found and is_single:
        yield Check(
            "stop", "The time has passed for everybody", "schedule", "Choose a later one, or send it now."
        )
    elif not found:
        yield Check("stop", "No day is left to go out on", "schedule", "Choose a later last day, or none.")
    else:
        first = "Goes out" if is_single else "Goes out first"
        yield Check("done", f"{first} on {found[0].day}, {found[0].clock}", "schedule")
        zone = ZoneInfo(version.tenant.timezone)
        occasion = next(schedules.coming(version, after=now, zone=zone))
        if occasion.opens_at <= now:
            yield Check(
                "warn", "That hour has passed already in part of the world", "schedule", _passed(version)
            )


def _passed(version: Version) -> str:
    if version.when == Version.When.REPEAT:
        return "Whoever lives there begins with the next."
    return f"Whoever lives there {PASSED[Version.Past(version.past)]}."


def _trigger(version: Version, now: datetime) -> Iterator[Check]:
    if not version.trigger:
        yield Check("stop", "No event is chosen to set it off", "schedule", "Choose one.")
        return
    if version.ends_at is not None and version.ends_at <= now:
        yield Check(
            "stop", "The time it listens until has passed", "schedule", "Choose a later one, or none."
        )
    for each in (version.trigger, *version.exceptions):
        yield from _gone(each)
    if circle := circles.through(version):
        yield Check("stop", circle, "schedule", "Choose something else to set it off.")
    events = {each["name"] for each in (version.trigger, *version.exceptions) if each["on"] == "event"}
    heard_of = set(EventDefinition.objects.filter(name__in=events).values_list("name", flat=True))
    for name in sorted(events - heard_of):
        yield Check("warn", f"No event named {name} has come in yet", "schedule", "Check its spelling.")
    yield Check("done", f"Set off when they {triggers.said(version.trigger)}", "schedule")


def _gone(trigger: triggers.Trigger) -> Iterator[Check]:
    """What a trigger refers to may be deleted while its campaign lies in the archive."""
    try:
        triggers.renewed(trigger)
    except InvalidRule as broken:
        words = f"“{trigger.get('name', '')}”, which the schedule waits for, is gone"
        yield Check("stop", words, "schedule", f"{broken} Choose something else.")


def pace(version: Version, counts: Counts, *, now: datetime) -> Iterator[Check]:
    """Yield how long a version takes for everybody it would reach at once; nothing where nothing holds it back."""
    content = _contents(version).first()
    if content is None or version.has_event:
        return
    found = speed.expected(version, counts.sent, channel=content.channel, now=now)
    if found:
        words, late = found
        yield Check("warn" if late else "done", words, "schedule", late)


def _goal(version: Version) -> Iterator[Check]:
    event, where = version.conversion_event, (version.conversion_filter or {"all": []})["all"]
    known = EventDefinition.objects.filter(name=event).first()
    if not event:
        yield Check("warn", "No conversion event is set", "goal", "Results will not show what came of it.")
    elif known is None:
        yield Check("warn", f"No event named {event} has come in yet", "goal", "Check its spelling.")
    else:
        yield from _never_came(known, where, "goal", "The conversion event must have it, or nothing counts.")
        yield Check("done", f"Success is {summary.goal(version)}", "goal")


def _never_came(
    known: EventDefinition, where: list[dict[str, Any]], step: Step, detail: str, variant: str = ""
) -> Iterator[Check]:
    """Of filters on an event: which of its properties nobody has seen."""
    for name in dict.fromkeys(each["name"] for each in where):
        if name not in known.properties:
            yield Check("warn", f"No {known.name} has come with {name} yet", step, detail, variant)


def counts(version: Version, *, now: datetime) -> Counts:
    """Return how many people a version would reach at this moment, by arm. An audience not chosen is nobody.

    Of what is for those whose day it is: on the next day that it goes out.
    """
    asked = question(version, now=now)
    return Counts() if asked is None else reach.count(arms.load(version), **asked)


def question(version: Version, *, now: datetime) -> dict[str, Any] | None:
    """Return what ``reach`` asks with whom a version would reach; None where nobody or nothing is chosen yet."""
    rule = _next_audience(version, now=now)
    content = _contents(version).first()
    if rule is None or content is None:
        return None
    shared = contents.shared_context(version.campaign, tenant=version.tenant)
    if version.has_event:
        shared |= {"event": {}}
    return {
        "rule": rule,
        "channel": content.channel,
        "is_marketing": version.campaign.is_marketing,
        "tenant_id": version.tenant_id,
        "shared": shared,
        "now": now,
    }


def _next_audience(version: Version, *, now: datetime) -> dict[str, Any] | None:
    rule = audience_rule(version)
    if rule is None or version.date_of is None or version.starts_at is None:
        return rule
    zone = ZoneInfo(version.tenant.timezone)
    coming = (one for one in schedules.coming(version, after=now, zone=zone) if one.due_until > now)
    occasion = next(coming, None)
    return anniversaries.narrowed(rule, version.date_of, occasion.key) if occasion else rule


def audience_rule(version: Version) -> dict[str, Any] | None:
    """Return whom a version is for, segments written out; None if nobody is chosen yet. Frozen once launched."""
    if version.launched_at is None and version.segment is not None:
        return segments.resolve(version.segment.rule)
    return version.rule


def stamp(version: Version) -> str:
    """Return what a review of a version shows, in short: once something of it changes, another; launching changes none.

    Segments count with the rules they have, written out.
    """
    variants = version.variants.select_related("segment").prefetch_related("contents")
    return digest(
        [
            version.number,
            version.language,
            version.segment_id,
            _written_out(version, version),
            [versions.stamp(version, step) for step in ("schedule", "goal")],
            [getattr(version.campaign, name) for name in OF_CAMPAIGN],
            [_variant_seen(variant, version) for variant in variants.order_by("position", "id")],
        ]
    )


def _variant_seen(variant: Variant, version: Version) -> list[Any]:
    written = sorted(variant.contents.all(), key=lambda content: (content.channel, content.language))
    return [
        [getattr(variant, name) for name in OF_VARIANT],
        _written_out(variant, version),
        [[getattr(content, name) for name in OF_CONTENT] for content in written],
    ]


def _written_out(of: Version | Variant, version: Version) -> Any:
    """The rule of a version or of its variant, or what is wrong with its segment."""
    if version.launched_at is not None or of.segment is None:
        return of.rule
    try:
        return segments.resolve(of.segment.rule)
    except (InvalidRule, segments.SegmentCycle) as broken:
        return str(broken)


def launch(*, version: Version, actor: Actor, now: datetime, seen: str = "") -> Version:
    """Freeze a draft and set its campaign live; return it. Launching it again is the same launch.

    ``now`` is the tenant's. Segments are written out into the version's and variants' rules, so that changing
    them later changes nothing here. ``seen`` is the version's stamp as it was reviewed. Raises NotReady,
    contents.ChangedMeanwhile, and versions.Frozen for a campaign that is stopped or archived.
    """
    contents.renew(version.campaign)
    expected = None if version.launched_at else _counts_if_ready(version, now)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=version.campaign_id)
        locked = (
            Version.objects.select_for_update(of=("self",))
            .select_related("segment", "tenant")
            .get(pk=version.pk)
        )
        locked.campaign = campaign
        if campaign.state == Campaign.State.STOPPED:
            raise versions.Frozen("A stopped campaign stays stopped: duplicate it to send again.")
        if locked.launched_at is not None:
            _check_seen(locked, seen)
            return locked
        if campaign.archived_at is not None:
            raise versions.Archived("An archived campaign is not launched: restore it first.")
        contents.renew(campaign)  # what changed while it was counted; from here on nothing does
        if standing_in_the_way := problems(locked, now=now):
            raise NotReady(standing_in_the_way)
        _freeze(locked, actor, expected or Counts(), now)
        _check_seen(locked, seen)  # as frozen: segments may change until then
        old, campaign.state = campaign.state, Campaign.State.LIVE
        campaign.save(update_fields=["state", "updated_at"])
        versions.note(
            locked, actor, "launched", {"state": (old, campaign.state), "version": (None, locked.number)}
        )
        wake.soon()
    return locked


def _counts_if_ready(version: Version, now: datetime) -> Counts | None:
    """Counted before the lock is taken: over a million people it takes seconds."""
    return None if problems(version, now=now) else counts(version, now=now)


def _check_seen(version: Version, seen: str) -> None:
    if seen and seen != stamp(version):
        raise contents.ChangedMeanwhile(
            "Look at it again before you launch it.",
            what_happened="The draft was changed since it was reviewed.",
        )


def _freeze(version: Version, actor: Actor, expected: Counts, now: datetime) -> None:
    version.rule = segments.resolve(version.segment.rule) if version.segment else version.rule or EVERYONE
    for variant in version.variants.select_related("segment"):
        if variant.segment is not None:
            variant.rule = segments.resolve(variant.segment.rule)
            variant.save(update_fields=["rule"])
    if version.when == Version.When.EVENT and version.trigger and version.trigger["on"] == "segment":
        memberships.watch(Segment.objects.get(public_id=version.trigger["id"]), now=now)
    version.counts = expected.as_json()
    version.launched_at, version.launched_by = now, audit.person(actor)
    version.save(update_fields=["rule", "counts", "launched_at", "launched_by"])


def _contents(version: Version) -> Any:
    return Content.objects.filter(variant__version=version).order_by("variant__position", "id")
