"""Rules as sentences: exact enough to sign, plain enough to read aloud."""

from __future__ import annotations

from typing import Any

from audiences.rules import schema
from audiences.rules.tree import NOBODY


def sentence(rule: Any) -> str:
    """Return "everyone whose city is Paris and who …", without capital or full stop. Raises InvalidRule."""
    clause = schema.parse(rule).words()
    if clause == NOBODY:
        return "no one"
    return f"everyone {clause}".strip()


def filter_sentence(rule: Any) -> str:
    """Return "where total is greater than 50" for a filter on events; empty if it lets all pass. Raises InvalidRule."""
    clause = schema.parse_properties(rule).words()
    if clause == NOBODY:
        return "where nothing ever fits"
    return f"where {clause}" if clause else ""
