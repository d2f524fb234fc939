"""Texts to translators and back: nothing is lost on the way, and what does not fit is refused as a whole."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from io import BytesIO, StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import channels, translating
from campaigns.models import Campaign, Content, Version
from campaigns.texts import codes, exchange, sheet, xliff
from campaigns.texts.exchange import File, Mismatch, Row
from campaigns.texts.sheet import Unreadable
from tenants.models import User
from tests.campaigns.conftest import add, url, words, write

BODY = """<html><head><title>News</title><style>p { color: red }</style></head><body>
<p>Hello {{ profile.first_name | default: "friend" }}, <b>read</b> <a href="https://shop.test/?a=1&amp;b=2">this</a>.</p>
<img src="x.png" alt="A red shoe"><p>{% if profile.city %}See you in {{ profile.city }}{% endif %}</p>
</body></html>"""
FRAGMENTS = [
    "<p>", "</p>", "<b>", "</b>", "<br>", '<img alt="A shoe">', "<a title='It''s' href=\"x\">", "</a>", "<!-- no -->",
    "<!DOCTYPE html>", "<style>b {}</style>", "<mj-text>", "</mj-text>", '<mj-image alt="{{ x }} here" />', "<", ">",
    '"', "{{ profile.x }}", '{{ x | default: "you" }}', "{{ x | default: 'y>u' }}", "{% if a %}", "{% else %}",
    "{% endif %}", "{% comment %}no <p>{% endcomment %}", "{% raw %}{{ no }}{% endraw %}", "{{", "%}", " ", "\n",
    "\n\n", "\r\n", "\r", "\t", "=1", "'", "''=", ",", ";", "\x0b", "\ufffe", "\ue000", "U+000B", "U+0055", "Hello",
    "ñ", "عربي", "&amp;", "]]>",
]  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=14).map("".join)
storable = texts.map(lambda text: re.sub("[\x00\ud800-\udfff]", "", text))
FORMS = {
    "csv": lambda file: sheet.read(BytesIO(sheet.write(file))),
    "xliff": lambda file: xliff.read(xliff.write(file)),
}


@given(storable)
def test_a_text_is_the_sum_of_its_pieces(text: str) -> None:
    assert "".join(piece.text for piece in codes.pieces(text)) == text
    assert codes.difference(text, text) == ""


@given(storable, storable, storable)
def test_a_mail_is_put_together_as_it_was(subject: str, body: str, text: str) -> None:
    channel, fields = channels.get("email"), words(body, subject=subject, text=text)
    found = channel.texts(fields)
    assert len({text.key for text in found}) == len(found)
    assert channel.translated(fields, {}) == fields
    assert channel.translated(fields, {text.key: text.text for text in found}) == fields


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(rows=st.lists(st.tuples(storable, storable), min_size=1, max_size=4))
def test_a_file_says_what_was_written_to_it(form: str, rows: list[tuple[str, str]]) -> None:
    """The target has the source's codes here, as every target has that is exported."""
    made = [Row(f"a/email/body.{n}", "", source, source) for n, (source, _) in enumerate(rows)]
    made += [Row(f"a/email/text.{n}", "", source, "") for n, (_, source) in enumerate(rows)]
    file = File("0" * 8 + "-0000-0000-0000-" + "0" * 12, 3, "pt-BR", made, "en")
    back = FORMS[form](file)
    assert back.rows == file.rows
    assert back[:3] == file[:3]


def test_what_translators_see_of_a_mail() -> None:
    found = channels.get("email").texts(words(BODY, subject="{{ profile.first_name }}!", preheader="Look"))
    assert [(text.of, text.text) for text in found] == [
        ("preheader", "Look"),
        ("title", "News"),
        (
            "p",
            'Hello {{ profile.first_name | default: "friend" }}, <b>read</b> '
            '<a href="https://shop.test/?a=1&amp;b=2">this</a>.',
        ),
        ("body", '<img src="x.png" alt="A red shoe">'),
        ("p", "{% if profile.city %}See you in {{ profile.city }}{% endif %}"),
    ]
    assert [piece.text for piece in codes.pieces(found[2].text) if not piece.is_code] == [
        "Hello ", "friend", ", ", "read", " ", "this", ".",
    ]  # fmt: skip


@pytest.fixture
def draft(campaign: Campaign, owner: User) -> Version:
    """Two variants with every kind of text."""
    version = campaign.versions.get()
    write(
        version.variants.get(),
        owner,
        BODY,
        subject="{{ profile.first_name | default: 'Dear' }}, look",
        text="Hi\n\nBye",
    )
    add(version, owner, "<p>Other words</p>")
    version.refresh_from_db()
    return version


