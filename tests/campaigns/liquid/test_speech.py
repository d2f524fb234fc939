"""Money, numbers, lists and moments are written as the reader's language does."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.liquid.evaluate import Refusal
from campaigns.liquid.needs import check
from campaigns.liquid.program import Program
from campaigns.liquid.renderer import Renderer
from campaigns.liquid.wire import Rendered, Source, Template

NOW = datetime(2026, 3, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
DATA: dict[str, Any] = {
    "profile": {"language": "de"},
    "brand": {"currency": "EUR", "language": "en"},
    "event": {
        "total": "1230.50", "share": 0.257, "items": [{"name": "Tea"}, {"name": "Jam"}, {"name": "Oil"}],
        "at": "2026-02-26T23:30:00Z", "on": "2026-03-08", "some": ["a", None, "b"], "one": ["a"],
    },
}  # fmt: skip
NBSP, THIN = "\u00a0", "\u202f"

CASES = {
    "a value as JSON": ("event.items | json", "en", '[{"name": "Tea"}, {"name": "Jam"}, {"name": "Oil"}]'),
    "a text as JSON": ("event.total | json", "en", '"1230.50"'),
    "what stands instead as JSON": ("event.none | default: 3 | json", "en", "3"),
    "money in the brand's currency": ("event.total | money", "de", f"1.230,50{NBSP}€"),
    "money in another": ("event.total | money: 'usd'", "en", "$1,230.50"),
    "a currency without cents": ("event.total | money: 'JPY'", "en", "¥1,231"),
    "money rounds halves up": ("'2.345' | money", "en", "€2.35"),
    "a number": ("event.total | number", "de", "1.230,5"),
    "a number in French": ("event.total | number", "fr", f"1{THIN}230,5"),
    "a number with decimals": ("event.total | number: 3", "en", "1,230.500"),
    "a whole number": ("event.total | number: 0", "en", "1,231"),
    "a whole number of text": ("' 12 ' | number", "en", "12"),
    "a negative number": ("-1234.5 | number: 1", "de", "-1.234,5"),
    "next to nothing is not below it": ("-0.004 | money", "en", "€0.00"),
    "nor is a number": ("-0.4 | number: 0", "en", "0"),
    "percent": ("event.share | percent", "en", "26%"),
    "percent with decimals": ("event.share | percent: 1", "de", f"25,7{NBSP}%"),
    "a list": ("event.items | map: 'name' | join_and", "en", "Tea, Jam, and Oil"),
    "a list in German": ("event.items | map: 'name' | join_and", "de", "Tea, Jam und Oil"),
    "a list to choose from": ("event.items | map: 'name' | join_or", "de", "Tea, Jam oder Oil"),
    "a list of two, for null is nobody": ("event.some | join_and", "de", "a und b"),
    "a list of one": ("event.one | join_and", "de", "a"),
    "a text is a list of one": ("'a' | join_and", "de", "a"),
    "a moment's date, in the zone": ("event.at | local_date", "de", "27.02.2026"),
    "a long date": ("event.at | local_date: 'long'", "fr", "27 février 2026"),
    "a full date": ("event.on | local_date: 'full'", "en", "Sunday, March 8, 2026"),
    "a short date": ("event.on | local_date: 'short'", "de", "08.03.26"),
    "a moment's time": ("event.at | local_time", "de", "00:30"),
    "how long ago": ("event.at | time_ago", "en", "2 days ago"),
    "how long from now": ("event.on | time_ago", "de", "in 1 Woche"),
    "names of days": ("event.at | date: '%A, %d. %B (%a %b) %%B'", "de", "Freitag, 27. Februar (Fr. Feb.) %B"),
    "an English date as ever": ("event.at | date: '%A, %d %B %Y'", "en", "Friday, 27 February 2026"),
    "a language nobody knows is English": ("event.total | money", "tlh", "€1,230.50"),
    "a country Babel does not know": ("event.total | number", "de-XX", "1.230,5"),
    "a tag that is none": ("event.total | number", "../x", "1,230.5"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "language", "written"), CASES.values(), ids=CASES.keys())
def test_it_is_written_as_the_language_does(text, language, written):
    source = Source("{{ " + text + " }}", "text")
    assert check(source).errors == []
    filled = Program(source).fill({**DATA, "language": language}, NOW)
    assert filled.replace("\u202f", THIN) == written


@pytest.mark.parametrize(
    ("more", "filled"),
    [
        ({"language": "fr"}, "1,5"),  # the words' own
        ({}, "1,5"),  # the person's: German
        ({"profile": {}}, "1.5"),  # the brand's: English
        ({"profile": {}, "brand": {}}, "1.5"),
    ],
)
def test_the_language_is_the_words_else_the_persons_else_the_brands(more, filled):
    assert Program(Source("{{ 1.5 | number }}", "text")).fill(DATA | more, NOW) == filled


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("'abc' | money", "“abc” is no number"),
        ("'1,5' | money", "“1,5” is no number"),
        ("'1e9' | number", "“1e9” is no number"),
        ("true | number", "“True” is no number"),
        ("event.items | number", "is no number"),
        ("5 | money: 'EURO'", "“EURO” is no currency"),
        ("5 | number: 99", "there are 0 to 10 decimals"),
        ("'soon' | local_date", "“soon” is no date"),
        ("event.at | local_date: 'huge'", "it is written short, medium, long or full"),
        ("'soon' | time_ago", "“soon” is no date"),
    ],
)
def test_what_is_no_such_value_refuses_its_person_and_says_why(text, said):
    with pytest.raises(Refusal, match="cannot be used on this value") as refused:
        Program(Source("{{ " + text + " }}")).fill(DATA, NOW)
    assert said in refused.value.reason


def test_what_is_written_is_escaped_like_anything_else():
    source = Source("{{ event.names | join_and }}")
    assert Program(source).fill({"event": {"names": ["<b>", "x"]}}, NOW) == "&lt;b&gt; and x"


def test_the_renderer_speaks_each_persons_language():
    renderer = Renderer()
    template = Template({"a": Source("{{ 1234.5 | money }}", "text")})
    people: list[dict[str, Any]] = [{"profile": {"language": tag}} for tag in ("de", "en", "fr")]
    answers = renderer.render(
        template, people, shared={"brand": {"currency": "EUR"}}, now=NOW.astimezone(UTC)
    )
    renderer.close()
    assert [answer.parts["a"] for answer in answers if isinstance(answer, Rendered)] == [
        f"1.234,50{NBSP}€", "€1,234.50", f"1{THIN}234,50{NBSP}€",
    ]  # fmt: skip
