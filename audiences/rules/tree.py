"""What rules are made of: nodes that answer for SQL, for facts in memory and in words; and groups of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec

from audiences.rules.fragments import Fragment, join, sql

if TYPE_CHECKING:
    from audiences.rules.scope import Scope
    from audiences.rules.wanted import Wanted


class InvalidRule(Exception):
    """Not a rule. ``path`` says where, such as ``all[0].value``; ``message`` says what was expected."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


class Unresolved(Exception):
    """The rule refers to a segment whose rule it does not carry: ``segments.resolve`` fills it in."""


class Node(msgspec.Struct, frozen=True):
    """A rule or a part of one. ``subject`` is a profile's Facts, or an event's properties for conditions on those."""

    def sql(self, scope: Scope) -> Fragment:
        """Return a condition that is true for those it means, false or NULL for others."""
        raise NotImplementedError

    def opposite_sql(self, scope: Scope) -> Fragment:
        """Return a condition that is true exactly where ``sql`` is not, and never NULL there."""
        return sql("({}) IS NOT TRUE", self.sql(scope))

    def holds(self, subject: Any, now: datetime) -> bool:
        raise NotImplementedError

    def words(self, is_opposite: bool = False) -> str:
        """Return a clause that goes after "everyone" (or an event), or its exact opposite."""
        raise NotImplementedError

    def said(self, is_opposite: bool = False) -> tuple[str, str]:
        """Return ``words`` and by which word its parts are joined, if it has parts."""
        return self.words(is_opposite), ""

    def seen(self, subject: Any, now: datetime) -> str:
        """Return the value that decided, in words; empty for a group."""
        return ""

    def wants(self, wanted: Wanted, now: datetime) -> None:
        """Note which facts ``holds`` needs beyond the profile's own row."""

    def parts(self) -> tuple[Node, ...]:
        """Return the nodes below that concern the same subject."""
        return ()

    def conjuncts(self) -> Iterator[Node]:
        """Yield what must hold, each on its own."""
        yield self

    def walk(self) -> Iterator[Node]:
        yield self
        for part in self.parts():
            yield from part.walk()


class Condition(Node, frozen=True, forbid_unknown_fields=True, tag_field="on"):
    """A node without others below it, read from JSON by its own fields. Its tag is the key ``on``."""

    about: ClassVar[str] = "profile"  # what it is a condition on: a profile, or an event's properties
    about_inside: ClassVar[str] = "profile"  # and what rules inside it are on

    def with_parts(self, parse: Callable[[Any, str], Node]) -> Self:
        """Return it with the rules inside read by ``parse``, which takes a rule and its path in the condition."""
        return self

    def check(self) -> None:
        """Raise InvalidRule, its path relative to the condition, for what the types of the fields do not catch."""

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of this kind of condition; ``#/$defs/rule`` and ``#/$defs/filter`` are rules."""
        raise NotImplementedError


class Group(Node, frozen=True):
    """All, any or none of its members hold: plain Boolean. Of no members, all and none hold, any does not."""

    kind: str
    members: tuple[Node, ...]

    def parts(self) -> tuple[Node, ...]:
        return self.members

    def sql(self, scope: Scope) -> Fragment:
        return self._sql(scope, is_opposite=False)

    def opposite_sql(self, scope: Scope) -> Fragment:
        return self._sql(scope, is_opposite=True)

    def _sql(self, scope: Scope, *, is_opposite: bool) -> Fragment:
        """Carry "not" down to the conditions, which know how to say it in a way that indexes and joins serve."""
        is_and, is_negative = self._meaning(is_opposite)
        if not self.members:
            return Fragment("TRUE" if is_and else "FALSE")
        scope = scope if is_and or len(self.members) == 1 else scope.in_or()
        inside = [member.opposite_sql(scope) if is_negative else member.sql(scope) for member in self.members]
        return join(" AND " if is_and else " OR ", inside)

    def _meaning(self, is_opposite: bool) -> tuple[bool, bool]:
        """Return whether the members are joined by "and", and whether each is turned round."""
        is_negative = (self.kind == "none") != is_opposite
        return (self.kind in ("all", "none")) != is_opposite, is_negative

    def conjuncts(self) -> Iterator[Node]:
        if self.kind != "all":
            yield self
            return
        for member in self.members:
            yield from member.conjuncts()

    def holds(self, subject: Any, now: datetime) -> bool:
        is_all = self.kind == "all"
        for (
            member
        ) in self.members:  # no generator: ingestion asks this of every event that somebody waits for
            if member.holds(subject, now) != is_all:
                return self.kind == "any"
        return self.kind != "any"

    def words(self, is_opposite: bool = False) -> str:
        """Return the members' clauses joined, in brackets wherever "and" and "or" meet; EVERYONE or NOBODY if so."""
        return self.said(is_opposite)[0]

    def said(self, is_opposite: bool = False) -> tuple[str, str]:
        is_and, is_negative = self._meaning(is_opposite)
        neutral, deciding = (EVERYONE, NOBODY) if is_and else (NOBODY, EVERYONE)
        clauses = [member.said(is_negative) for member in self.members]
        if any(clause == deciding for clause, _ in clauses):
            return deciding, ""
        clauses = [(clause, joined_by) for clause, joined_by in clauses if clause != neutral]
        if len(clauses) < 2:
            return clauses[0] if clauses else (neutral, "")
        word = "and" if is_and else "or"
        shown = [f"({clause})" if joined_by not in ("", word) else clause for clause, joined_by in clauses]
        return f" {word} ".join(shown), word


EVERYONE, NOBODY = "", "who does not exist"