def through(form: str, version: Version, language: str = "pt") -> File:
    return FORMS[form](exchange.export(version, language))


def with_targets(file: File, target: Callable[[str], str]) -> File:
    return file._replace(rows=[row._replace(target=target(row.source)) for row in file.rows])


def shouted(source: str) -> str:
    """A translation: every word in capitals, every code as it was."""
    return "".join(piece.text if piece.is_code else piece.text.upper() for piece in codes.pieces(source))


def contents_in(version: Version, language: str) -> list[Content]:
    return list(Content.objects.filter(variant__version=version, language=language).order_by("variant__key"))


@pytest.mark.parametrize("form", FORMS)
def test_export_then_import_changes_nothing(form: str, draft: Version, owner: User) -> None:
    assert exchange.changes(draft, through(form, draft)) == []
    exchange.store(draft, with_targets(through(form, draft), shouted), actor=owner)
    before = [content.fields for content in contents_in(draft, "pt")]
    assert exchange.store(draft, through(form, draft), actor=owner) == []
    assert [content.fields for content in contents_in(draft, "pt")] == before


@pytest.mark.parametrize("form", FORMS)
def test_with_each_target_its_source_the_words_are_the_default_ones(
    form: str, draft: Version, owner: User
) -> None:
    exchange.store(draft, with_targets(through(form, draft), lambda source: source), actor=owner)
    default, other = contents_in(draft, ""), contents_in(draft, "pt")
    assert [content.fields for content in other] == [content.fields for content in default]
    assert [content.needs for content in other] == [content.needs for content in default]


@pytest.mark.parametrize("form", FORMS)
def test_a_translation_takes_the_place_of_each_text(form: str, draft: Version, owner: User) -> None:
    changes = exchange.store(draft, with_targets(through(form, draft), shouted), actor=owner)
    assert [(change.variant.key, change.is_new, change.untranslated) for change in changes] == [
        ("a", True, 0),
        ("b", True, 0),
    ]
    first, second = contents_in(draft, "pt")
    assert first.fields["subject"] == "{{ profile.first_name | default: 'DEAR' }}, LOOK"
    assert '<b>READ</b> <a href="https://shop.test/?a=1&amp;b=2">THIS</a>' in first.fields["body"]
    assert 'alt="A RED SHOE"' in first.fields["body"]
    assert first.fields["text"] == "HI\n\nBYE"
    assert second.fields["body"] == "<p>OTHER WORDS</p>"
    assert first.needs == contents_in(draft, "")[0].needs
    again = through(form, draft)
    assert all(row.target for row in again.rows)


def test_what_is_not_translated_stays(draft: Version, owner: User) -> None:
    """Neither an empty target nor a missing row takes away what was there."""
    exchange.store(draft, with_targets(exchange.export(draft, "pt"), shouted), actor=owner)
    file = exchange.export(draft, "pt")
    rows = [row._replace(target="Olha!" if row.unit == "a/email/subject" else "") for row in file.rows[:3]]
    rows[0] = rows[0]._replace(target="{{ profile.first_name | default: 'Caro' }}, olha")
    (change,) = exchange.store(draft, file._replace(rows=rows), actor=owner)
    assert [new for _, _, new in change.texts] == ["{{ profile.first_name | default: 'Caro' }}, olha"]
    assert "<b>READ</b>" in contents_in(draft, "pt")[0].fields["body"]


def test_words_laid_out_otherwise_are_told(draft: Version, owner: User) -> None:
    translating.begin(variant=draft.variants.get(key="b"), language="pt", actor=owner)
    write(draft.variants.get(key="b"), owner, "<div>Outras</div><p>palavras</p>", language="pt")
    file = exchange.export(draft, "pt")
    rows = [row._replace(target="Outras palavras") for row in file.rows if row.unit == "b/email/body.1"]
    (change,) = exchange.changes(draft, file._replace(rows=rows))
    assert (change.is_new, change.is_laid_out_anew) == (False, True)
    assert change.fields["body"] == "<p>Outras palavras</p>"


