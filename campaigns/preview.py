"""A message as one person would get it, from words saved or still being typed, by the renderer that really sends."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q

from audiences import facts as audience_facts
from audiences.attributes import STANDARD
from audiences.facts import Facts
from audiences.models import AttributeDefinition, Event, EventDefinition, Profile
from audiences.past import key as past_key
from audiences.rules import memory, sql
from audiences.segments import EVERYONE
from campaigns import arms, channels, contents, languages, launching, past, triggers
from campaigns.arms import Choice
from campaigns.blocks import reading as blocks
from campaigns.channels import Compiled, Problem
from campaigns.liquid.values import written
from campaigns.liquid.wire import Refused
from campaigns.models import BlockVersion, Content, Source, Variant, Version
from campaigns.past import Past
from campaigns.sources import gathering, paths
from campaigns.sources.gathering import Given
from tenants.models import Tenant

INERT = "#"  # where the unsubscribe link of previews and tests leads: nobody is unsubscribed by looking
FOUND_AT_MOST = 8
EVENTS_OFFERED, PROPERTIES_OFFERED = 25, 10
SOURCES_SECONDS = 12.0  # what the slowest may take, and a little
SOURCES_FRESH_FOR = timedelta(minutes=1)  # so that not every letter typed asks anew
LOOKED_AT = 50  # newest events among which one is looked for that fits
SAMPLE = {  # who a message is shown as while a tenant has nobody yet
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "city": "London",
    "country": "GB",
    "language": "en",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """What became of the words for one person. ``message`` is there unless problems or ``refused`` say why not."""

    channel: str
    to: str
    language: str = ""  # of the words shown; empty for the default one
    message: dict[str, str] | None = None
    refused: Refused | None = None
    lacks: list[str] = field(default_factory=list)  # what the words need and the person has not
    choice: Choice | None = None  # the arm they would fall to; None for the sample person
    event_seen: dict[str, str] = field(
        default_factory=dict
    )  # of the sample event, where the arm depends on it
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    sources: tuple[Given, ...] = ()  # what each gave


def of_words(
    *,
    variant: Variant,
    channel: str,
    fields: Mapping[str, Any],
    profile: Profile | None,
    now: datetime,
    language: str = "",
) -> Preview:
    """Return how words that need not be saved read for a profile, or for a sample person where there is none.

    They are shown in ``language`` (empty: the default one), be it the profile's or not.
    """
    compiled = contents.compile_fields(
        channel=channel, fields=fields, version=variant.version, language=language
    )
    content = variant.contents.filter(channel=channel, language=language).first()
    unsaved = {content.pk: compiled.needs} if content else {}
    return shown(variant, channel, compiled, profile, unsaved, now, language)


def of_saved(
    *, variant: Variant, channel: str, profile: Profile | None, now: datetime, language: str | None = None
) -> Preview:
    """Return how a variant's saved words read, in the profile's own language if that is written and none is given.

    Raises Content.DoesNotExist if it says nothing on the channel.
    """
    language = own_language(variant, channel, profile) if language is None else language
    content = variant.contents.get(channel=channel, language=language)
    return shown(variant, channel, saved(content), profile, {}, now, language)


def saved(content: Content) -> Compiled:
    """Return a content's words as they were compiled when they were saved."""
    return Compiled(
        parts=content.parts,
        needs=content.needs,
        variables=content.reads,
        problems=[Problem(**problem) for problem in content.problems],
        sources=content.sources,
    )


def own_language(variant: Variant, channel: str, profile: Profile | None) -> str:
    """Return which language a profile gets of a variant; empty for the default one."""
    written = variant.contents.filter(channel=channel).exclude(language="")
    offered = tuple(written.values_list("language", flat=True))
    return languages.language_for(profile.language if profile else None, offered, variant.version.language)


