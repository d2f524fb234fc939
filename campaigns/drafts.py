"""Drafting: a campaign's settings and variants, each change noted, none after its launch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time
from itertools import product
from string import ascii_lowercase
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max

from audiences.models import Place, Segment
from audiences.segments import EVERYONE
from campaigns import anniversaries, arms, channels, contents, schedules, speed, triggers, versions
from campaigns.arms import CONTROL
from campaigns.calendar import wall
from campaigns.calendar.schedule import Schedule
from campaigns.models import Campaign, Variant, Version
from campaigns.recipes import Recipe, Wording
from campaigns.sources import reading
from tenants.meanwhile import SAVE_AGAIN, digest
from tenants.models import Tenant, User

MOST_VARIANTS = 12
LONGEST_HOURS = 10 * 366 * 24  # of lateness and conversions: what they are added to has to stay a date
DESCRIBED = ("name", "description", "message_class", "topic", "priority", "tags")


class Refused(ValueError):
    """This cannot be set; the words say why and what to do."""


@transaction.atomic
def create(
    *, tenant: Tenant, actor: User, name: str, recipe: Recipe | None = None, now: datetime | None = None
) -> Campaign:
    """Store a campaign with a draft and its first variants, written from a recipe or the channel's first starter.

    ``now`` is needed with a recipe: what repeats begins after it.
    """
    campaign = Campaign(tenant=tenant, name=name, created_by=actor)
    fields: Mapping[str, Any] = {}
    if recipe:
        campaign.description, campaign.control_percent = recipe.description, recipe.control_percent
        assert now is not None
        zone = ZoneInfo(tenant.timezone)
        place = Place.objects.order_by("id").first() if recipe.visited else None
        fields = recipe.fields(today=now.astimezone(zone).date(), place=place)
    campaign.save()
    version = Version(tenant=tenant, campaign=campaign, number=1, language=tenant.language, **fields)
    version.starts_at = _starts_at(schedules.of(version), tenant)
    version.save()
    versions.note(version, actor, "created")
    channel = channels.all()[0]
    starters = {starter.key: starter for starter in channel.starters()}
    starter = starters.get(recipe.starter if recipe else "") or next(iter(starters.values()))
    for position, wording in enumerate(recipe.wordings if recipe else [Wording("A", {})]):
        variant = Variant(
            tenant=tenant,
            version=version,
            key=ascii_lowercase[position],
            name=wording.name,
            where=wording.where,
            is_default=wording.is_default,
            position=position,
        )
        variant.save()
        contents.begin(variant=variant, channel=channel.kind, fields=starter.fields | wording.fields)
    return campaign


def described(campaign: Campaign) -> str:
    """Return what a campaign is called and how it ranks, in short, as ``describe`` takes it for what was seen."""
    return digest([getattr(campaign, name) for name in DESCRIBED])


@transaction.atomic
def describe(
    *,
    campaign: Campaign,
    actor: User,
    name: str,
    description: str,
    message_class: str,
    topic: str,
    priority: int,
    tags: list[str] | None = None,
    seen: str = "",
    may_launch: bool = False,
) -> None:
    """Set what a campaign is called and how it ranks; ``tags`` None leaves them as they are.

    What was launched goes on under its new topic at once, so ``may_launch`` says whether the actor may have that.

    A new class brings its own beginning: what somebody asked for is exempt from frequency caps, marketing is not.
    ``seen`` is what ``described`` said to its author. Raises versions.Frozen for the class of a launched one, Refused
    for its topic, and contents.ChangedMeanwhile.
    """
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    stamp = described(campaign)
    if topic != campaign.topic and not may_launch and versions.was_launched(campaign):
        raise Refused(
            "Who may get a launched campaign depends on its topic: only those who may launch it change that."
        )
    if message_class != campaign.message_class and versions.was_launched(campaign):
        raise versions.Frozen(
            "A launched campaign stays marketing or transactional: duplicate it to change that."
        )
    has_new_class = message_class != campaign.message_class
    changes = _set(
        campaign,
        name=name,
        description=description,
        message_class=message_class,
        topic=topic,
        priority=priority,
        tags=campaign.tags if tags is None else tags,
    )
    _check_seen(seen, stamp, changes)
    newest = versions.newest(campaign)
    if has_new_class:
        contents.compile_again(campaign)
        changes |= _set(newest, is_cap_exempt=message_class == Campaign.MessageClass.TRANSACTIONAL)
    versions.note(newest, actor, "described", changes)


@transaction.atomic
def set_audience(
    *,
    version: Version,
    actor: User,
    segment: Segment | None,
    is_everyone: bool,
    control_percent: int,
    seen: str = "",
) -> None:
    """Set whom the draft is for, and the share kept from it. Neither a segment nor everyone: not chosen yet.

    The control group belongs to the campaign: raises versions.Frozen when one that was launched would change it.
    ``seen`` is the step's stamp as its author saw it: raises contents.ChangedMeanwhile, as the other steps do.
    """
    version = versions.editable(version)
    stamp = versions.stamp(version, "audience")
    if segment is not None and segment.archived_at:
        raise Refused(f"The segment {segment} is archived: choose another, or restore it.")
    campaign = version.campaign
    if control_percent != campaign.control_percent and versions.was_launched(campaign):
        raise versions.Frozen("The control group was drawn at the first launch and stays as it is.")
    rule = EVERYONE if is_everyone and segment is None else None
    changes = {
        "audience": (_audience(version), str(segment) if segment else "everyone" if rule else ""),
        "control_percent": (campaign.control_percent, control_percent),
    }
    _set(version, segment=segment, rule=rule)
    _set(campaign, control_percent=control_percent)
    _check_seen(seen, stamp, changes)
    versions.note(version, actor, "set audience", changes)


def _check_seen(seen: str, stamp: str, changes: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise contents.ChangedMeanwhile where what changes is not what was seen; who saves the same again may."""
    if seen and seen != stamp and any(old != new for old, new in changes.values()):
        raise contents.ChangedMeanwhile(SAVE_AGAIN)


