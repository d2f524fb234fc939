"""Who falls to which arm: control first, then the groups in order, then the default variant; the same every time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import blake2b
from itertools import accumulate
from typing import Any

from audiences import buckets, segments
from audiences.rules import schema
from audiences.rules.kinds.property import Property
from audiences.rules.tree import Node
from campaigns import languages, past
from campaigns.models import Content, Variant, Version
from campaigns.past import Past

CONTROL = "control"  # the control group's name as an arm; no variant's key can be it

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """A content as choosing sees it."""

    id: int
    channel: str
    language: str  # empty: for all whose own is not written
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """A variant as choosing sees it."""

    key: str
    weight: int
    contents: tuple[Words, ...]
    language: str = ""  # of those contents that name none

    def offered(self, channel: str) -> tuple[str, ...]:
        """The languages it is written in on a channel beside the default one."""
        return tuple(words.language for words in self.contents if words.channel == channel and words.language)

    def content(self, channel: str, spoken: str | None = None) -> Words | None:
        """The words on a channel for who speaks a language, or None if the variant says nothing there."""
        gets = languages.language_for(spoken, self.offered(channel), self.language)
        return next((one for one in self.contents if (one.channel, one.language) == (channel, gets)), None)

    def needs(self, spoken: str | None = None) -> tuple[str, ...]:
        """What its words for who speaks a language cannot do without, on any channel; each once, in the order met."""
        kinds = dict.fromkeys(words.channel for words in self.contents)
        said = [words for kind in kinds if (words := self.content(kind, spoken))]
        return tuple(dict.fromkeys(need for words in said for need in words.needs))


@dataclass(frozen=True, slots=True)
class Group:
    """Variants that share a rule and filters on the event, and split those who fit both by weight."""

    name: str  # the same while the rule is; what ``Entry.shares`` is keyed by
    rule: Rule | None  # none: everybody
    ways: tuple[Way, ...]
    ends: tuple[int, ...]  # the bucket each variant's share ends before
    where: Node | None = None  # on the properties of the event that set it off; none: any event, or no event

    def needs(self, spoken: str | None = None) -> tuple[str, ...]:
        """Those of all its variants together: who lacks one must not shift the others' shares."""
        return tuple(dict.fromkeys(need for way in self.ways for need in way.needs(spoken)))

    @property
    def all_needs(self) -> tuple[str, ...]:
        """Those of all its words, in whatever language."""
        return tuple(
            dict.fromkeys(need for way in self.ways for words in way.contents for need in words.needs)
        )

    def at(self, bucket: int) -> Way:
        """The variant whose share holds the bucket (0 to 9999)."""
        return next(way for way, end in zip(self.ways, self.ends, strict=True) if bucket < end)


@dataclass(frozen=True, slots=True)
class Spec:
    """All of a version that choosing needs. Read once, used for any number of profiles."""

    version_id: int
    campaign_id: int
    control_percent: int
    control_salt: int
    share_salt: int
    groups: tuple[Group, ...]
    default: Way | None
    past: Past = field(default_factory=dict)  # the past events that any of its words read

    def language_of(self, content_id: int) -> str:
        """The language a content is written in; empty if nobody has said."""
        spoken = {words.id: words.language or way.language for way in self.ways for words in way.contents}
        return spoken.get(content_id, "")

    @property
    def rules(self) -> list[Rule]:
        """The groups' rules: what ``audiences.facts.load`` has to load facts for."""
        return [group.rule for group in self.groups if group.rule is not None]

    @property
    def ways(self) -> tuple[Way, ...]:
        """Every variant that somebody can fall to."""
        found = tuple(way for group in self.groups for way in group.ways)
        return (*found, self.default) if self.default else found

    @property
    def is_translated(self) -> bool:
        """Whether any variant is written in more than one language."""
        return any(words.language for way in self.ways for words in way.contents)


@dataclass(frozen=True, slots=True)
class Standing:
    """What ``Entry`` remembers of a profile in a campaign. None in its place: the profile was never decided."""

    is_control: bool
    shares: Mapping[str, str]  # group's name -> variant's key


