"""The people with whom a campaign's words come out worst, found in its audience, to be looked at side by side.

Each is found by one statement, among everybody or, where there are many, among a part of them drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from audiences import samples, segments
from audiences.models import Profile
from campaigns import arms, channels, languages, launching, preview
from campaigns.arms import Group, Rule, Spec, Way
from campaigns.channels import Compiled
from campaigns.labels import labels
from campaigns.liquid.values import parsed
from campaigns.models import Variant, Version
from campaigns.preview import SAMPLE, Preview
from campaigns.reach import Judge
from campaigns.speakers import Speakers, spoken

PATIENCE = timedelta(seconds=5)
MOST_LACKED = 6  # needs with a card of their own

LONG = {"first_name": "Maximiliana-Alexandrina", "last_name": "Featherstonehaugh-Cholmondeley"}
SHORT = {"first_name": "Y", "last_name": "O"}
RIGHT_TO_LEFT = {
    "first_name": "ليلى",
    "last_name": "الحسن",
    "city": "القاهرة",
    "country": "EG",
    "language": "ar",
}

_NAME = "btrim(concat_ws(' ', p.first_name, p.last_name))"
_LETTERS = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"  # Hebrew, Arabic, Syriac, Thaana, N'Ko and their forms

Condition = Callable[["_Asked"], str]
"""Writes what somebody has to be like; conditions and their order keep their parameters in the judge of the asked."""


@dataclass(frozen=True, slots=True)
class Case:
    """One reason to look at somebody. ``variant`` or ``language`` is what they are shown, whatever they would get."""

    key: str
    title: str
    condition: Condition
    order: str = "p.id"
    invented: Mapping[str, Any] = field(default_factory=dict)  # about whoever is shown if there is nobody
    lacks: str = ""  # a need
    variant: str = ""
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Typed:
    """The words in the editor's form; those of all other contents are as saved."""

    variant: Variant
    channel: str
    language: str
    compiled: Compiled

    @property
    def version(self) -> Version:
        return self.variant.version

    @property
    def unsaved(self) -> dict[int, list[str]]:
        content = self.variant.contents.filter(channel=self.channel, language=self.language).first()
        return {content.pk: self.compiled.needs} if content else {}

    def is_of(self, variant: Variant, language: str) -> bool:
        return (variant.pk, language) == (self.variant.pk, self.language)


@dataclass(frozen=True, slots=True)
class Shown:
    """What came out for one case. ``preview`` is None if they get nothing; ``person`` None: invented."""

    case: Case
    person: Profile | None
    invented: Mapping[str, Any]
    variant: Variant | None = None
    language: str = ""
    preview: Preview | None = None
    is_of_part: bool = False  # looked for among a part of the people only
    took_too_long: bool = False  # so nobody was found, though there may be somebody


def cases(typed: Typed) -> list[Case]:
    """Return whom to look at, in order; reads no profiles."""
    spec = arms.load(typed.version, unsaved=typed.unsaved)
    return [*_names(), *_lacking(spec), *_languages(spec, typed), *_variants(spec, typed.version)]


def _names() -> Iterator[Case]:
    yield Case(
        "longest", "The longest name", lambda asked: f"{_NAME} <> ''", f"length({_NAME}) DESC, p.id", LONG
    )
    yield Case(
        "shortest",
        "The shortest name",
        lambda asked: r"p.first_name ~ '\S'",
        f"length(btrim(p.first_name)), length({_NAME}), p.id",
        SHORT,
    )


def _lacking(spec: Spec) -> Iterator[Case]:
    """Who comes to a group and lacks something its words need, as far as profiles have it."""
    first: dict[str, Group] = {}
    for group in spec.groups:
        for need in group.all_needs:
            first.setdefault(need, group)
    of_profiles = {need: group for need, group in first.items() if parsed(need)[0] == "profile"}
    called = labels(of_profiles)
    for number, (need, group) in enumerate(list(of_profiles.items())[:MOST_LACKED], 1):
        yield Case(f"lacks-{number}", f"Lacks {called[need]}", _lacks(need, group), lacks=need)


def _lacks(need: str, group: Group) -> Condition:
    def condition(asked: _Asked) -> str:
        kinds = asked.judge.speakers.needs([group]).get(need, [])
        before = asked.spec.groups[: asked.spec.groups.index(group)]
        conditions = [f"NOT {asked.judge.has_if_asked(need, kinds)}", asked.judge.fits(group)]
        conditions += [f"NOT ({asked.judge.takes(each)})" for each in before if each.where is None]
        return " AND ".join(conditions)

    return condition


def _languages(spec: Spec, typed: Typed) -> Iterator[Case]:
    tags = {words.language for way in spec.ways for words in way.contents} if spec.is_translated else set()
    for tag in sorted(tags, key=lambda tag: tag and languages.name(tag)):
        read = tag or typed.version.language
        from_the_right = ", from right to left" if languages.is_right_to_left(read) else ""
        yield Case(
            f"language-{read.lower()}",
            f"Reads {languages.name(read)}{from_the_right}",
            _reads(tag, typed.channel),
            invented=(RIGHT_TO_LEFT if from_the_right else {}) | {"language": read},
            language=tag,
        )
    if not any(languages.is_right_to_left(tag) for tag in [*tags, typed.version.language]):
        order = f"(concat_ws(' ', p.first_name, p.last_name) ~ '{_LETTERS}') DESC, p.id"
        yield Case("right-to-left", "Writes from right to left", _from_the_right, order, RIGHT_TO_LEFT)


