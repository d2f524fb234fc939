"""A draft's languages: which variants are written in which, one begun from the default words, one taken away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from audiences import segments
from campaigns import contents, languages, launching, speakers, versions
from campaigns.drafts import Refused
from campaigns.models import Content, Variant, Version
from tenants.models import User

MOST_LANGUAGES = 60
SHOWN = 15  # languages of an audience
SUGGESTED = 6


@dataclass(frozen=True, slots=True)
class Gets:
    """What people of a language get of a variant."""

    name: str
    fit: str  # "own" language, one that is "close" and will do, or "another"


@dataclass(frozen=True, slots=True)
class Readers:
    """People of one language, and what they get of each variant in order."""

    tag: str  # empty: theirs is not known
    people: int
    gets: list[Gets]

    @property
    def name(self) -> str:
        return languages.name(self.tag) if self.tag else "Not known"

    @property
    def is_served(self) -> bool:
        """Whether every variant has words for them that are theirs, or will do."""
        return all(each.fit != "another" for each in self.gets)


@dataclass(frozen=True, slots=True)
class Standing:
    """The languages of a draft's audience, the most spoken first, those that nobody speaks but are written last."""

    variants: list[Variant]
    readers: list[Readers]
    more: int  # languages beyond those shown
    unserved: int  # people of the audience for whom some variant has no language that will do

    @property
    def is_translated(self) -> bool:
        return bool(contents.languages_of(self.variants))

    @property
    def suggested(self) -> list[Readers]:
        """Those worth writing in: spoken, and nothing that will do is written yet."""
        return [each for each in self.readers if each.tag and each.people and not each.is_served][:SUGGESTED]


def standing(version: Version, *, now: datetime) -> Standing:
    """Return which languages a draft's audience speaks and what each gets. One statement over the audience.

    Raises segments.TooSlow, and as segments.resolve does.
    """
    variants = list(version.variants.prefetch_related("contents").order_by("position", "id"))
    rule = launching.audience_rule(version)
    heard = {}
    if rule is not None:
        heard = speakers.spoken(rule, tenant_id=version.tenant_id, now=now, patience=segments.PATIENCE)
    silent = {tag: 0 for tag in (version.language, *contents.languages_of(variants)) if tag not in heard}
    found = [_readers(tag, people, variants, version) for tag, people in (heard | silent).items()]
    return Standing(
        variants=variants,
        readers=[each for at, each in enumerate(found) if at < SHOWN or not each.people],
        more=max(0, sum(each.people > 0 for each in found) - SHOWN),
        unserved=sum(each.people for each in found if each.tag and not each.is_served),
    )


def _readers(tag: str, people: int, variants: list[Variant], version: Version) -> Readers:
    return Readers(tag, people, [_gets(tag, contents.languages_of([each]), version) for each in variants])


def _gets(tag: str, offered: tuple[str, ...], version: Version) -> Gets:
    gets = languages.language_for(tag, offered, version.language) or version.language
    fit = "own" if gets == tag else "close" if gets in languages.chain(tag) else "another"
    return Gets(languages.name(gets), fit)


@transaction.atomic
def begin(*, variant: Variant, language: str, actor: User) -> str:
    """Write a variant in another language, beginning with its default words; return the tag as it is written.

    Raises Refused, languages.NotALanguage, and versions.Frozen.
    """
    tag = languages.normal(language)
    version = versions.editable(variant.version)
    variant = version.variants.get(pk=variant.pk)
    if tag == version.language:
        raise Refused(f"{languages.name(tag)} is what the default words are in.")
    check_room(variant, tag)
    there = {(content.channel, content.language) for content in variant.contents.all()}
    variant.version = version
    for content in variant.contents.filter(language=""):
        if (content.channel, tag) not in there:
            contents.begin(variant=variant, channel=content.channel, fields=content.fields, language=tag)
    versions.note(version, actor, "added language", {f"{variant.key}.language": (None, tag)})
    return tag


def check_room(variant: Variant, tag: str) -> None:
    """Raise Refused where a variant is written in as many languages as it can be, and not in this one."""
    written = contents.languages_of([variant])
    if tag and tag not in written and len(written) >= MOST_LANGUAGES:
        raise Refused(f"{MOST_LANGUAGES} languages are as many as a variant can have.")


@transaction.atomic
def remove(*, variant: Variant, language: str, actor: User) -> None:
    """Take a variant's words in a language away; who speaks it gets the next that will do. Raises versions.Frozen."""
    version = versions.editable(variant.version)
    if not language:
        raise Refused("The default words stay: they are for everybody whose language is not written.")
    gone, _ = Content.objects.filter(variant__version=version, variant=variant, language=language).delete()
    if gone:
        versions.note(version, actor, "removed language", {f"{variant.key}.language": (language, None)})


@transaction.atomic
def set_default(*, version: Version, language: str, actor: User) -> None:
    """Say what language a draft's default words are in.

    Raises Refused where a variant is written in it beside them, languages.NotALanguage, and versions.Frozen.
    """
    tag = languages.normal(language)
    version = versions.editable(version)
    if tag in contents.languages_of(version.variants.prefetch_related("contents")):
        raise Refused(
            f"A variant is written in {languages.name(tag)} beside its default words: remove that first."
        )
    old, version.language = version.language, tag
    version.save(update_fields=["language"])
    contents.compile_again(version.campaign)
    versions.note(version, actor, "set language", {"language": (old, tag)})
