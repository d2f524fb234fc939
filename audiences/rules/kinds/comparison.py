"""What conditions on a value share: an operator, what to compare with, and what a missing value means."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from audiences import messages
from audiences.rules import operators, times, values
from audiences.rules.fragments import Fragment, sql
from audiences.rules.operands import Operand, json_text
from audiences.rules.phrases import article, listed, moment, quoted
from audiences.rules.scope import Scope
from audiences.rules.tree import Condition, InvalidRule

LONGEST_NAME = 200


class Comparison(Condition, frozen=True, kw_only=True):
    """A value compared by an operator. On a missing value it is false, and so is its opposite operator."""

    operator: str
    value: Any = msgspec.UNSET
    or_missing: bool = False

    whose: ClassVar[str] = "whose "  # before the value's name, in a clause
    having: ClassVar[str] = "who has "

    def operand(self, scope: Scope) -> Operand:
        """Return where SQL finds the value."""
        raise NotImplementedError

    def value_of(self, subject: Any) -> Any:
        """Return the value, None if it is missing."""
        raise NotImplementedError

    def label(self) -> str:
        """Return the name of the value in words."""
        raise NotImplementedError

    def _operator(self) -> operators.Operator:
        return operators.find(self.operator, self.value)

    def check(self) -> None:
        try:
            operator = self._operator()
        except operators.Unfit as exc:
            raise InvalidRule(
                "operator" if self.operator != operators.BETWEEN else "value", str(exc)
            ) from exc
        if not operator.needs_value:
            self._check_alone()
            return
        if self.value is msgspec.UNSET:
            raise InvalidRule("value", f"“{self.operator}” needs a value to compare with.")
        try:
            operator.check(self.value)
        except (operators.Unfit, times.NoTime) as exc:
            raise InvalidRule("value", str(exc)) from exc

    def _check_alone(self) -> None:
        if self.value is not msgspec.UNSET:
            raise InvalidRule("value", f"“{self.operator}” compares with nothing: leave the value out.")
        if self.or_missing:
            raise InvalidRule("or_missing", f"“{self.operator}” is itself about a missing value.")

    def sql(self, scope: Scope) -> Fragment:
        operand, operator = self.operand(scope), self._operator()
        condition = operator.sql(operand, self.value, scope.now)
        if self.or_missing:
            return sql("({}) OR {} IS NULL", condition, operand.typed(operator.sees))
        return condition

    def holds(self, subject: Any, now: datetime) -> bool:
        operator = self._operator()
        seen = _of_type(self.value_of(subject), operator.sees)
        if seen is None and not operator.is_about_presence:
            return self.or_missing
        return operator.holds(seen, self.value, now)

    def words(self, is_opposite: bool = False) -> str:
        """Return the clause. Turned round it holds for a missing value where it did not, and says so."""
        operator, noun = self._operator(), self.label()
        if isinstance(operator, operators.Presence):
            has = operator.is_negative == is_opposite
            return f"{self.having}{article(noun) if has else f'no {noun}'}"
        also = f" (also those without {article(noun)})" if self.or_missing != is_opposite else ""
        return f"{self.whose}{noun} {operator.words(self.value, is_opposite)}{also}"

    def seen(self, subject: Any, now: datetime) -> str:
        value = self.value_of(subject)
        if value is None:
            return "missing"
        shown = _shown(value)
        wrong_type = _of_type(value, self._operator().sees) is None
        return f"{shown}, which is no {self._operator().sees}" if wrong_type else shown

    @classmethod
    def names_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the keys that say which value is compared."""
        return {"name": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}}

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        names = cls.names_schema()
        return {
            "type": "object",
            "properties": {
                "on": {"const": cls.__struct_config__.tag},
                **names,
                "operator": {"type": "string"},
                "value": True,
                "or_missing": {"type": "boolean", "default": False},
            },
            "required": ["on", *names, "operator"],
            "additionalProperties": False,
            "anyOf": operators.json_schemas(),
        }


def _of_type(value: Any, type_: str) -> Any:
    """Return the value as an operator that sees ``type_`` sees it; None if it is missing or of another type."""
    if type_ == "any":
        return value
    if type_ == "time":
        return times.instant(value)
    if type_ == "number":
        return value if values.is_number(value) else None
    return value if isinstance(value, str if type_ == "text" else list) else None


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return moment(value)
    text = json_text(value) if isinstance(value, list | dict) else quoted(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def check_path(name: str) -> None:
    """Raise InvalidRule unless ``name`` is a path of keys joined by dots."""
    if not name:
        raise InvalidRule("name", "Say what is compared.")
    if len(name) > LONGEST_NAME or not all(name.split(".")):
        raise InvalidRule(
            "name", f"Expected a name of at most {LONGEST_NAME} characters, its parts joined by dots."
        )
    check_characters("name", name)


def check_characters(field: str, text: str) -> None:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidRule(field, "The text holds a character that no data can hold.")


def check_channel(kind: str) -> None:
    """Raise InvalidRule unless ``kind`` is a channel, or empty for any."""
    if kind and messages.channel(kind) is None:
        known = listed([repr(one.kind) for one in messages.channels()] or ["none"], "or")
        raise InvalidRule("channel", f"There is no channel {kind!r}; there is {known}.")