def _audience(version: Version) -> str:
    if version.segment:
        return str(version.segment)
    return "everyone" if version.rule is not None else ""


@transaction.atomic
def set_schedule(*, version: Version, actor: User, seen: str = "", **given: Any) -> None:
    """Set when the draft goes out; ``given`` and what else is raised are those of ``scheduled``."""
    version = versions.editable(version)
    had_event, stamp = version.has_event, versions.stamp(version, "schedule")
    changes = _set(version, **scheduled(version, **given))
    _check_seen(seen, stamp, changes)
    if had_event != version.has_event:
        contents.compile_again(version.campaign)
    shown = {name: (_iso(old), _iso(new)) for name, (old, new) in changes.items()}
    versions.note(version, actor, "set schedule", shown)


def scheduled(
    version: Version,
    *,
    when: str,
    starts_at: datetime | None,
    lateness_hours: int,
    schedule: Schedule | None = None,
    date_of: anniversaries.DateOf | None = None,
    clock: str = Version.Clock.TENANT,
    past: str | None = None,
    again: str | None = None,
    is_cap_exempt: bool | None = None,
    when_capped: str | None = None,
    hours: Mapping[str, Any] | None = None,
    per_minute: int | None = None,
    **triggered: Any,
) -> dict[str, Any]:
    """Return a version's fields for when it goes out.

    ``starts_at`` is aware, and is for a single time on the tenant's clock. ``schedule`` is for what repeats, and for a
    single time on each person's clock; ``date_of`` keeps what repeats to those whose day it is. What is None about
    frequency caps, hours and whoever's time has ``past`` stays as it is; ``hours`` are window_start, window_end,
    window_days and outside_hours. ``per_minute`` None is as fast as it can. ``triggered`` are the fields of a
    triggered campaign: trigger, delay_minutes, delay_from, exceptions, replaces_waiting, again_hours, ends_at.
    Raises Refused, and InvalidRule for what is no trigger.
    """
    is_by_person = when in (Version.When.AT, Version.When.REPEAT) and clock == Version.Clock.PERSON
    if when == Version.When.REPEAT and (schedule is None or schedule.kind == "once"):
        raise Refused("Say how often it goes out, from which day on, and at what time.")
    if when != Version.When.REPEAT and (not is_by_person or schedule is None or schedule.kind != "once"):
        schedule = None
    if when == Version.When.AT and (schedule if is_by_person else starts_at) is None:
        raise Refused("Say at what time it goes out.")
    if schedule is not None:
        starts_at = _starts_at(schedule, version.tenant)
    elif when != Version.When.AT:
        starts_at = None
    _check_hours(lateness_hours)
    if per_minute is not None and not 1 <= per_minute <= speed.MOST_PER_MINUTE:
        raise Refused(f"It can be held to a number from 1 to {speed.MOST_PER_MINUTE:,} a minute.")
    if when == Version.When.EVENT:
        triggered = _checked_triggered(triggered)
    else:
        triggered = {}
    if hours and (hours["window_start"] is None) != (hours["window_end"] is None):
        raise Refused("Say from when and to when it may be sent, or neither.")
    if when == Version.When.API:
        # Each request is one message, whatever set off or called off what was drafted before.
        triggered, again = {"trigger": None, "exceptions": []}, Version.Again.ALWAYS
    if again is None and when == Version.When.REPEAT:
        again = Version.Again.ALWAYS
    given = {"past": past, "again": again, "is_cap_exempt": is_cap_exempt, "when_capped": when_capped}
    return {
        "when": when,
        "starts_at": starts_at,
        "schedule": schedule and schedule.as_json(),
        "date_of": date_of if when == Version.When.REPEAT else None,
        "clock": Version.Clock.PERSON if is_by_person else Version.Clock.TENANT,
        "lateness_hours": lateness_hours,
        "per_minute": per_minute,
        **triggered,
        **{name: value for name, value in given.items() if value is not None},
        **(hours or {}),
    }


