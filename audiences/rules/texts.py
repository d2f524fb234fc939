"""Upper and lower case made the same, in Python and in any PostgreSQL alike, whatever its locale.

Letters are paired by Python's own table, one to one. PostgreSQL gets only what the text looked for needs: its C
collation lowers ASCII, and ``translate`` the few other letters that occur in it. Letters that do not occur in the text
looked for can stay as they are: they differ from it either way.
"""

from __future__ import annotations

import sys
from functools import cache

from audiences.rules.fragments import Fragment, sql


@cache
def _lower() -> dict[int, str]:
    """Code point of a capital to its small letter, where that is one letter, and ASCII only for ASCII."""
    pairs = ((code, chr(code).lower()) for code in range(sys.maxunicode + 1))
    return {
        code: small
        for code, small in pairs
        if len(small) == 1 and ord(small) != code and (code < 128 or not small.isascii())
    }


@cache
def _capitals() -> dict[str, list[str]]:
    """A small letter to its capitals, for those beyond ASCII."""
    found: dict[str, list[str]] = {}
    for code, small in _lower().items():
        if code >= 128:
            found.setdefault(small, []).append(chr(code))
    return found


def fold(text: str) -> str:
    """Return ``text`` in small letters."""
    return text.lower() if text.isascii() else text.translate(_lower())


def folded_sql(text: Fragment, sought: str) -> Fragment:
    """Return SQL for ``text`` in small letters, as far as matching ``sought`` (folded) in it can tell."""
    letters = sorted({letter for letter in sought if not letter.isascii()} & _capitals().keys())
    small = "".join(letter for letter in letters for _ in _capitals()[letter])
    capitals = "".join(capital for letter in letters for capital in _capitals()[letter])
    lowered = sql('lower(({}) COLLATE "C")', text)
    return sql("translate({}, {}, {})", lowered, capitals, small) if letters else lowered
