"""A draft's texts given to translators and taken back: all that fits what is written now, or nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.text import normalize_newlines

from campaigns import channels, contents, languages, versions
from campaigns.channels import Text
from campaigns.models import Content, Variant, Version
from campaigns.texts import codes
from tenants.models import User


class Row(NamedTuple):
    """One text; an empty target is not translated yet."""

    unit: str  # variant, channel and the text's key there
    context: str
    source: str
    target: str


class File(NamedTuple):
    """What a translator gets, in whatever form: a version's texts on their way into one language."""

    campaign: str  # its public id
    version: int
    language: str
    rows: list[Row]
    source_language: str = ""


class Mismatch(Exception):
    """A file that does not fit the draft: nothing of it is stored. ``problems`` names each text and says why."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Unit:
    """A text of a draft, and what it says in the other language so far."""

    name: str
    variant: Variant
    content: Content  # the default words that it is of
    text: Text
    current: str  # empty: not translated


@dataclass(frozen=True, slots=True)
class Change:
    """What a file makes of one variant's words."""

    variant: Variant
    channel: str
    fields: dict[str, Any]
    texts: list[tuple[str, str, str]]  # what each is of, what it said, what it will say
    is_new: bool  # the variant was not written in the language
    is_laid_out_anew: bool  # its words there were laid out unlike the default ones, and will be like them
    untranslated: int  # texts that stay as in the default words


def export(version: Version, language: str) -> File:
    """Return a draft's texts with their translations so far. Raises languages.NotALanguage."""
    tag = languages.normal(language)
    rows = [
        Row(name, _context(unit), unit.text.text, unit.current) for name, unit in _units(version, tag).items()
    ]
    return File(str(version.campaign.public_id), version.number, tag, rows, version.language)


def _context(unit: Unit) -> str:
    return f"{unit.variant.name}: {unit.text.of}"


def _units(version: Version, tag: str) -> dict[str, Unit]:
    return {unit.name: unit for content in _default(version) for unit in _of(content, tag)}


def _default(version: Version) -> list[Content]:
    found = Content.objects.filter(variant__version=version, language="").select_related("variant")
    return list(found.order_by("variant__position", "variant_id", "id"))


def _of(content: Content, tag: str) -> Iterator[Unit]:
    own = _own_texts(content, _in(content, tag))
    for text in channels.get(content.channel).texts(content.fields):
        name = f"{content.variant.key}/{content.channel}/{text.key}"
        yield Unit(name, content.variant, content, text, own.get(text.key, ""))


def _in(content: Content, tag: str) -> Content | None:
    """The same variant's words on the same channel in another language."""
    return Content.objects.filter(variant=content.variant_id, channel=content.channel, language=tag).first()


def _own_texts(content: Content, other: Content | None) -> dict[str, str]:
    """What the other language's words say for each text of the default ones that they do not just repeat."""
    if other is None:
        return {}
    channel = channels.get(content.channel)
    source = {text.key: text.text for text in channel.texts(content.fields)}
    return {
        text.key: text.text
        for text in channel.texts(other.fields)
        if text.key in source
        and text.text != source[text.key]
        and not codes.difference(source[text.key], text.text)
    }


def changes(version: Version, file: File) -> list[Change]:
    """Return what a file would change; stores nothing. Raises Mismatch."""
    wrong = [*_wrong_file(version, file)]
    if wrong:
        raise Mismatch(wrong)
    units = _units(version, file.language)
    if wrong := [*_wrong_rows(file.rows, units)]:
        raise Mismatch(wrong)
    targets = {row.unit: _target(row) for row in file.rows if row.target.strip()}
    made = [change for content in _default(version) if (change := _change(content, file.language, targets))]
    if wrong := [problem for change in made for problem in _unfit(version, change, file.language)]:
        raise Mismatch(wrong)
    return made


def _wrong_file(version: Version, file: File) -> Iterator[str]:
    if file.campaign != str(version.campaign.public_id):
        yield "These are another campaign's texts."
    elif file.version != version.number:
        yield f"These are the texts of version {file.version}; this is version {version.number}: export them anew."
    try:
        tag = languages.normal(file.language)
    except languages.NotALanguage as wrong:
        yield f"The target language: {wrong}."
    else:
        if tag != file.language or tag == version.language:
            yield f"The default words are in {languages.name(tag)}: they are changed in the editor."


def _wrong_rows(rows: list[Row], units: dict[str, Unit]) -> Iterator[str]:
    seen: set[str] = set()
    for row in rows:
        unit = units.get(row.unit)
        if unit is None:
            yield f"{row.unit}: this version has no such text."
            continue
        about = f"{row.unit} ({_context(unit)})"
        if row.unit in seen:
            yield f"{about}: it is there twice."
        elif normalize_newlines(row.source) != normalize_newlines(unit.text.text):
            yield f"{about}: its source text has changed since; it reads “{_short(unit.text.text)}” now."
        elif row.target.strip() and (difference := codes.difference(unit.text.text, _target(row))):
            yield f"{about}: the translation {difference}."
        elif "\ufffd" in row.target and "\ufffd" not in row.source:
            yield f"{about}: some letters cannot be read; save the file as UTF-8."
        seen.add(row.unit)


def _target(row: Row) -> str:
    """The translation, without the line ends that a spreadsheet made of the source's."""
    return row.target if "\r\n" in row.source else normalize_newlines(row.target)


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 60 else f"{one_line[:59]}…"


def _change(content: Content, language: str, targets: dict[str, str]) -> Change | None:
    """Return what translations make of one content; None if nothing of it is translated, or nothing new."""
    channel, other = channels.get(content.channel), _in(content, language)
    units = list(_of(content, language))
    translated = {unit.text.key: targets.get(unit.name) or unit.current for unit in units}
    translated = {key: text for key, text in translated.items() if text}
    fields = channel.translated(content.fields, translated)
    if not any(unit.name in targets for unit in units) or (other and other.fields == fields):
        return None
    as_it_was = channel.translated(content.fields, _own_texts(content, other))
    return Change(
        variant=content.variant,
        channel=content.channel,
        fields=fields,
        texts=[
            (unit.text.of, unit.current or unit.text.text, targets[unit.name])
            for unit in units
            if unit.name in targets and targets[unit.name] != unit.current
        ],
        is_new=other is None,
        is_laid_out_anew=other is not None and other.fields != as_it_was,
        untranslated=sum(unit.text.key not in translated for unit in units),
    )


def _unfit(version: Version, change: Change, language: str) -> Iterator[str]:
    """What the channel says against the words as they would be."""
    form = channels.get(change.channel).form(change.fields, fields={})
    problems = [f"{form[name].label}: {error}" for name, errors in form.errors.items() for error in errors]
    compiled = contents.compile_fields(
        channel=change.channel, fields=change.fields, version=version, language=language
    )
    default = change.variant.content
    if default is None or not default.problems:
        problems += [problem.message for problem in compiled.problems]
    if change.variant.is_default and compiled.needs:
        problems.append(str(contents.DefaultNeeds(compiled.needs)))
    for problem in problems:
        yield f"Variant {change.variant.name}: {problem}"


@transaction.atomic
def store(version: Version, file: File, *, actor: User) -> list[Change]:
    """Store what a file changes, all or nothing, and return it. Raises Mismatch, and versions.Frozen."""
    version = versions.editable(version)
    made = changes(version, file)
    for change in made:
        contents.save(
            variant=version.variants.get(pk=change.variant.pk),
            channel=change.channel,
            language=file.language,
            fields=change.fields,
            actor=actor,
        )
    return made
