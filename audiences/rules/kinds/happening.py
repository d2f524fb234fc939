"""What conditions on events share: how often they happened, and when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audiences.rules import event_sql, phrases, times
from audiences.rules.fragments import Fragment, sql
from audiences.rules.operators import LENGTH, TIME
from audiences.rules.scope import Scope
from audiences.rules.tree import Condition, InvalidRule, Node

if TYPE_CHECKING:
    from audiences.facts import Facts, Happened

MOST = 500  # so many occurrences can be counted; facts.py loads the newest thousand that fit


class Happening(Condition, frozen=True, kw_only=True):
    """Events of some names, up to now, counted; or that there were none such."""

    did: bool = True
    at_least: int | None = None
    at_most: int | None = None
    exactly: int | None = None
    within: Any = None
    since: str | None = msgspec.field(name="from", default=None)
    until: str | None = msgspec.field(name="to", default=None)

    def names(self) -> tuple[str, ...]:
        """Return the names of the events that count."""
        raise NotImplementedError

    def filters(self) -> tuple[Node, ...]:
        """Return the rules that such an event's properties fulfil."""
        return ()

    def further_sql(self, scope: Scope) -> Fragment:
        """Return `` AND ...`` with what else must hold of the event ``e``."""
        return Fragment("")

    def check(self) -> None:
        self._check_counts()
        self._check_time()

    def _check_counts(self) -> None:
        given = self._counts()
        for field, count in given.items():
            least = 1 if field == "at_least" else 0
            if not least <= count <= MOST:
                raise InvalidRule(field, f"Expected a whole number from {least} to {MOST}.")
        if self.exactly is not None and len(given) > 1:
            raise InvalidRule("exactly", "Leave out at_least and at_most beside it.")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise InvalidRule("at_most", "Expected a number not below at_least.")

    def _counts(self) -> dict[str, int]:
        """Return the bounds that were given, by the key they were given under."""
        counts = {"at_least": self.at_least, "at_most": self.at_most, "exactly": self.exactly}
        return {field: count for field, count in counts.items() if count is not None}

    def _check_time(self) -> None:
        if self.within is not None and (self.since is not None or self.until is not None):
            raise InvalidRule("within", "Give either within, or from and to.")
        if self.within is not None:
            check_times("within", times.length, self.within)
        if self.since is not None:
            check_times("from", times.day_or_moment, self.since)
        if self.until is not None:
            check_times("to", times.between, self.since, self.until)

    # --- what it means -------------------------------------------------------------------------------------------

    def has_time(self) -> bool:
        return not (self.within is None and self.since is None and self.until is None)

    def span(self, now: datetime) -> times.Span:
        """Return when the events must have happened, ``now`` at the latest."""
        if self.within is not None:
            return times.Span(now - times.length(self.within), now)
        return times.between(self.since, self.until).until(now)

    def bounds(self) -> tuple[int, int | None]:
        """Return how many events it takes, at least and at most."""
        if self.exactly is not None:
            return self.exactly, self.exactly
        least = self.at_least if self.at_least is not None else 0 if self.at_most is not None else 1
        return least, self.at_most

    # --- SQL -----------------------------------------------------------------------------------------------------

    def sql(self, scope: Scope) -> Fragment:
        return self._sql(scope, wants=self.did)

    def opposite_sql(self, scope: Scope) -> Fragment:
        return self._sql(scope, wants=not self.did)

    def _sql(self, scope: Scope, *, wants: bool) -> Fragment:
        """Join those who did it; where having done it no time is enough, those who did it too often instead."""
        least, most = self.bounds()
        if least == 0 and most is not None:
            least, most, wants = most + 1, None, not wants
        if (
            (least, most) == (1, None)
            and scope.is_narrowed
            and scope.is_conjunct
            and self._may_be_looked_up()
        ):
            return sql("{}" if wants else "NOT {}", event_sql.done(self, scope))
        members = self._counted_sql(scope, least, most)
        return sql("{} IS NOT NULL" if wants else "{} IS NULL", scope.joined(members))

    def _may_be_looked_up(self) -> bool:
        """Whether the stored events alone say if there is one."""
        return True

    def _counted_sql(self, scope: Scope, least: int, most: int | None) -> Fragment:
        return event_sql.counted(self, scope, least, most)

    # --- memory --------------------------------------------------------------------------------------------------

    def holds(self, subject: Facts, now: datetime) -> bool:
        least, most = self.bounds()
        count = self._count(subject, now)
        return (least <= count and (most is None or count <= most)) == self.did

    def _count(self, facts: Facts, now: datetime) -> int:
        return len(self._matching(facts, now))

    def _matching(self, facts: Facts, now: datetime) -> list[Happened]:
        return [event for name in self.names() for event in self._fitting(facts.events(name), now)]

    def _fitting(self, events: list[Happened], now: datetime) -> list[Happened]:
        span, filters = self.span(now), self.filters()
        return [
            event
            for event in events
            if span.covers(event.at) and all(rule.holds(event.properties, now) for rule in filters)
        ]

    # --- words ---------------------------------------------------------------------------------------------------

    def deed(self) -> tuple[str, str]:
        """Return what they did in words, after "who" and after "did not"."""
        raise NotImplementedError

    def words(self, is_opposite: bool = False) -> str:
        did = self.did != is_opposite
        least, most = self.bounds()
        if least == 0 and most == 0:
            did, least, most = not did, 1, None
        past, infinitive = self.deed()
        rest = f"{_often(least, most)}{self._time_words()}{self._further_words()}"
        if did:
            return f"who {past}{rest}"
        if (least, most) == (1, None) and not self.has_time():
            return f"who never {past}{rest}"
        return f"who did not {infinitive}{rest}"

    def _time_words(self) -> str:
        if self.within is not None:
            return f" in the last {phrases.period(self.within)}"
        since = phrases.when(self.since) if self.since else ""
        until = phrases.when(self.until) if self.until else ""
        if since and until:
            return f" between {since} and {until}"
        return f" since {since}" if since else f" until {until}" if until else ""

    def _further_words(self) -> str:
        return ""

    def seen(self, subject: Facts, now: datetime) -> str:
        count = self._count(subject, now)
        if not count:
            return "never" if not self.has_time() else "not in that time"
        return f"{phrases.often(count)}, last on {phrases.moment(self._last_at(subject, now))}"

    def _last_at(self, facts: Facts, now: datetime) -> datetime:
        return max(event.at for event in self._matching(facts, now))

    @classmethod
    def own_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the keys that say which events count."""
        raise NotImplementedError

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        count = {"type": "integer", "minimum": 0, "maximum": MOST}
        own = cls.own_schema()
        return own | {
            "type": "object",
            "properties": {
                "on": {"const": cls.__struct_config__.tag},
                **own["properties"],
                "did": {"type": "boolean", "default": True},
                "at_least": count | {"minimum": 1},
                "at_most": count,
                "exactly": count,
                "within": LENGTH,
                "from": TIME,
                "to": TIME,
            },
            "additionalProperties": False,
        }


def check_times(field: str, read: Callable[..., Any], *values: Any) -> None:
    """Raise InvalidRule for what ``read`` takes for no time."""
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
