"""docs/liquid.md: what it shows is what happens."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaigns.liquid.environments import FILTERS, TAGS
from campaigns.liquid.needs import check
from campaigns.liquid.program import Program
from campaigns.liquid.wire import Source

GUIDE = (Path(__file__).parents[3] / "docs" / "liquid.md").read_text()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPACES = str.maketrans("\u00a0\u202f", "  ")


def rows(chapter):
    """Return the cells of a chapter's tables, without their heads."""
    text = GUIDE.partition(f"## {chapter}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|") and "---" not in line]
    cells = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines
    ]
    return cells[1:]


def code(cell):
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("row", rows("Money, numbers, lists and dates"), ids=lambda row: row[0])
def test_values_are_written_as_it_shows(row):
    words, english, german = row
    for language, written in (("en", english), ("de", german)):
        data = {"language": language, "brand": {"currency": "EUR"}}
        assert Program(Source(code(words)[0], "text")).fill(data, NOW).translate(SPACES) == written


@pytest.mark.parametrize("row", rows("What a message needs"), ids=lambda row: row[0])
def test_words_need_what_it_says(row):
    words, needs = row
    checked = check(Source(code(words)[0]))
    assert (checked.errors, checked.needs) == ([], code(needs))


@pytest.mark.parametrize("row", rows("Templates from Braze"), ids=lambda row: row[0])
def test_other_spellings_are_read_as_it_says(row):
    theirs, ours = code(row[0]), [part for part in code(row[1]) if "{{" in part]
    read = [check(Source(each)).variables for each in theirs]
    assert [check(Source(each)).variables for each in ours][: len(read)] == read[: len(ours)]


def test_every_tag_and_filter_is_named():
    chapter = GUIDE.partition("## Tags and filters")[2]
    named = set(re.findall(r"`([\w#]+)`", chapter)) | set(re.findall(r"\| (\w+)", GUIDE.replace("\\|", "|")))
    assert {*FILTERS, *TAGS} - {"content", "illegal", "output"} <= named


def test_every_block_of_liquid_can_be_read():
    blocks = re.findall(r"```liquid\n(.*?)```", GUIDE, re.DOTALL)
    assert blocks
    for block in blocks:
        assert check(Source(block)).errors == []