def shown(
    variant: Variant,
    channel: str,
    compiled: Compiled,
    profile: Profile | None,
    unsaved: Mapping[int, list[str]],
    now: datetime,
    language: str,
    *,
    sample: Mapping[str, Any] = SAMPLE,
) -> Preview:
    """Return how compiled words read for a profile, or for the person of whom ``sample`` tells.

    ``unsaved`` holds needs of contents by their ids, where they are not as saved.
    """
    version = variant.version
    shared = contents.shared_context(version.campaign, tenant=version.tenant)
    spec = arms.load(version, unsaved=unsaved)
    read = past.joined(spec.past, past.asked(compiled.variables))
    seen = _facts(version, profile, spec.rules, now, read)
    event = _event(version, profile, variant.where)
    made_up = {"profile": dict(sample), "unsubscribe_url": INERT} | (
        {} if event is None else {"event": event}
    )
    person = contents.person_context(seen, unsubscribe_url=INERT, event=event) if seen else made_up
    choice = _choice(spec, seen, shared, person, event, now)
    told = partial(
        Preview,
        channel=channel,
        language=language,
        to=channels.get(channel).address(profile) if profile else str(sample["email"]),
        problems=compiled.problems,
        notes=compiled.notes,
        needs=compiled.needs,
        choice=choice,
        event_seen=arms.seen(choice, event or {}, now=now) if choice else {},
        lacks=contents.lacks(compiled.needs, shared=shared, person=person),
    )
    if compiled.problems:
        return told()
    local = now.astimezone(ZoneInfo(version.tenant.timezone))
    if compiled.sources:
        (gathered,) = gathering.gather(
            compiled.sources, [person], shared=shared, tenant=version.tenant, now=local,
            until=time.monotonic() + SOURCES_SECONDS, fresh_for=SOURCES_FRESH_FOR,
        )  # fmt: skip
        told = partial(told, sources=gathered.given)
        if gathered.why_not:
            return told(refused=Refused(gathered.why_not))
        person = person | {"source": gathered.values}
    (answer,) = contents.filled(
        channel=channel, parts=compiled.parts, people=[person], shared=shared, language=language or version.language,
        now=local,
    )  # fmt: skip
    if isinstance(answer, Refused):
        of_source = gathering.lacks_value(answer.reason)
        return told(refused=Refused(of_source) if of_source else answer)
    return told(message=answer)


def chosen(
    version: Version, profile: Profile, *, unsaved: Mapping[int, list[str]], now: datetime
) -> Choice | None:
    """Return the arm that a profile would fall to, or None if it is gone. ``unsaved`` as in ``shown``."""
    spec = arms.load(version, unsaved=unsaved)
    seen = _facts(version, profile, spec.rules, now, spec.past)
    event = _event(version, profile)
    person = contents.person_context(seen, unsubscribe_url=INERT, event=event) if seen else {}
    shared = contents.shared_context(version.campaign, tenant=version.tenant)
    return _choice(spec, seen, shared, person, event, now)


def _event(
    version: Version, profile: Profile | None, where: Sequence[dict[str, Any]] = ()
) -> dict[str, Any] | None:
    """Return what the event behind a message could bring: the person's last that fits, else anybody's, else any.

    One that passes a variant's filters comes before all that do not, so that its words fit their event.
    """
    happening = triggers.answered(version)
    if happening is None:
        return None
    heard = Event.objects.filter(name=happening.name, is_internal=happening.is_internal)
    newest = heard.order_by("-occurred_at", "-id")
    theirs = newest.filter(profile=profile)[:LOOKED_AT] if profile else []
    found = [*theirs, *newest[:LOOKED_AT]]
    fitting = [event for event in found if happening.fits(event.properties, now=event.occurred_at)]
    passes = arms.filtered(where)
    meant = (event for event in fitting if not passes or passes.holds(event.properties, event.occurred_at))
    sample = next(meant, None) or next(iter([*fitting, *found]), None)
    return sample.properties if sample else {}


