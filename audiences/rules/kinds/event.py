"""What a person did or did not do: how often, when, and with which properties."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import msgspec

from audiences.rules import event_sql, phrases, times
from audiences.rules.fragments import Fragment, sql
from audiences.rules.kinds.comparison import LONGEST_NAME, check_characters
from audiences.rules.operators import LENGTH, TIME
from audiences.rules.scope import Scope
from audiences.rules.tree import Condition, InvalidRule, Node
from audiences.rules.wanted import Wanted

if TYPE_CHECKING:
    from audiences.facts import Facts, Happened

MOST = 500  # so many occurrences can be counted; memory.py looks at no more than the newest thousand


class Event(Condition, frozen=True, tag="event", kw_only=True):
    """Events of one name, up to now. ``which`` picks the first or last ever, then time and properties must fit it."""

    name: str
    did: bool = True
    at_least: int | None = None
    at_most: int | None = None
    exactly: int | None = None
    which: Literal["first", "last"] | None = None
    within: Any = None
    since: str | None = msgspec.field(name="from", default=None)
    until: str | None = msgspec.field(name="to", default=None)
    where: tuple[Any, ...] = ()  # once read: nodes

    about_inside: ClassVar[str] = "event"

    def with_parts(self, parse: Callable[[Any, str], Node]) -> Self:
        """Return it with the rules of ``where`` read by ``parse``."""
        read = tuple(parse(rule, f"where[{index}]") for index, rule in enumerate(self.where))
        return msgspec.structs.replace(self, where=read)

    def check(self) -> None:
        if not self.name or len(self.name) > LONGEST_NAME:
            raise InvalidRule("name", f"Expected an event's name of at most {LONGEST_NAME} characters.")
        check_characters("name", self.name)
        self._check_counts()
        self._check_time()
        if self.which and not (self._has_time() or self.where):
            raise InvalidRule("which", f"Say when the {self.which} one was, or what it had.")

    def _check_counts(self) -> None:
        counts = {"at_least": self.at_least, "at_most": self.at_most, "exactly": self.exactly}
        given = {field: count for field, count in counts.items() if count is not None}
        for field, count in given.items():
            least = 1 if field == "at_least" else 0
            if not least <= count <= MOST:
                raise InvalidRule(field, f"Expected a whole number from {least} to {MOST}.")
        if given and self.which:
            raise InvalidRule(next(iter(given)), f"There is only one {self.which} event to count.")
        if self.exactly is not None and len(given) > 1:
            raise InvalidRule("exactly", "Leave out at_least and at_most beside it.")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise InvalidRule("at_most", "Expected a number not below at_least.")

    def _check_time(self) -> None:
        if self.within is not None and (self.since is not None or self.until is not None):
            raise InvalidRule("within", "Give either within, or from and to.")
        if self.within is not None:
            _times("within", times.length, self.within)
        if self.since is not None:
            _times("from", times.day_or_moment, self.since)
        if self.until is not None:
            _times("to", times.between, self.since, self.until)

    # --- what it means -------------------------------------------------------------------------------------------

    def _has_time(self) -> bool:
        return not (self.within is None and self.since is None and self.until is None)

    def span(self, now: datetime) -> times.Span:
        """Return when the events must have happened, ``now`` at the latest."""
        if self.within is not None:
            return times.Span(now - times.length(self.within), now)
        return times.between(self.since, self.until).until(now)

    def _range(self) -> tuple[int, int | None]:
        """Return how many events it takes, at least and at most."""
        if self.exactly is not None:
            return self.exactly, self.exactly
        least = self.at_least if self.at_least is not None else 0 if self.at_most is not None else 1
        return least, self.at_most

    def _is_ever(self) -> bool:
        """Whether the count takes in what retention dropped: it asks neither for a time nor for properties."""
        return not self.which and not self.where and not self._has_time()

    # --- SQL -----------------------------------------------------------------------------------------------------

    def sql(self, scope: Scope) -> Fragment:
        return self._sql(scope, wants=self.did)

    def opposite_sql(self, scope: Scope) -> Fragment:
        return self._sql(scope, wants=not self.did)

    def _sql(self, scope: Scope, *, wants: bool) -> Fragment:
        """Join those who did it; where having done it no time is enough, those who did it too often instead."""
        if self.which:
            members = event_sql.picked(self, scope)
            return sql("{} IS NOT NULL" if wants else "{} IS NULL", scope.joined(members))
        least, most = self._range()
        if least == 0 and most is not None:
            least, most, wants = most + 1, None, not wants
        if (least, most) == (1, None) and scope.is_narrowed and scope.is_conjunct and not self._is_ever():
            return sql("{}" if wants else "NOT {}", event_sql.done(self, scope))
        counted = event_sql.counted_ever if self._is_ever() else event_sql.counted
        return sql(
            "{} IS NOT NULL" if wants else "{} IS NULL", scope.joined(counted(self, scope, least, most))
        )

    # --- memory --------------------------------------------------------------------------------------------------

    def wants(self, wanted: Wanted, now: datetime) -> None:
        if self.where:
            wanted.properties.add(self.name)
        if self.which and self.where:
            (wanted.firsts if self.which == "first" else wanted.lasts).add(self.name)
        elif self.which or self._is_ever():
            wanted.totals.add(self.name)
        else:
            wanted.events_since(self.name, self.span(now).low)

    def holds(self, subject: Facts, now: datetime) -> bool:
        if self.which:
            return (self._picked(subject, now) is not None) == self.did
        least, most = self._range()
        count = self._count(subject, now)
        return (least <= count and (most is None or count <= most)) == self.did

    def _count(self, facts: Facts, now: datetime) -> int:
        if self._is_ever():
            total = facts.total(self.name)
            return total.count if total else 0
        return len(self._matching(facts, now))

    def _matching(self, facts: Facts, now: datetime) -> list[Happened]:
        span = self.span(now)
        return [event for event in facts.events(self.name) if self._fits(event, span, now)]

    def _picked(self, facts: Facts, now: datetime) -> Happened | None:
        """Return the first or last event ever, if it fits."""
        event = self._edge(facts)
        return event if event and self._fits(event, self.span(now), now) else None

    def _edge(self, facts: Facts) -> Happened | None:
        """Return the first or last event ever; its properties are known only if they are asked for."""
        if self.where:
            return facts.first(self.name) if self.which == "first" else facts.last(self.name)
        total = facts.total(self.name)
        return total.edge(self.which) if total else None

    def _fits(self, event: Happened, span: times.Span, now: datetime) -> bool:
        return span.covers(event.at) and all(rule.holds(event.properties, now) for rule in self.where)

    # --- words ---------------------------------------------------------------------------------------------------

    def words(self, is_opposite: bool = False) -> str:
        did = self.did != is_opposite
        least, most = self._range()
        if not self.which and least == 0 and most == 0:
            did, least, most = not did, 1, None
        name, rest = f"“{self.name}”", f"{self._time_words()}{self._where_words()}"
        if self.which:
            return self._picked_words(did)
        if did:
            return f"who did {name}{_often(least, most)}{rest}"
        if (least, most) == (1, None) and not self._has_time():
            return f"who never did {name}{rest}"
        return f"who did not do {name}{_often(least, most)}{rest}"

    def _picked_words(self, did: bool) -> str:
        verb, also = ("was", "") if did else ("was not", " (also those who never did it)")
        one = "" if self._has_time() else " one"
        return f"whose {self.which} “{self.name}” {verb}{one}{self._time_words()}{self._where_words()}{also}"

    def _time_words(self) -> str:
        if self.within is not None:
            return f" in the last {phrases.period(self.within)}"
        since = phrases.when(self.since) if self.since else ""
        until = phrases.when(self.until) if self.until else ""
        if since and until:
            return f" between {since} and {until}"
        return f" since {since}" if since else f" until {until}" if until else ""

    def _where_words(self) -> str:
        clauses = [clause for rule in self.where if (clause := rule.words())]
        return f" where {' and '.join(clauses)}" if clauses else ""

    def seen(self, subject: Facts, now: datetime) -> str:
        if self.which:
            return self._picked_seen(subject, now)
        count = self._count(subject, now)
        if not count:
            return "never" if not self._has_time() else "not in that time"
        total = subject.total(self.name) if self._is_ever() else None
        last_at = total.last_at if total else self._matching(subject, now)[0].at
        return f"{phrases.often(count)}, last on {phrases.moment(last_at)}"

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
    def json_schema(cls) -> dict[str, Any]:
        count = {"type": "integer", "minimum": 0, "maximum": MOST}
        return {
            "type": "object",
            "properties": {
                "on": {"const": "event"},
                "name": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
                "did": {"type": "boolean", "default": True},
                "at_least": count | {"minimum": 1},
                "at_most": count,
                "exactly": count,
                "which": {"enum": ["first", "last"]},
                "within": LENGTH,
                "from": TIME,
                "to": TIME,
                "where": {"type": "array", "items": {"$ref": "#/$defs/filter"}},
            },
            "required": ["on", "name"],
            "additionalProperties": False,
        }


def _times(field: str, read: Callable[..., Any], *values: Any) -> None:
    try:
        read(*values)
    except times.NoTime as exc:
        raise InvalidRule(field, str(exc)) from exc


def _often(least: int, most: int | None) -> str:
    if most is None:
        return "" if least == 1 else f" at least {phrases.often(least)}"
    if least == most:
        return f" exactly {phrases.often(least)}"
    return f" at most {phrases.often(most)}" if least == 0 else f" between {least} and {most} times"
