"""What a person has said about hearing from us: on a channel, or about a topic."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audiences.models import Profile
from audiences.rules import operands, operators
from audiences.rules.fragments import identifier
from audiences.rules.kinds.comparison import LONGEST_NAME, Comparison, check_characters
from audiences.rules.phrases import listed
from audiences.rules.scope import Scope
from audiences.rules.tree import InvalidRule

if TYPE_CHECKING:
    from audiences.facts import Facts

OPERATORS = ("is", "is_not", "is_one_of", "is_none_of", "exists", "is_missing")
_SAID = {"subscribed": "subscribed to", "opted_in": "opted in to", "unsubscribed": "unsubscribed from"}


class Consent(Comparison, frozen=True, tag="consent", kw_only=True):
    subject: str  # a channel, or "topic:x"

    def check(self) -> None:
        if not self.subject or len(self.subject) > LONGEST_NAME:
            raise InvalidRule(
                "subject", 'Expected a channel such as "email", or a topic such as "topic:news".'
            )
        check_characters("subject", self.subject)
        if self.operator not in OPERATORS:
            raise InvalidRule("operator", f"Expected one of {listed(OPERATORS, 'or')}.")
        super().check()
        if any(option not in Profile.Standing.values for option in self._standings()):
            raise InvalidRule("value", f"Expected {listed(Profile.Standing.values, 'or')}.")

    def _standings(self) -> list[str]:
        if self.value is msgspec.UNSET:
            return []
        return self.value if isinstance(self.value, list) else [self.value]

    def operand(self, scope: Scope) -> operands.Operand:
        return operands.Json(identifier("p.consent"), (self.subject,))

    def value_of(self, subject: Facts) -> Any:
        return subject.consent.get(self.subject)

    def label(self) -> str:
        kind, _, topic = self.subject.partition(":")
        return f"the topic “{topic}”" if kind == "topic" else self.subject

    def words(self, is_opposite: bool = False) -> str:
        operator, subject = self._operator(), self.label()
        if isinstance(operator, operators.Presence):
            has = operator.is_negative == is_opposite
            return f"who has said {'something' if has else 'nothing'} about {subject}"
        is_negative = self.operator in ("is_not", "is_none_of")
        verb = "has not" if is_negative != is_opposite else "has"
        also = " (also those who said nothing)" if self.or_missing != is_opposite else ""
        return f"who {verb} {listed((f'{_SAID[s]} {subject}' for s in self._standings()), 'or')}{also}"

    def seen(self, subject: Facts, now: datetime) -> str:
        said = self.value_of(subject)
        return f"{_SAID[said]} {self.label()}" if said in _SAID else "said nothing"

    @classmethod
    def names_schema(cls) -> dict[str, Any]:
        return {"subject": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}}