def _facts(
    version: Version, profile: Profile | None, rules: list[dict[str, Any]], now: datetime, read: Past
) -> Facts | None:
    if profile is None:
        return None
    return audience_facts.load(
        tenant_id=version.tenant_id, ids=[profile.pk], rules=rules, past=read, now=now
    ).get(profile.pk)


def _choice(
    spec: arms.Spec,
    seen: Facts | None,
    shared: dict[str, Any],
    person: dict[str, Any],
    event: dict[str, Any] | None,
    now: datetime,
) -> Choice | None:
    if seen is None:
        return None
    return arms.choose(
        spec,
        profile_id=seen.id,
        standing=None,
        matches=lambda rule: memory.matches(rule, seen, now=now),
        lacks=partial(contents.lacks, shared=shared, person=person),
        fits=partial(arms.fits, event, now),
        spoken=seen.attribute("language"),
    )


def people(words: str) -> list[Profile]:
    """Return up to eight living profiles whose name, email or external id begins with the words."""
    words = words.strip()
    if not words:
        return []
    first, _, rest = words.partition(" ")
    found = Q(email__istartswith=words) | Q(external_id__istartswith=words)
    found |= Q(first_name__istartswith=words) | Q(last_name__istartswith=words)
    if rest:
        found |= Q(first_name__istartswith=first, last_name__istartswith=rest)
    return list(Profile.objects.living().filter(found).order_by("id")[:FOUND_AT_MOST])


def next_member(version: Version, *, after: int, now: datetime) -> Profile | None:
    """Return the member of the audience with the next higher id, or the first; None if it has nobody."""
    return _first_member(version, after + 1, None, now) or _first_member(version, 0, after, now)


def random_member(version: Version, *, now: datetime) -> Profile | None:
    """Return anybody of the audience. People after a gap in the ids come up more often: good enough to look at."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(id), 0) FROM audiences_profile WHERE tenant_id = %s AND merged_into_id IS NULL"
            " AND erased_at IS NULL",
            [version.tenant_id],
        )
        (last,) = cursor.fetchone()
        cursor.execute(
            "SELECT coalesce(min(id), 0) FROM audiences_profile WHERE tenant_id = %s AND merged_into_id IS NULL"
            " AND erased_at IS NULL",
            [version.tenant_id],
        )
        (first,) = cursor.fetchone()
    return next_member(version, after=random.randint(first, max(first, last)) - 1, now=now)


def _first_member(version: Version, low: int, high: int | None, now: datetime) -> Profile | None:
    rule = launching.audience_rule(version) or EVERYONE
    between = (low, high if high is not None else 2**63 - 1)
    members = sql.members(rule, tenant_id=version.tenant_id, now=now, between=between)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM ({members.sql}) m ORDER BY id LIMIT 1", members.params)
        found = cursor.fetchone()
    return Profile.objects.get(pk=found[0]) if found else None


@dataclass(frozen=True, slots=True)
class Offered:
    """A value that can be put into the words."""

    path: str
    label: str
    sample: str
    form: str = ""  # what is put in, where that is more than the value

    @property
    def insert(self) -> str:
        return self.form or f"{{{{ {self.path} }}}}"


def variables(version: Version, profile: Profile | None, *, now: datetime) -> dict[str, list[Offered]]:
    """Return what words can name, by heading, with the value each has for a profile (or the sample person)."""
    happened = _done_before()
    read = {past_key(name): frozenset({"count", "last"}) for name in happened}
    seen = _facts(version, profile, [], now, read)
    values = audience_facts.liquid(seen) if seen else SAMPLE
    shared = contents.shared_context(version.campaign, tenant=version.tenant)
    event = _event(version, profile)
    offered = (
        {} if event is None else {"Event": [_offered("event", name, "", event) for name in _named(version)]}
    )
    return offered | {
        "Person": _of_person(values),
        "Past events": [
            one for name, properties in happened.items() for one in _of_past(name, properties, values)
        ],
        "Campaign": [_offered("campaign", "name", "Name", shared["campaign"])],
        "Brand": _of_brand(shared["brand"]),
        **_of_blocks(),
        **_of_sources(),
    }


def offered_anywhere(tenant: Tenant) -> dict[str, list[Offered]]:
    """Return what words can name that belong to no campaign, by heading, with the sample person's values."""
    return {
        "Person": _of_person(SAMPLE),
        "Brand": _of_brand(contents.brand(tenant)),
        **_of_blocks(),
        **_of_sources(),
    }