def _reads(tag: str, channel: str) -> Condition:
    def condition(asked: _Asked) -> str:
        speakers = asked.judge.speakers
        kinds = {kind for way in asked.spec.ways for kind in speakers.reading(way, channel, tag)}
        return f"{asked.judge.speaks()} IN ({', '.join(map(str, sorted(kinds))) or 'NULL'})"

    return condition


def _from_the_right(asked: _Asked) -> str:
    judge = asked.judge
    heard = spoken(asked.rule, tenant_id=judge.tenant_id, now=judge.now, ids=judge.ids, patience=PATIENCE)
    tags = [tag for tag in heard if languages.is_right_to_left(tag)]
    spoken_so = f"p.language = ANY({judge.value(tags)}::text[])"
    return f"({spoken_so} OR concat_ws(' ', p.first_name, p.last_name) ~ '{_LETTERS}')"


def _variants(spec: Spec, version: Version) -> Iterator[Case]:
    if len(spec.ways) < 2:
        return
    names = dict(version.variants.values_list("key", "name"))
    for way in spec.ways:
        what = "Gets the default variant" if way is spec.default else f"Gets variant {names[way.key]}"
        yield Case(f"variant-{way.key}", what, _gets(way), variant=way.key)


def _gets(way: Way) -> Condition:
    def condition(asked: _Asked) -> str:
        for group in asked.spec.groups:
            if group.where is not None and way in group.ways:
                return asked.judge.takes(group)  # the event will say whether they get it
        return f"{asked.judge.arm(asked.spec)} = {asked.spec.ways.index(way)}"

    return condition


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a condition is written with."""

    judge: Judge
    spec: Spec
    rule: Rule  # of the audience, a resolved one


def show(case: Case, typed: Typed, *, now: datetime) -> Shown:
    """Find whom a case is about, or invent somebody, and fill the words they get. Raises as segments.resolve."""
    person, is_of_part, took_too_long = None, False, False
    try:
        person, is_of_part = _find(case, typed, now)
    except segments.TooSlow:
        took_too_long = True
    invented = {
        name: value for name, value in {**SAMPLE, **case.invented}.items() if f"profile.{name}" != case.lacks
    }
    told = Shown(case, person, {} if person else invented, is_of_part=is_of_part, took_too_long=took_too_long)
    variant, language = _words_for(case, person, invented, typed, now)
    if variant is None:
        return told
    content = variant.contents.filter(channel=typed.channel, language=language).first()
    if content is None:
        return told
    compiled = typed.compiled if typed.is_of(variant, language) else preview.saved(content)
    filled = preview.shown(
        variant, typed.channel, compiled, person, typed.unsaved, now, language, sample=invented
    )
    return replace(told, variant=variant, language=language, preview=filled)


def _words_for(
    case: Case, person: Profile | None, invented: Mapping[str, Any], typed: Typed, now: datetime
) -> tuple[Variant | None, str]:
    """The variant and the language that somebody is shown."""
    variants = {variant.key: variant for variant in typed.version.variants.order_by("position", "id")}
    for variant in variants.values():
        variant.version = typed.version
    if case.variant:
        key = case.variant
    elif person:
        choice = preview.chosen(typed.version, person, unsaved=typed.unsaved, now=now)
        key = choice.way.key if choice and choice.way else ""
    elif case.lacks:
        key = next((variant.key for variant in variants.values() if variant.is_default), "")
    else:
        key = typed.variant.key
    found = variants.get(key)
    if found is None or case.language is not None:
        return found, case.language or ""
    offered = (
        found.contents.filter(channel=typed.channel).exclude(language="").values_list("language", flat=True)
    )
    speaks = person.language if person else invented.get("language")
    return found, languages.language_for(speaks, tuple(offered), typed.version.language)


def _find(case: Case, typed: Typed, now: datetime) -> tuple[Profile | None, bool]:
    """The first of the audience whom a case is about and who would get a message; whether only a part was asked.

    Raises segments.TooSlow.
    """
    version = typed.version
    question = launching.question(version, now=now)
    if question is None:
        return None, False
    spec = arms.load(version, unsaved=typed.unsaved)
    part = samples.of(version.tenant_id)
    speakers = Speakers.among(
        spec, question["rule"], tenant_id=version.tenant_id, now=now, ids=part.ids, patience=PATIENCE
    )
    judge = Judge(
        tenant_id=version.tenant_id, shared=question["shared"], now=now, speakers=speakers, ids=part.ids
    )
    reachable = channels.get(typed.channel).reachable_sql("p", is_marketing=question["is_marketing"])
    conditions = [
        f"p.tenant_id = {judge.value(version.tenant_id)}",
        judge.is_meant(question["rule"]),
        reachable,
        f"NOT {judge.control(spec)}",
        case.condition(_Asked(judge, spec, question["rule"])),
    ]
    # MATERIALIZED: sorted once they are found, not looked for in the order of their ids.
    statement = f"""
WITH p AS MATERIALIZED (
    SELECT p.id, p.first_name, p.last_name FROM audiences_profile p WHERE {" AND ".join(conditions)}
)
SELECT p.id FROM p ORDER BY {case.order} LIMIT 1"""
    with segments.patiently(PATIENCE) as cursor:
        cursor.execute(statement, judge.params)
        found = cursor.fetchone()
    return (Profile.objects.get(pk=found[0]) if found else None), not part.is_whole
