"""The language that a person reads: by its tag (BCP 47), which also means the tags that begin with it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from audiences import attributes
from audiences.rules import operands, texts
from audiences.rules.fragments import Fragment, join, sql
from audiences.rules.kinds.comparison import Comparison
from audiences.rules.operators import MOST_OPTIONS
from audiences.rules.phrases import listed
from audiences.rules.scope import Scope
from audiences.rules.tree import InvalidRule

if TYPE_CHECKING:
    from audiences.facts import Facts

OPERATORS = ("is", "is_not", "is_one_of", "is_none_of")


class Language(Comparison, frozen=True, tag="language", kw_only=True):
    """``pt`` means ``pt-BR`` too, unless ``exactly`` is asked for. Upper and lower case are the same."""

    exactly: bool = False

    def check(self) -> None:
        if self.operator not in OPERATORS:
            raise InvalidRule("operator", f"Expected one of {listed(OPERATORS, 'or')}.")
        super().check()
        for tag in self._tags():
            if not isinstance(tag, str) or not attributes.LANGUAGE.fullmatch(tag):
                raise InvalidRule("value", f"Expected a language such as “pt” or “pt-BR”; found {tag!r}.")

    def _tags(self) -> list[Any]:
        return self.value if isinstance(self.value, list) else [self.value]

    @property
    def _is_negative(self) -> bool:
        return self.operator in ("is_not", "is_none_of")

    def sql(self, scope: Scope) -> Fragment:
        column = operands.attribute("language").typed("text")
        found = join(" OR ", [self._means_sql(column, texts.fold(tag)) for tag in self._tags()])
        condition = sql("NOT ({})", found) if self._is_negative else found
        return sql("({}) OR {} IS NULL", condition, column) if self.or_missing else condition

    def _means_sql(self, column: Fragment, tag: str) -> Fragment:
        folded = texts.folded_sql(column, tag)
        if self.exactly:
            return sql("{} = {}", folded, tag)
        return sql("{} = {} OR starts_with({}, {})", folded, tag, folded, f"{tag}-")

    def value_of(self, subject: Facts) -> Any:
        return subject.attribute("language")

    def holds(self, subject: Facts, now: datetime) -> bool:
        language = self.value_of(subject)
        if language is None:
            return self.or_missing
        return (
            any(self._means(texts.fold(language), texts.fold(tag)) for tag in self._tags())
            != self._is_negative
        )

    def _means(self, language: str, tag: str) -> bool:
        return language == tag or (not self.exactly and language.startswith(f"{tag}-"))

    def words(self, is_opposite: bool = False) -> str:
        is_negative = self._is_negative != is_opposite
        also = " (also those without a language)" if self.or_missing != is_opposite else ""
        if self.exactly:
            tags = listed((f"“{tag}”" for tag in self._tags()), "or")
            return f"whose language is {'not ' if is_negative else ''}exactly {tags}{also}"
        names = listed(map(attributes.language_name, self._tags()), "or")
        return f"who {'does not speak' if is_negative else 'speaks'} {names}{also}"

    def seen(self, subject: Facts, now: datetime) -> str:
        language = self.value_of(subject)
        return "missing" if language is None else f"{attributes.language_name(language)} ({language})"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        tag = {"type": "string", "pattern": f"^{attributes.LANGUAGE.pattern}$"}
        tags = {"type": "array", "items": tag, "minItems": 1, "maxItems": MOST_OPTIONS}
        return {
            "type": "object",
            "properties": {
                "on": {"const": "language"},
                "operator": {"enum": list(OPERATORS)},
                "value": True,
                "exactly": {"type": "boolean", "default": False},
                "or_missing": {"type": "boolean", "default": False},
            },
            "required": ["on", "operator", "value"],
            "additionalProperties": False,
            "if": {"properties": {"operator": {"enum": ["is", "is_not"]}}},
            "then": {"properties": {"value": tag}},
            "else": {"properties": {"value": tags}},
        }
