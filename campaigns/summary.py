"""A campaign said in short: its row in the list, its variants, and one sentence for all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from audiences.rules import words as rule_words
from campaigns import anniversaries, channels, hours, schedules, speed, triggers
from campaigns.calendar import words
from campaigns.models import Campaign, Content, Variant, Version


@dataclass(frozen=True, slots=True)
class Pill:
    """A campaign's state as people say it."""

    label: str
    colour: str
    icon: str


PILLS = {
    "draft": Pill("Draft", "secondary", "pencil"),
    "scheduled": Pill("Scheduled", "azure", "clock"),
    "live": Pill("Live", "green", "player-play"),
    "paused": Pill("Paused", "yellow", "player-pause"),
    "stopped": Pill("Stopped", "red", "player-stop"),
}


@dataclass(frozen=True, slots=True)
class Row:
    campaign: Campaign
    version: Version  # the draft if there is one, else what was launched last
    launched: Version | None
    state: str  # the campaign's, or "scheduled"
    audience: str
    variants: int

    @property
    def pill(self) -> Pill:
        return PILLS[self.state]


def row(campaign: Campaign, *, now: datetime) -> Row:
    """Return a campaign's row. Costs no query where versions and variants were fetched along."""
    versions = sorted(campaign.versions.all(), key=lambda version: version.number)
    launched = next((version for version in reversed(versions) if version.launched_at), None)
    shown = launched or versions[-1]
    return Row(
        campaign=campaign,
        version=versions[-1],
        launched=launched,
        state=_state(campaign, launched, now),
        audience=audience(shown),
        variants=len(shown.variants.all()),
    )


def _state(campaign: Campaign, launched: Version | None, now: datetime) -> str:
    waits = launched is not None and launched.starts_at is not None and launched.starts_at > now
    return "scheduled" if campaign.state == Campaign.State.LIVE and waits else campaign.state


def audience(version: Version) -> str:
    """Return whom a version is for, in few words; empty if nobody is chosen."""
    if version.segment is not None:
        return version.segment.name
    return "Everyone" if version.rule is not None else ""


@dataclass(frozen=True, slots=True)
class Said:
    """A variant with its words and its part of the people."""

    variant: Variant
    content: Content | None
    channel: channels.Channel | None
    share: int  # per cent of those its group takes, rounded; 0 for the default
    group: str  # whom its group is for
    languages: list[Content]  # the same in other languages, by their names
    where: str  # and for which events, such as "where value is less than 10"; empty for any

    @property
    def has_problems(self) -> bool:
        """Whether its words in any language cannot be sent yet."""
        return any(content.problems for content in self.variant.contents.all())


def variants(version: Version) -> list[Said]:
    """Return a version's variants in order."""
    found = list(
        version.variants.select_related("segment").prefetch_related("contents").order_by("position", "id")
    )
    for variant in found:
        variant.version = version  # known already: not asked for again, row by row
    return [_said(variant, found) for variant in found]


def _said(variant: Variant, all_of_them: list[Variant]) -> Said:
    together = [
        each
        for each in all_of_them
        if not each.is_default and (each.segment_id, each.where) == (variant.segment_id, variant.where)
    ]
    total = sum(each.weight for each in together)
    share = 0 if variant.is_default or not total else round(100 * variant.weight / total)
    content = variant.content
    group = "the audience" if variant.segment is None else variant.segment.name
    where = rule_words.filter_sentence({"all": variant.where})
    channel = channels.get(content.channel) if content else None
    others = sorted((each for each in variant.contents.all() if each.language), key=lambda each: each.name)
    return Said(variant, content, channel, share, group, others, where)


def sentence(version: Version) -> str:
    """Say what a version does: to whom it goes, what they get, what is held back, and when."""
    who = audience(version)
    whom = f"everyone in “{who}”" if version.segment is not None else "everyone" if who else "nobody yet"
    when = f"{_when(version)}{_rate(version)}{_hours(version)}"
    return f"Goes to {whom}, {when}{_what(version)}{_control(version.campaign)}{_capped(version)}."


def _what(version: Version) -> str:
    """Empty where everybody gets the same."""
    said = variants(version)
    if len(said) == 1:
        return ""
    parts = [
        f"{_quoted(each)} to {each.share} %{_only(each)}" for each in said if not each.variant.is_default
    ]
    default = next((each for each in said if each.variant.is_default), None)
    if default:
        parts.append(f"{_quoted(default)} to those who lack the data or fit no other")
    return f": {', '.join(parts)}"


def _quoted(said: Said) -> str:
    return f"“{said.variant.name}”"


def _only(said: Said) -> str:
    segment = f" of “{said.group}”" if said.variant.segment_id else ""
    return f"{segment} {said.where}" if said.where else segment


def _control(campaign: Campaign) -> str:
    if not campaign.control_percent:
        return ""
    return f". {campaign.control_percent} % are held back to compare with"