def _check_hours(hours: int) -> None:
    if hours > LONGEST_HOURS:
        raise Refused(f"It can be {LONGEST_HOURS:,} hours at the most.")


def _starts_at(schedule: Schedule | None, tenant: Tenant) -> datetime | None:
    """Return the first time on the tenant's clock."""
    return wall.instant(schedule.anchor, ZoneInfo(tenant.timezone)) if schedule else None


def _checked_triggered(given: Mapping[str, Any]) -> dict[str, Any]:
    if not given.get("trigger"):
        raise Refused("Say what sets it off.")
    if given.get("delay_minutes", 0) > triggers.LONGEST_DELAY_MINUTES:
        raise Refused(f"It can wait for {triggers.delay_said(triggers.LONGEST_DELAY_MINUTES)} at the most.")
    if len(given.get("exceptions", ())) > triggers.MOST_EXCEPTIONS:
        raise Refused(f"{triggers.MOST_EXCEPTIONS} exceptions are as many as there can be.")
    exceptions = [triggers.renewed(each) for each in given.get("exceptions", ())]
    return {**given, "trigger": triggers.renewed(given["trigger"]), "exceptions": exceptions}


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | time) else value


@transaction.atomic
def set_goal(
    *,
    version: Version,
    actor: User,
    goal: str,
    conversion_event: str,
    conversion_hours: int,
    revenue_property: str,
    where: list[dict[str, Any]] | None = None,
    seen: str = "",
) -> None:
    """Set what counts as success: events that pass filters, of which None leaves those there are.

    Without a conversion event there is no goal. Raises Refused, and InvalidRule for what are no filters.
    """
    version = versions.editable(version)
    _check_hours(conversion_hours)
    stamp = versions.stamp(version, "goal")
    if where is not None:
        arms.filtered(where)
    kept = version.conversion_filter if where is None else {"all": where} if where else None
    changes = _set(
        version,
        goal=goal or conversion_event[:60],
        conversion_event=conversion_event,
        conversion_filter=kept if conversion_event else None,
        conversion_hours=conversion_hours,
        revenue_property=revenue_property,
    )
    _check_seen(seen, stamp, changes)
    versions.note(version, actor, "set goal", changes)


