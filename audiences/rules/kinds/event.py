"""What a person did or did not do: how often, when, and with which properties."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import msgspec

from audiences.rules import event_sql, phrases
from audiences.rules.fragments import Fragment, sql
from audiences.rules.kinds.comparison import LONGEST_NAME, check_characters
from audiences.rules.kinds.happening import Happening
from audiences.rules.scope import Scope
from audiences.rules.tree import InvalidRule, Node
from audiences.rules.wanted import Fitting, Wanted

if TYPE_CHECKING:
    from audiences.facts import Facts, Happened


class Event(Happening, frozen=True, tag="event", kw_only=True):
    """Events of one name, up to now. ``which`` picks the first or last ever, then time and properties must fit it."""

    name: str
    which: Literal["first", "last"] | None = None
    where: tuple[Any, ...] = ()  # once read: nodes

    about_inside: ClassVar[str] = "event"

    def with_parts(self, parse: Callable[[Any, str], Node]) -> Self:
        """Return it with the rules of ``where`` read by ``parse``."""
        read = tuple(parse(rule, f"where[{index}]") for index, rule in enumerate(self.where))
        return msgspec.structs.replace(self, where=read)

    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def filters(self) -> tuple[Node, ...]:
        return self.where

    def check(self) -> None:
        if not self.name:
            raise InvalidRule("name", "Say which event.")
        if len(self.name) > LONGEST_NAME:
            raise InvalidRule("name", f"Expected an event's name of at most {LONGEST_NAME} characters.")
        check_characters("name", self.name)
        super().check()
        if self.which and not (self.has_time() or self.where):
            raise InvalidRule("which", f"Say when the {self.which} one was, or what it had.")

    def _check_counts(self) -> None:
        super()._check_counts()
        if self.which and (given := self._counts()):
            raise InvalidRule(next(iter(given)), f"There is only one {self.which} event to count.")

    def _is_ever(self) -> bool:
        """Whether the count takes in what retention dropped: it asks neither for a time nor for properties."""
        return not self.which and not self.where and not self.has_time()

    # --- SQL -----------------------------------------------------------------------------------------------------

    def _sql(self, scope: Scope, *, wants: bool) -> Fragment:
        if self.which:
            members = event_sql.picked(self, scope)
            return sql("{} IS NOT NULL" if wants else "{} IS NULL", scope.joined(members))
        return super()._sql(scope, wants=wants)

    def _may_be_looked_up(self) -> bool:
        return not self._is_ever()

    def _counted_sql(self, scope: Scope, least: int, most: int | None) -> Fragment:
        counted = event_sql.counted_ever if self._is_ever() else event_sql.counted
        return counted(self, scope, least, most)

    # --- memory --------------------------------------------------------------------------------------------------

    def wants(self, wanted: Wanted, now: datetime) -> None:
        if self.which and self.where:
            (wanted.firsts if self.which == "first" else wanted.lasts).add(self.name)
        elif self.which or self._is_ever():
            wanted.totals.add(self.name)
        else:
            wanted.count(self.name, Fitting(self.span(now), self.where))

    def holds(self, subject: Facts, now: datetime) -> bool:
        if self.which:
            return (self._picked(subject, now) is not None) == self.did
        return super().holds(subject, now)

    def _count(self, facts: Facts, now: datetime) -> int:
        if self._is_ever():
            total = facts.total(self.name)
            return total.count if total else 0
        return super()._count(facts, now)

    def _picked(self, facts: Facts, now: datetime) -> Happened | None:
        """Return the first or last event ever, if it fits."""
        event = self._edge(facts)
        return next(iter(self._fitting([event], now)), None) if event else None

    def _edge(self, facts: Facts) -> Happened | None:
        """Return the first or last event ever; its properties are known only if they are asked for."""
        if self.where:
            return facts.first(self.name) if self.which == "first" else facts.last(self.name)
        total = facts.total(self.name)
        return total.edge(self.which) if total else None

    # --- words ---------------------------------------------------------------------------------------------------

    def deed(self) -> tuple[str, str]:
        return f"did “{self.name}”", f"do “{self.name}”"

    def words(self, is_opposite: bool = False) -> str:
        if not self.which:
            return super().words(is_opposite)
        did = self.did != is_opposite
        verb, also = ("was", "") if did else ("was not", " (also those who never did it)")
        one = "" if self.has_time() else " one"
        return (
            f"whose {self.which} “{self.name}” {verb}{one}{self._time_words()}{self._further_words()}{also}"
        )

    def _further_words(self) -> str:
        clauses = [clause for rule in self.where if (clause := rule.words())]
        return f" where {' and '.join(clauses)}" if clauses else ""

    def seen(self, subject: Facts, now: datetime) -> str:
        return self._picked_seen(subject, now) if self.which else super().seen(subject, now)

    def _last_at(self, facts: Facts, now: datetime) -> datetime:
        total = facts.total(self.name) if self._is_ever() else None
        return total.last_at if total else super()._last_at(facts, now)

    def _picked_seen(self, facts: Facts, now: datetime) -> str:
        event = self._edge(facts)
        if event is None:
            return "never"
        return f"{self.which} on {phrases.moment(event.at)}{self._properties_seen(event, now)}"

    def _properties_seen(self, event: Happened, now: datetime) -> str:
        parts = [part for rule in self.where for part in rule.walk() if not part.parts()]
        seen = ", ".join(f"{part.label()}: {part.seen(event.properties, now)}" for part in parts)
        return f" ({seen})" if seen else ""

    @classmethod
    def own_schema(cls) -> dict[str, Any]:
        return {
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
                "which": {"enum": ["first", "last"]},
                "where": {"type": "array", "items": {"$ref": "#/$defs/filter"}},
            },
            "required": ["on", "name"],
        }
