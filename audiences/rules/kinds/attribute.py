"""A fact about a profile: one of its columns, or a path into its custom attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audiences.rules import operands, values
from audiences.rules.kinds.comparison import Comparison, check_path
from audiences.rules.phrases import label
from audiences.rules.scope import Scope
from audiences.rules.tree import InvalidRule

if TYPE_CHECKING:
    from audiences.facts import Facts


class Attribute(Comparison, frozen=True, tag="attribute", kw_only=True):
    name: str

    def check(self) -> None:
        check_path(self.name)
        super().check()
        if self.name in operands.COLUMNS:
            self._check_type(operands.COLUMNS[self.name])

    def _check_type(self, type_: str) -> None:
        """A column holds one type only, so a comparison with another could never hold: say so while it is written."""
        sees = self._operator().sees
        if sees == "any" and self._operator().needs_value:
            options = self.value if isinstance(self.value, list) else [self.value]
            fits = (type_ == "text" and all(isinstance(option, str) for option in options)) or (
                type_ == "number" and all(values.is_number(option) for option in options)
            )
        else:
            fits = sees in ("any", type_)
        if not fits:
            raise InvalidRule(
                "operator" if sees != "any" else "value",
                f"“{self.name}” is always a {type_}. {_ADVICE[type_]}",
            )

    def operand(self, scope: Scope) -> operands.Operand:
        return operands.attribute(self.name)

    def value_of(self, subject: Facts) -> Any:
        return subject.attribute(self.name)

    def label(self) -> str:
        return label(self.name)


_ADVICE = {
    "text": "Compare it with texts, by is, is_one_of, contains and the like.",
    "number": "Compare it with numbers, by is, greater, less, between and the like.",
    "time": "Compare it with times, by before, after, between, within_last and the like.",
}