def spoiled(name: str) -> Callable[[File], File]:
    """A change to the first row."""

    def spoil(file: File) -> File:
        first, *rest = file.rows
        subject = first.source
        spoils: dict[str, File] = {
            "campaign": file._replace(campaign="0" * 36),
            "version": file._replace(version=2),
            "language": file._replace(language="??"),
            "default": file._replace(language="en"),
            "source": file._replace(rows=[first._replace(source="Something else"), *rest]),
            "unit": file._replace(rows=[first._replace(unit="a/email/body.99"), *rest]),
            "twice": file._replace(rows=[first, first, *rest]),
            "lost": file._replace(rows=[first._replace(target="Olha"), *rest]),
            "invented": file._replace(rows=[first._replace(target=subject + "{{ profile.plan }}"), *rest]),
            "changed": file._replace(rows=[first._replace(target=subject.replace("first_", "last_")), *rest]),
            "broken": file._replace(rows=[first._replace(target=subject.replace("Dear", "O'Dear")), *rest]),
            "markup": file._replace(rows=[first._replace(target=subject + "<script>"), *rest]),
            "letters": file._replace(rows=[first._replace(target=subject + "\ufffd"), *rest]),
            "long": file._replace(rows=[first._replace(target=subject + "a" * 500), *rest]),
        }
        return spoils[name]

    return spoil


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("campaign", "another campaign's"),
        ("version", "texts of version 2; this is version 1"),
        ("language", "not a language tag"),
        ("default", "The default words are in English"),
        ("source", r"a/email/subject \(A: subject\): its source text has changed since"),
        ("unit", "a/email/body.99: this version has no such text"),
        ("twice", "a/email/subject .*: it is there twice"),
        ("lost", r"the translation lacks \{\{ profile.first_name \| default: '"),
        ("invented", r"the translation has \{\{ profile.plan \}\}, which the source has not"),
        ("changed", r"the translation lacks \{\{ profile.first_name"),
        ("broken", "the translation lacks"),
        ("markup", "has <script>, which the source has not"),
        ("letters", "some letters cannot be read"),
        ("long", "Variant A: Subject: Ensure this value has at most 500"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_stored(
    draft: Version, owner: User, how: str, told: str
) -> None:
    """The same file unspoiled is taken, whole."""
    good = with_targets(exchange.export(draft, "pt"), shouted)
    with pytest.raises(Mismatch) as mismatch:
        exchange.store(draft, spoiled(how)(good), actor=owner)
    assert re.search(told, str(mismatch.value))
    assert contents_in(draft, "pt") == []
    exchange.store(draft, good, actor=owner)
    assert len(contents_in(draft, "pt")) == 2


def test_every_text_that_does_not_fit_is_named(draft: Version) -> None:
    file = with_targets(exchange.export(draft, "pt"), lambda source: "Olha {{ x }}")
    with pytest.raises(Mismatch) as mismatch:
        exchange.changes(draft, file)
    assert len(mismatch.value.problems) == len(file.rows)


def test_liquid_tags_keep_their_order() -> None:
    source = "{% if a %}One{% else %}Two{% endif %} {{ x }} {{ y }}"
    assert codes.difference(source, "{{ y }} {{ x }} {% if a %}Um{% else %}Dois{% endif %}") == ""
    assert "in another order" in codes.difference(
        source, "{% else %}Um{% if a %}Dois{% endif %} {{ x }}{{ y }}"
    )


XML = b'<?xml version="1.0"?>'
BAD_FILES = [
    (b"", "The submitted file is empty"),
    (b"a,b\n1,2\n", "lacks the columns campaign, version"),
    (b"<xliff", "is no XML"),
    (XML + b"<xliff/>", "no XLIFF 1.2"),
    (XML + b'<!DOCTYPE x [<!ENTITY e "e">]><xliff>&e;</xliff>', "document type or entities"),
    (XML + b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xliff/>', "document type or entities"),
]


@pytest.mark.parametrize(("data", "told"), BAD_FILES)
def test_what_is_no_file_of_ours_says_why(
    marketer: Client, campaign: Campaign, data: bytes, told: str
) -> None:
    upload = SimpleUploadedFile("pt.xlf", data)
    answer = marketer.post(url("campaign_texts", campaign), {"file": upload})
    assert answer.status_code == 422
    assert re.search(told, answer.content.decode())


def test_programs_may_leave_placeholders_empty_and_mark_words(draft: Version, owner: User) -> None:
    """What counts of a placeholder is its id."""
    data = xliff.write(with_targets(exchange.export(draft, "pt"), shouted)).decode()
    source, target = data.split("<target>", 1)
    target, rest = target.split("</target>", 1)
    bare = re.sub(r"<ph id=\"(\d+)\">[^<]*</ph>", r'<x id="\1"/>', target)
    assert bare != target
    data = f'{source}<target><mrk mtype="seg" mid="0">{bare}</mrk></target>{rest}'
    exchange.store(draft, xliff.read(data.encode()), actor=owner)
    assert contents_in(draft, "pt")[0].fields["subject"] == "{{ profile.first_name | default: 'DEAR' }}, LOOK"


def test_a_spreadsheet_may_change_delimiter_and_line_ends(draft: Version, owner: User) -> None:
    data = sheet.write(with_targets(exchange.export(draft, "pt"), shouted)).decode("utf-8-sig")
    made = StringIO(newline="")
    csv.writer(made, delimiter=";").writerows(
        [cell.replace("\n", "\r\n") for cell in row] for row in csv.reader(StringIO(data, newline=""))
    )
    exchange.store(draft, sheet.read(BytesIO(made.getvalue().encode("utf-16"))), actor=owner)
    assert contents_in(draft, "pt")[0].fields["text"] == "HI\n\nBYE"


@pytest.mark.parametrize("form", ["csv", "xlf"])
def test_from_page_to_page(marketer: Client, draft: Version, form: str) -> None:
    """Exported, translated, looked at, stored: what is looked at is not stored yet."""
    campaign = draft.campaign
    asked = {"language": "Portuguese (Brazil)", "form": form}
    out = marketer.get(url("campaign_texts_export", campaign), asked)
    assert out["Content-Disposition"] == f'attachment; filename="spring-pt-BR.{form}"'
    file = sheet.read(BytesIO(out.content)) if form == "csv" else xliff.read(out.content)
    data = (sheet if form == "csv" else xliff).write(with_targets(file, shouted))
    looked = marketer.post(url("campaign_texts", campaign), {"file": SimpleUploadedFile("back", data)})
    assert looked.status_code == 200
    assert "OTHER WORDS" in looked.content.decode()
    assert contents_in(draft, "pt-BR") == []
    again = {"again": looked.context["again"]}
    stored = marketer.post(url("campaign_texts_import", campaign), again, follow=True)
    assert "Stored in Portuguese (Brazil): A, B." in stored.content.decode()
    assert len(contents_in(draft, "pt-BR")) == 2
    assert (
        marketer.post(url("campaign_texts_import", campaign), {"again": "x"}, follow=True).status_code == 200
    )


def test_what_changed_after_it_was_looked_at_is_not_stored(
    marketer: Client, draft: Version, owner: User
) -> None:
    data = xliff.write(with_targets(exchange.export(draft, "pt"), shouted))
    looked = marketer.post(url("campaign_texts", draft.campaign), {"file": SimpleUploadedFile("back", data)})
    write(draft.variants.get(key="b"), owner, "<p>New words</p>")
    answer = marketer.post(url("campaign_texts_import", draft.campaign), {"again": looked.context["again"]})
    assert answer.status_code == 422
    assert "its source text has changed since; it reads “New words” now" in answer.content.decode()
    assert contents_in(draft, "pt") == []


def test_files_that_are_no_text_are_refused() -> None:
    with pytest.raises(Unreadable):
        sheet.read(BytesIO(b"\x00\x01"))


@pytest.mark.parametrize("version", ["two", "²", "-1", pytest.param("9" * 5_000, id="5000 digits")])
def test_a_table_of_no_version_is_refused(version: str) -> None:
    file = sheet.write(exchange.File("x", 1, "de", [Row("a", "b", "c", "d")])).replace(
        b",1,", b",%s," % version.encode()
    )
    with pytest.raises(Unreadable, match="is no version"):
        sheet.read(BytesIO(file))


def test_xliff_nested_too_deep_is_told() -> None:
    deep = "<g>" * 5_000 + "x" + "</g>" * 5_000
    original = f"tact:{'0' * 8}-0000-0000-0000-{'0' * 12}/1"
    file = (
        f'<xliff xmlns="urn:oasis:names:tc:xliff:document:1.2" version="1.2"><file original="{original}"'
        f' target-language="de"><body><trans-unit id="a"><source>{deep}</source></trans-unit></body></file></xliff>'
    )
    with pytest.raises(Unreadable, match="too deep"):
        xliff.read(file.encode())


def test_a_code_that_stands_for_no_character_is_words(marketer: Client, draft: Version) -> None:
    file = exchange.export(draft, "pt")
    row = file.rows[0]
    rows = [row._replace(target=f"{row.source}<br>"), *file.rows[1:]]
    data = xliff.write(file._replace(rows=rows)).replace(b"&lt;br&gt;</ph></target>", b"U+D800</ph></target>")
    assert b"U+D800" in data
    upload = SimpleUploadedFile("pt.xlf", data)
    answer = marketer.post(url("campaign_texts", draft.campaign), {"file": upload})
    assert answer.status_code == 200
    assert "U+D800" in answer.content.decode()
