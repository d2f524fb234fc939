"""Whoever has all that a template needs is never refused for a missing value; whoever has not is known to lack it."""

import re
from copy import deepcopy
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from campaigns.liquid.evaluate import Aborted, Refusal
from campaigns.liquid.needs import check
from campaigns.liquid.program import Program
from campaigns.liquid.values import EACH, is_hole, parsed, unmet
from campaigns.liquid.wire import Source
from tests.campaigns.liquid.grammar import Grammar

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOLE = re.compile(r"‹\s*›")


def supplied(keys, data):
    """Return the data with a value at the path."""
    if not keys:
        return "one" if is_hole(data) else data
    key, *rest = keys
    if key == EACH:
        return [supplied(rest, entry) for entry in data] if isinstance(data, list) else []
    if key in ("first", "last") or isinstance(key, int):
        at = -1 if key == "last" else 0 if key == "first" else key
        found = list(data) if isinstance(data, list) else []
        found += [None] * (at + 1 - len(found) if at >= 0 else not found)
        found[at] = supplied(rest, found[at])
        return found
    if key == "size":
        return ["one"] if is_hole(data) else data
    found = dict(data) if isinstance(data, dict) else {}
    found[key] = supplied(rest, found.get(key))
    return found


def without(keys, data):
    """Return the data without the value at the path; of every entry's, without that of one."""
    key, *rest = keys
    if key == EACH or key in ("first", "last") or isinstance(key, int):
        at = -1 if key == "last" else key if isinstance(key, int) else 0
        data[at] = without(rest, data[at]) if rest else None
    else:
        data[key] = without(rest, data[key]) if rest else None
    return data


def content(grammar):
    """A template of the grammar that has no mistakes, what it needs, and somebody who has all of it."""
    text, person = grammar.template(), grammar.person()
    checked = check(Source(text))
    assume(not checked.errors)
    for _ in range(3):  # one need's value may be in the way of another's
        for need in unmet(checked.needs, person):
            person = supplied(parsed(need), person)
    assume(not unmet(checked.needs, person))
    return text, checked.needs, person


@settings(max_examples=1_000)
@given(st.integers(0, 2**40))
def test_who_has_all_needs_gets_words_without_a_hole(seed):
    text, needs, person = content(Grammar(seed))
    try:
        filled = Program(Source(text)).fill(person, NOW)
    except Aborted:
        return
    except Refusal as refusal:
        assert "has no value" not in refusal.reason, (text, person, refusal.reason, needs)
    else:
        assert not HOLE.search(filled), (text, person, filled)


@settings(max_examples=300)
@given(st.integers(0, 2**40))
def test_who_is_without_a_need_lacks_it(seed):
    _, needs, person = content(Grammar(seed))
    for need in needs:
        try:
            poorer = without(parsed(need), deepcopy(person))
        except (KeyError, IndexError, TypeError):  # of an empty list every entry has everything
            assert EACH in need or need.endswith(".size")
            continue
        assert need in unmet(needs, poorer), (need, poorer)


@pytest.mark.parametrize(
    ("need", "data", "is_met"),
    [
        ("event.items[*].name", {"items": [{"name": "a"}, {"name": "b"}]}, True),
        ("event.items[*].name", {"items": [{"name": "a"}, {}]}, False),
        ("event.items[*].name", {"items": [{"name": "a"}, {"name": " "}]}, False),
        ("event.items[*].name", {"items": []}, True),
        ("event.items[*].name", {}, True),
        ("event.items[*]", {"items": ["a", None]}, False),
        ("event.items[*]", {"items": "a text"}, True),
        ("event.items[*].name", {"items": "a text"}, False),
        ("event.sizes[*][1]", {"sizes": {"s": 1, "m": None}}, False),
        ("event.items[*].tags[*]", {"items": [{"tags": ["x"]}, {"tags": []}, {}]}, True),
        ("event.items[*].tags[*]", {"items": [{"tags": ["x", ""]}]}, False),
        ("event.items", {"items": [None, " "]}, False),
        ("event.items", {"items": [None, 0]}, True),
    ],
)
def test_a_need_of_every_entry(need, data, is_met):
    assert (unmet([need], {"event": data}) == []) is is_met