@transaction.atomic
def add_variant(*, version: Version, actor: User, like: Variant | None = None) -> Variant:
    """Add a variant at the end: a copy of ``like``, else of the first. Raises Refused when there are enough."""
    version = versions.editable(version)
    if version.variants.count() >= MOST_VARIANTS:
        raise Refused(f"{MOST_VARIANTS} variants are as many as a campaign can have.")
    like = like or version.variants.order_by("position", "id").first()
    assert like is not None, "a version is born with a variant and keeps one"
    key = next(_free_keys(version.campaign))
    last = version.variants.aggregate(last=Max("position"))["last"]
    variant = versions.copy_variant(
        like, to=version, key=key, name=key.upper(), is_default=False, position=last + 1
    )
    versions.note(version, actor, "added variant", {"variants": (None, key)})
    return variant


def _free_keys(campaign: Campaign) -> Iterator[str]:
    """Keys no version of the campaign has used: an arm's results are not continued under another meaning."""
    used = {CONTROL, *Variant.objects.filter(version__campaign=campaign).values_list("key", flat=True)}
    for letters in (*product(ascii_lowercase), *product(ascii_lowercase, repeat=2)):
        if (key := "".join(letters)) not in used:
            yield key


@transaction.atomic
def change_variant(
    *,
    variant: Variant,
    actor: User,
    name: str,
    weight: int,
    segment: Segment | None,
    is_default: bool,
    where: list[dict[str, Any]] | None = None,
) -> None:
    """Set a variant's name, share, and whom it is for: a segment, and events that pass filters; None leaves those.

    Raises contents.DefaultNeeds where a default one would need data, Refused where there is a default already, and
    InvalidRule for what are no filters.
    """
    version = versions.editable(variant.version)
    variant = version.variants.select_related("segment").get(pk=variant.pk)
    if is_default:
        _check_default(variant)
    if segment is not None and is_default:
        raise Refused("The default variant is for whoever no other takes, so it has no segment.")
    where = variant.where if where is None else where
    arms.filtered(where)
    if where and is_default:
        raise Refused("The default variant is for whoever no other takes, so it asks nothing of the event.")
    old_segment = str(variant.segment or "")
    keeps_rule = segment is None and variant.segment is None and not is_default
    changes = _set(variant, name=name, weight=weight, segment=segment, is_default=is_default, where=where)
    if not keeps_rule:
        _set(variant, rule=None)
    changes["segment"] = (old_segment, str(segment or ""))
    versions.note(
        version, actor, "changed variant", {f"{variant.key}.{k}": pair for k, pair in changes.items()}
    )


def _check_default(variant: Variant) -> None:
    other = variant.version.variants.filter(is_default=True).exclude(pk=variant.pk).first()
    if other:
        raise Refused(f"{other} is the default variant already: there can be one.")
    found = variant.contents.all()
    needs = [need for each in found for need in (*each.needs, *reading.demands(each.sources))]
    if needs:
        raise contents.DefaultNeeds(needs)


@transaction.atomic
def remove_variant(*, variant: Variant, actor: User) -> None:
    """Take a variant out of the draft. Raises Refused for the last one."""
    version = versions.editable(variant.version)
    if version.variants.count() == 1:
        raise Refused("A campaign needs a variant: change this one instead.")
    versions.note(version, actor, "removed variant", {"variants": (variant.key, None)})
    version.variants.get(pk=variant.pk).delete()


def _set(row: Campaign | Version | Variant, **values: Any) -> dict[str, tuple[Any, Any]]:
    """Write the fields of a row and return what was and what is."""
    changes = {name: (getattr(row, name), value) for name, value in values.items()}
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=[*values, *(["updated_at"] if isinstance(row, Campaign) else [])])
    return {
        name: pair for name, pair in changes.items() if not isinstance(pair[1], Segment) and name != "segment"
    }
