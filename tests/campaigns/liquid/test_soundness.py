"""Whoever has all that a template needs is never refused for a missing value."""

from datetime import UTC, datetime

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from campaigns.liquid.evaluate import Refusal
from campaigns.liquid.needs import check
from campaigns.liquid.program import Program
from campaigns.liquid.values import parsed, unmet
from campaigns.liquid.wire import Source
from tests.campaigns.liquid.grammar import Grammar

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def supply(need, data):
    *start, last = parsed(need)
    for key in start:
        if not isinstance(data.get(key), dict):
            data[key] = {}
        data = data[key]
    data[last] = "one"


@settings(max_examples=500)
@given(st.integers(0, 2**40))
def test_who_has_all_needs_is_never_refused_for_a_missing_value(seed):
    grammar = Grammar(seed)
    text, person = grammar.template(), grammar.person()
    checked = check(Source(text))
    assume(not checked.errors)
    for need in unmet(checked.needs, person):
        supply(need, person)
    try:
        Program(Source(text)).fill(person, NOW)
    except Refusal as refusal:
        assert "has no value" not in refusal.reason, (text, person, refusal.reason, checked.needs)