def _of_person(values: Mapping[str, Any]) -> list[Offered]:
    custom = (
        AttributeDefinition.objects.exclude(name__in=STANDARD).order_by("name").values_list("name", "label")
    )
    standard = [
        (name, entry.label) for name, entry in STANDARD.items() if name not in ("latitude", "longitude")
    ]
    return [_offered("profile", name, label, values) for name, label in [*standard, *custom]]


def _of_brand(values: Mapping[str, Any]) -> list[Offered]:
    return [_offered("brand", name, name.replace("_", " ").capitalize(), values) for name in values]


def _of_blocks() -> dict[str, list[Offered]]:
    """Return what renders each block, with what it takes to be filled in."""
    found = [
        Offered(
            "",
            version.block.name,
            f"takes {', '.join(version.takes)}" if version.takes else "",
            _rendering(version),
        )
        for version in blocks.newest()
    ]
    return {"Blocks": sorted(found, key=lambda one: one.label)} if found else {}


def _rendering(version: BlockVersion) -> str:
    given = "".join(f', {name}: ""' for name in version.takes)
    return f'{{% render "{version.block.name}"{given} %}}'


def _of_sources() -> dict[str, list[Offered]]:
    """Return what each source's answers hold, by heading; a name alone where none has come yet."""
    return {
        f"Source {source.name}": [
            Offered(one.path, one.label, one.sample, one.insert) for one in paths.of(source)
        ]
        or [Offered(f"source.{source.name}", "Its answer", "not asked yet")]
        for source in Source.objects.order_by("name")
    }


def _done_before() -> dict[str, list[str]]:
    """Return the tenant's events with their properties; of events that are the same in snake case the oldest."""
    known = EventDefinition.objects.filter(is_internal=False).order_by("id")
    by_key: dict[str, tuple[str, list[str]]] = {}
    for name, properties in known.values_list("name", "properties")[:EVENTS_OFFERED]:
        by_key.setdefault(past_key(name), (name, sorted(properties)[:PROPERTIES_OFFERED]))
    return dict(sorted(by_key.values()))


def _of_past(name: str, properties: list[str], values: Mapping[str, Any]) -> list[Offered]:
    said = {"count": "how often", "last_at": "last time", "first_at": "first time"}
    said |= {f"last.{each}": f"last {each}" for each in properties}
    return [
        _offered("profile", f"events.{past_key(name)}.{path}", f"{name}: {words}", values)
        for path, words in said.items()
    ]


def _named(version: Version) -> list[str]:
    """Return the properties that events of that name have come with."""
    happening = triggers.answered(version)
    known = EventDefinition.objects.filter(name=happening.name).first() if happening else None
    return sorted(known.properties) if known else []


def _offered(root: str, name: str, label: str, values: Mapping[str, Any]) -> Offered:
    value: Any = values
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return Offered(written([root, *name.split(".")]), label or name, "" if value is None else str(value)[:60])


def names(offered: Mapping[str, list[Offered]]) -> dict[str, list[str]]:
    """Return what can be completed after each path, for the code editor: ``profile`` -> its attributes."""
    found: dict[str, list[str]] = {"unsubscribe_url": []}
    for value in (value for values in offered.values() for value in values if value.path):
        root, *rest = value.path.split(".")
        for part in rest:
            known = found.setdefault(root, [])
            if part not in known:
                known.append(part)
            root = f"{root}.{part}"
    return found
