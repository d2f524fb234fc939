"""The country, region and city that a person was last known to be in."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audiences import attributes
from audiences.rules import operands, texts
from audiences.rules.fragments import Fragment, join, sql
from audiences.rules.kinds.comparison import check_characters
from audiences.rules.operators import LONGEST_TEXT, MOST_OPTIONS
from audiences.rules.phrases import listed, quoted
from audiences.rules.scope import Scope
from audiences.rules.tree import Condition, InvalidRule

if TYPE_CHECKING:
    from audiences.facts import Facts

LEVELS = ("city", "region", "country")  # as they are said


class Location(Condition, frozen=True, tag="location", kw_only=True):
    """Is in one of some cities, regions and countries, each that is named. Upper and lower case are the same.

    Where one that is asked for is missing, it is false, and so is its opposite.
    """

    city: list[str] | None = None
    region: list[str] | None = None
    country: list[str] | None = None
    is_in: bool = msgspec.field(name="in", default=True)
    or_missing: bool = False

    def check(self) -> None:
        if not self._asked():
            raise InvalidRule("country", "Say in which countries, regions or cities.")
        for level, names in self._asked().items():
            if not 1 <= len(names) <= MOST_OPTIONS:
                raise InvalidRule(level, f"Expected a list of 1 to {MOST_OPTIONS} names.")
            for name in names:
                if not 1 <= len(name) <= LONGEST_TEXT:
                    raise InvalidRule(level, f"Expected names of 1 to {LONGEST_TEXT} characters.")
                check_characters(level, name)
        for code in self.country or ():
            if code not in attributes.countries():
                raise InvalidRule("country", f"Expected the code of a country, such as “FR”; found {code!r}.")

    def _asked(self) -> dict[str, list[str]]:
        return {level: names for level in LEVELS if (names := getattr(self, level)) is not None}

    def sql(self, scope: Scope) -> Fragment:
        columns = {level: operands.attribute(level).typed("text") for level in self._asked()}
        inside = join(" AND ", [_among(columns[level], names) for level, names in self._asked().items()])
        known = join(" AND ", [sql("{} IS NOT NULL", column) for column in columns.values()])
        condition = inside if self.is_in else sql("{} AND NOT ({})", known, inside)
        return sql("({}) OR NOT ({})", condition, known) if self.or_missing else condition

    def holds(self, subject: Facts, now: datetime) -> bool:
        seen = {level: subject.attribute(level) for level in self._asked()}
        if None in seen.values():
            return self.or_missing
        is_inside = all(
            texts.fold(seen[level]) in map(texts.fold, names) for level, names in self._asked().items()
        )
        return is_inside == self.is_in

    def words(self, is_opposite: bool = False) -> str:
        where = " in ".join(
            listed(
                (attributes.countries()[name] if level == "country" else quoted(name) for name in names), "or"
            )
            for level, names in self._asked().items()
        )
        also = (
            f" (also those without a {' or '.join(self._asked())})" if self.or_missing != is_opposite else ""
        )
        return f"who {'is' if self.is_in != is_opposite else 'is not'} in {where}{also}"

    def seen(self, subject: Facts, now: datetime) -> str:
        return ", ".join(quoted(subject.attribute(level) or f"no {level}") for level in self._asked())

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        names = {"type": "array", "minItems": 1, "maxItems": MOST_OPTIONS,
                 "items": {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}}  # fmt: skip
        return {
            "type": "object",
            "properties": {
                "on": {"const": "location"},
                "city": names,
                "region": names,
                "country": names | {"items": {"enum": list(attributes.countries())}},
                "in": {"type": "boolean", "default": True},
                "or_missing": {"type": "boolean", "default": False},
            },
            "required": ["on"],
            "anyOf": [{"required": [level]} for level in LEVELS],
            "additionalProperties": False,
        }


def _among(column: Fragment, names: list[str]) -> Fragment:
    sought = [texts.fold(name) for name in names]
    return sql("{} = ANY({}::text[])", texts.folded_sql(column, "".join(sought)), sought)
