"""Membership of another segment. Rules are kept with its id alone; ``segments.resolve`` adds its name and rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec

from audiences.rules.fragments import Fragment
from audiences.rules.scope import Scope
from audiences.rules.tree import Condition, Node, Unresolved


class Segment(Condition, frozen=True, tag="segment", kw_only=True):
    id: UUID
    is_in: bool = msgspec.field(name="in", default=True)
    name: str = ""
    rule: Any = None  # once read: a node

    def with_parts(self, parse: Callable[[Any, str], Node]) -> Self:
        """Return it with the rule it carries read by ``parse``."""
        if self.rule is None:
            return self
        return msgspec.structs.replace(self, rule=parse(self.rule, "rule"))

    def parts(self) -> tuple[Node, ...]:
        return () if self.rule is None else (self.rule,)

    def _rule(self) -> Node:
        if self.rule is None:
            raise Unresolved(f"Segment {self.id} is only referred to; resolve the rule first.")
        return self.rule

    def sql(self, scope: Scope) -> Fragment:
        return self._rule().sql(scope) if self.is_in else self._rule().opposite_sql(scope)

    def opposite_sql(self, scope: Scope) -> Fragment:
        return self._rule().opposite_sql(scope) if self.is_in else self._rule().sql(scope)

    def holds(self, subject: Any, now: datetime) -> bool:
        return self._rule().holds(subject, now) == self.is_in

    def words(self, is_opposite: bool = False) -> str:
        which = f"the segment “{self.name}”" if self.name else f"the segment {self.id}"
        return f"who {'is' if self.is_in != is_opposite else 'is not'} in {which}"

    def seen(self, subject: Any, now: datetime) -> str:
        return "in it" if self._rule().holds(subject, now) else "not in it"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                "on": {"const": "segment"},
                "id": {"type": "string", "format": "uuid"},
                "in": {"type": "boolean", "default": True},
                "name": {"type": "string", "description": "Filled in where a rule is frozen."},
                "rule": {"$ref": "#/$defs/rule", "description": "Filled in where a rule is frozen."},
            },
            "required": ["on", "id"],
            "additionalProperties": False,
        }