@dataclass(frozen=True, slots=True)
class Tried:
    """One group in the order tried, and why it took the profile or did not."""

    group: str
    matched: bool
    lacks: tuple[str, ...] = ()
    where: Node | None = None  # the group's


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a profile falls.

    ``way`` is None when no variant takes it; ``reason`` then says ``lacks_data`` or ``no_variant``. A control
    profile has the variant it would have got, so that the later gates treat both sides alike.
    """

    is_control: bool
    way: Way | None
    share: tuple[str, str] | None  # to be kept in ``Entry.shares``; None where nothing was shared out
    reason: str
    lacks: tuple[str, ...]  # in groups whose rule matched, in order
    tried: tuple[Tried, ...]
    spoken: str | None = None  # the profile's own language

    def content(self, channel: str) -> Words | None:
        """The words they would get on a channel, or None if there are none."""
        return self.way.content(channel, self.spoken) if self.way else None

    def language_words(self, channel: str) -> str:
        """Say which language they get and why; empty where there was nothing to choose."""
        way = self.way
        return languages.chosen_words(self.spoken, way.offered(channel), way.language) if way else ""

    @property
    def arm(self) -> str:
        """What ``Delivery.arm`` says: a variant's key, ``control``, or nothing."""
        if self.way is None:
            return ""
        return CONTROL if self.is_control else self.way.key


def load(version: Version, *, unsaved: Mapping[int, Sequence[str]] | None = None) -> Spec:
    """Read a version's arms. A draft's segments are taken as they are at this moment; a launched version's are frozen.

    ``unsaved`` holds needs that replace a content's stored ones, by its id: what a preview of unsaved words asks with.
    """
    return load_all([version], unsaved=unsaved)[version.pk]


def load_all(
    versions: Iterable[Version], *, unsaved: Mapping[int, Sequence[str]] | None = None
) -> dict[int, Spec]:
    """Read the arms of versions, by their ids, as ``load`` does; the statements do not grow with them."""
    variants: dict[Version, list[Variant]] = {version: [] for version in versions}
    known = {version.pk: version for version in variants}
    asked = Variant.objects.filter(version__in=known).order_by("position", "id")
    for variant in asked.select_related("segment").prefetch_related("contents"):
        variant.version = known[variant.version_id]  # not asked for again, row by row
        variants[variant.version].append(variant)
        for content in variant.contents.all():
            content.needs = list((unsaved or {}).get(content.pk, content.needs))
    return {version.pk: _spec(version, theirs) for version, theirs in variants.items()}


def _spec(version: Version, variants: Sequence[Variant]) -> Spec:
    campaign = version.campaign
    return Spec(
        version_id=version.pk,
        campaign_id=campaign.pk,
        control_percent=campaign.control_percent,
        control_salt=salt(campaign.salt, "control"),
        share_salt=salt(campaign.salt, "share"),
        groups=_groups(version, [variant for variant in variants if not variant.is_default]),
        default=next((_way(variant) for variant in variants if variant.is_default), None),
        past=past.asked(
            path for variant in variants for content in variant.contents.all() for path in content.reads
        ),
    )


def salt(campaign_salt: int, purpose: str) -> int:
    """Return the salt for one purpose: who is in the control group says nothing about who gets which variant."""
    digest = blake2b(f"{purpose}:{campaign_salt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1  # PostgreSQL's bigint has a sign


def rule_of(variant: Variant) -> Rule | None:
    """Return the rule that decides for a variant, segments written out; None lets everybody in."""
    if variant.version.launched_at is None and variant.segment is not None:
        return segments.resolve(variant.segment.rule)
    return variant.rule


def name_of(variant: Variant) -> str:
    """Return the name of a variant's group: those for the same people and events have the same. Raises InvalidRule."""
    return _name(rule_of(variant), variant.where)


def _way(variant: Variant) -> Way:
    contents = tuple(_words(content) for content in variant.contents.all())
    return Way(variant.key, variant.weight, contents, variant.version.language)


def _words(content: Content) -> Words:
    return Words(content.pk, content.channel, content.language, tuple(content.needs))


def _groups(version: Version, variants: Sequence[Variant]) -> tuple[Group, ...]:
    asked: dict[str, tuple[Rule | None, list[Rule]]] = {}
    ways: dict[str, list[Way]] = {}
    for variant in variants:
        rule = rule_of(variant)
        name = _name(rule, variant.where)
        asked[name] = rule, variant.where
        ways.setdefault(name, []).append(_way(variant))
    made = [group(name, asked[name][0], found, where=asked[name][1]) for name, found in ways.items()]
    return tuple(made_group for made_group in made if made_group.ways)


def _name(rule: Rule | None, where: list[Rule]) -> str:
    if rule is None and not where:
        return "everyone"
    told = [rule, where] if where else rule
    return blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=6).hexdigest()


