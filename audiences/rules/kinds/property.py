"""A property of one event: inside an event condition's ``where``, and in filters on events."""

from __future__ import annotations

from typing import Any, ClassVar

from audiences.rules import operands, values
from audiences.rules.kinds.comparison import Comparison, check_path
from audiences.rules.phrases import label
from audiences.rules.scope import Scope


class Property(Comparison, frozen=True, tag="property", kw_only=True):
    name: str

    about: ClassVar[str] = "event"
    whose: ClassVar[str] = ""
    having: ClassVar[str] = "it has "

    def check(self) -> None:
        check_path(self.name)
        super().check()

    def operand(self, scope: Scope) -> operands.Operand:
        assert scope.document is not None  # schema lets it stand only where there is an event
        return operands.Json(scope.document, tuple(self.name.split(".")))

    def value_of(self, subject: dict[str, Any]) -> Any:
        return values.at(subject, self.name.split("."))

    def label(self) -> str:
        return label(self.name)