def _triggered(version: Version) -> str:
    """Say what sets it off, after how long, what calls it off, and how often anyone gets it."""
    assert version.trigger
    wait = _wait(version)
    off = " or ".join(triggers.said(each) for each in version.exceptions)
    unless = f", unless they {off} meanwhile" if off else ""
    again = {
        Version.Again.ONCE: "once for each person",
        Version.Again.AFTER: f"again after {triggers.delay_said(version.again_hours * 60)} at the earliest",
        Version.Again.ALWAYS: "every time",
    }[Version.Again(version.again)]
    return f"{wait} they {triggers.said(version.trigger)}{unless}; {again}"


def _wait(version: Version) -> str:
    if not version.delay_minutes:
        return "as soon as"
    delay = triggers.delay_said(version.delay_minutes)
    if version.delay_from == Version.DelayFrom.ACTIVITY:
        return f"once they have been away for {delay} after"
    return f"{delay} after"


def _rate(version: Version) -> str:
    """Empty where it goes as fast as it can."""
    said = speed.said(version)
    return f", {said}" if said else ""


def _hours(version: Version) -> str:
    """Empty where it may go at any hour."""
    said = hours.said(version)
    if not said:
        return ""
    then = "waits for them" if version.outside_hours == Version.Outside.WAIT else "is left out"
    return f", {said}; whoever it falls due for at other hours {then}"


def caps(version: Version) -> str:
    """Say what a version does about somebody who has reached a frequency cap."""
    if version.is_cap_exempt:
        return "Exempt from frequency caps"
    if version.when_capped == Version.WhenCapped.WAIT:
        return "Whoever has reached a frequency cap gets it once there is room, if that is not too late"
    return "Whoever has reached a frequency cap is left out"


def _capped(version: Version) -> str:
    """Empty for what people expect."""
    is_usual = not version.is_cap_exempt and version.when_capped == Version.WhenCapped.SKIP
    return "" if is_usual else f". {caps(version)}"


def _when(version: Version) -> str:
    zone = ZoneInfo(version.tenant.timezone)
    schedule = schedules.of(version)
    if version.when == Version.When.EVENT:
        return _triggered(version) if version.trigger else "when something that is not chosen yet happens"
    if version.when == Version.When.API:
        return "whenever your server asks"
    if version.when == Version.When.REPEAT:
        if schedule is None:
            return "on days that are not chosen yet"
        said = words.in_words(schedule, schedules.clock_words(version, zone))
        whose = f", {anniversaries.said(version.date_of)}" if version.date_of else ""
        return f"{_lower_first(said)}{whose}{_only_once(version)}"
    if version.starts_at is None:
        return "as soon as it is launched"
    if schedule is not None:
        on = f"{schedule.anchor:%A, %-d %B %Y at %H:%M}"
        return f"on {on} {words.EACH_PERSON}{_past(version)}"
    local = version.starts_at.astimezone(zone)
    return f"on {local:%A, %-d %B %Y at %H:%M} ({local:%Z})"


def _only_once(version: Version) -> str:
    return ", but to each person only once" if version.again == Version.Again.ONCE else ""


def _past(version: Version) -> str:
    """What becomes of those for whom the time had passed at the launch."""
    return {
        Version.Past.NEXT_DAY: "; where that has passed at the launch, at the same time the next day",
        Version.Past.NOW: "; where that has passed at the launch, at once",
        Version.Past.SKIP: "; where that has passed at the launch, not at all",
    }[Version.Past(version.past)]


def goal(version: Version) -> str:
    """Say which events count as success: Order Completed where category is vinyl; empty for none."""
    where = rule_words.filter_sentence(version.conversion_filter or {"all": []})
    return f"{version.conversion_event} {where}".strip()


def timing(version: Version) -> str:
    """Say when a version goes out, as a sentence."""
    said = f"{_when(version)}{_rate(version)}{_hours(version)}."
    return said[:1].upper() + said[1:]


@dataclass(frozen=True, slots=True)
class Next:
    """An occasion as people read it."""

    key: str
    day: str
    clock: str


def coming(version: Version, *, now: datetime, most: int = 3) -> list[Next]:
    """Return the next times at which a version goes out by a calendar, in words; none if there are none."""
    zone = ZoneInfo(version.tenant.timezone)
    if version.when not in (Version.When.AT, Version.When.REPEAT) or version.starts_at is None:
        return []
    found = (one for one in schedules.coming(version, after=now, zone=zone) if one.due_until > now)
    return [_next(one, version, zone) for one in islice(found, most)]


def _next(occasion: schedules.Occasion, version: Version, zone: ZoneInfo) -> Next:
    local = occasion.local or occasion.opens_at.astimezone(zone)
    return Next(occasion.key, f"{local:%A, %-d %B %Y, %H:%M}", schedules.clock_words(version, zone))


def _lower_first(said: str) -> str:
    """Return a sentence as the middle of another; names of days keep their capitals."""
    return said[:1].lower() + said[1:]