def group(name: str, rule: Rule | None, ways: Sequence[Way], *, where: Sequence[Rule] = ()) -> Group:
    """Make a group of variants; those of weight 0 get nobody and ask for nothing."""
    weighted = tuple(way for way in ways if way.weight > 0)
    total = sum(way.weight for way in weighted)
    ends = tuple(buckets.COUNT * reached // total for reached in accumulate(way.weight for way in weighted))
    return Group(name, rule, weighted, ends, filtered(where))


def filtered(where: Sequence[Rule]) -> Node | None:
    """Return filters on an event as one rule; None for none. Raises InvalidRule."""
    return schema.parse_properties({"all": list(where)}) if where else None


def choose(
    spec: Spec,
    *,
    profile_id: int,
    standing: Standing | None,
    matches: Callable[[Rule], bool],
    lacks: Callable[[Sequence[str]], Sequence[str]],
    fits: Callable[[Node], bool],
    spoken: str | None = None,
) -> Choice:
    """Return the arm of one profile. Pure; a profile once in the control group stays there.

    ``matches`` says whether a group's rule holds for the profile, ``lacks`` which of some needs it does not meet, and
    ``fits`` whether the event that set it off passes a group's filters. ``spoken`` is the profile's language: what its
    words in that language need is what counts.
    """
    tried: list[Tried] = []
    chosen = partial(Choice, is_control=_is_control(spec, profile_id, standing), spoken=spoken)
    for candidate in spec.groups:
        attempt = _try(candidate, matches, lacks, fits, spoken)
        tried.append(attempt)
        if attempt.matched and not attempt.lacks:
            way = _share(candidate, spec, profile_id, standing)
            return chosen(way=way, share=(candidate.name, way.key), reason="", lacks=(), tried=tuple(tried))
    missing = tuple(dict.fromkeys(need for attempt in tried for need in attempt.lacks))
    if spec.default:
        return chosen(way=spec.default, share=None, reason="", lacks=missing, tried=tuple(tried))
    reason = "lacks_data" if missing else "no_variant"
    return chosen(way=None, share=None, reason=reason, lacks=missing, tried=tuple(tried))


def _try(
    candidate: Group,
    matches: Callable[[Rule], bool],
    lacks: Callable[[Sequence[str]], Sequence[str]],
    fits: Callable[[Node], bool],
    spoken: str | None,
) -> Tried:
    where = candidate.where
    if (candidate.rule is not None and not matches(candidate.rule)) or (
        where is not None and not fits(where)
    ):
        return Tried(candidate.name, matched=False, where=where)
    return Tried(candidate.name, matched=True, lacks=tuple(lacks(candidate.needs(spoken))), where=where)


def fits(event: Mapping[str, Any] | None, now: datetime, where: Node) -> bool:
    """Whether an event's properties pass a group's filters; where there is no event, none are passed."""
    return event is not None and where.holds(event, now)


def seen(choice: Choice, event: Mapping[str, Any], *, now: datetime) -> dict[str, str]:
    """Return in words what the filters asked saw of the event, by property, and those of the group that took it."""
    asked = [tried.where for tried in choice.tried if tried.where is not None]
    looked_at = [part for where in asked for part in where.walk() if isinstance(part, Property)]
    saw = {f"event.{part.name}": part.seen(event, now) for part in looked_at}
    taken_by = choice.tried[-1].where if choice.share else None
    return saw | ({"because": taken_by.words()} if taken_by is not None else {})


def _is_control(spec: Spec, profile_id: int, standing: Standing | None) -> bool:
    if standing is not None:
        return standing.is_control
    if not spec.control_percent:
        return False  # the common case costs no hash
    return buckets.bucket(profile_id, spec.control_salt) < spec.control_percent * buckets.COUNT // 100


def _share(candidate: Group, spec: Spec, profile_id: int, standing: Standing | None) -> Way:
    """The variant kept from before, if the group still has it; a group's name changes with its rule, so any will do."""
    if len(candidate.ways) == 1:
        return candidate.ways[0]
    kept = standing.shares if standing else {}
    by_key = {way.key: way for way in candidate.ways}
    for key in (kept.get(candidate.name, ""), *kept.values()):
        if key in by_key:
            return by_key[key]
    return candidate.at(buckets.bucket(profile_id, spec.share_salt))
