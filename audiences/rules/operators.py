"""The comparisons of conditions on values: each checks what it is given, and says itself in Python, SQL and English.

Every operator sees values of one type; a value of another type counts as missing for it. Equality sees all types.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from audiences.rules import texts, times, values
from audiences.rules.fragments import Fragment, join, sql
from audiences.rules.operands import Operand
from audiences.rules.phrases import duration, listed, period, quoted, when

LONGEST_TEXT = 1_000
MOST_OPTIONS = 1_000
BIGGEST = 1e300


class Unfit(ValueError):
    """A value that an operator cannot compare with. The message says what is expected."""


class Operator:
    """One comparison. ``value`` is the rule's side of it, ``seen`` the person's, of the type it sees."""

    sees: ClassVar[str] = "any"  # any, text, number, time or array
    takes: ClassVar[dict[str, Any]] = {}  # JSON Schema of ``value``
    needs_value: ClassVar[bool] = True
    is_about_presence: ClassVar[bool] = False

    def check(self, value: Any) -> None:
        """Raise Unfit or times.NoTime."""

    def holds(self, seen: Any, value: Any, now: datetime) -> bool:
        raise NotImplementedError

    def sql(self, operand: Operand, value: Any, now: datetime) -> Fragment:
        """Return a condition that is never true where the value is missing or of another type."""
        raise NotImplementedError

    def words(self, value: Any, is_opposite: bool) -> str:
        """Return what follows the attribute's name, such as "is Paris"."""
        raise NotImplementedError


def _check_scalar(value: Any) -> None:
    if isinstance(value, str):
        _check_text(value, may_be_empty=True)
    elif not isinstance(value, bool):
        _check_number(value, "a text, a number, true or false")


def _check_text(value: Any, *, may_be_empty: bool = False) -> None:
    if not isinstance(value, str) or not (value or may_be_empty):
        raise Unfit("Expected a text.")
    if len(value) > LONGEST_TEXT:
        raise Unfit(f"Expected at most {LONGEST_TEXT} characters.")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Unfit("The text holds a character that no data can hold.")


def _check_number(value: Any, expected: str = "a number") -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Unfit(f"Expected {expected}.")
    if not abs(value) <= BIGGEST:  # not-a-number is not smaller than anything
        raise Unfit("Expected a number of a size that computers can compare.")


def _check_options(value: Any) -> None:
    if not isinstance(value, list) or not value:
        raise Unfit("Expected a list with at least one value.")
    if len(value) > MOST_OPTIONS:
        raise Unfit(f"Expected at most {MOST_OPTIONS} values.")
    for option in value:
        _check_scalar(option)


SCALAR = {"type": ["string", "number", "boolean"]}
OPTIONS = {"type": "array", "items": SCALAR, "minItems": 1, "maxItems": MOST_OPTIONS}
TEXT = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
NUMBER = {"type": "number"}
TIME: dict[str, Any] = {"type": "string", "description": "ISO 8601 date or instant"}
LENGTH: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {unit: {"type": "integer", "minimum": 1} for unit in times.UNITS},
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Equality(Operator):
    is_negative: bool
    takes = SCALAR

    def check(self, value: Any) -> None:
        _check_scalar(value)

    def holds(self, seen: Any, value: Any, now: datetime) -> bool:
        return values.equal(seen, value) != self.is_negative

    def sql(self, operand: Operand, value: Any, now: datetime) -> Fragment:
        return operand.differs(value) if self.is_negative else operand.equals(value)

    def words(self, value: Any, is_opposite: bool) -> str:
        return f"{'is not' if self.is_negative != is_opposite else 'is'} {quoted(value)}"


@dataclass(frozen=True)
class Among(Operator):
    is_negative: bool
    takes = OPTIONS

    def check(self, value: Any) -> None:
        _check_options(value)

    def holds(self, seen: Any, value: Any, now: datetime) -> bool:
        return any(values.equal(seen, option) for option in value) != self.is_negative

    def sql(self, operand: Operand, value: Any, now: datetime) -> Fragment:
        return operand.not_among(value) if self.is_negative else operand.among(value)

    def words(self, value: Any, is_opposite: bool) -> str:
        is_negative = self.is_negative != is_opposite
        return f"{'is not' if is_negative else 'is'} {listed(map(quoted, value), 'or')}"


@dataclass(frozen=True)
class Text(Operator):
    """A text in a text, where upper and lower case are the same."""

    verb: str
    opposite: str
    test: Callable[[str, str], bool]
    form: str  # of the SQL: {} the value seen, then the text sought as often as it takes
    times_sought: int = 1
    is_negative: bool = False
    sees = "text"
    takes = TEXT

    def check(self, value: Any) -> None:
        _check_text(value)

    def holds(self, seen: Any, value: Any, now: datetime) -> bool:
        return self.test(texts.fold(seen), texts.fold(value)) != self.is_negative

    def sql(self, operand: Operand, value: Any, now: datetime) -> Fragment:
        sought = texts.fold(value)
        found = sql(self.form, texts.folded_sql(operand.typed("text"), sought), *[sought] * self.times_sought)
        return sql("NOT ({})", found) if self.is_negative else found

    def words(self, value: Any, is_opposite: bool) -> str:
        return (
            f"{self.opposite if self.is_negative != is_opposite else self.verb} {quoted(value, always=True)}"
        )


@dataclass(frozen=True)
class Order(Operator):
    sign: str
    test: Callable[[Any, Any], bool]
    phrase: str
    sees = "number"
    takes = NUMBER

    def check(self, value: Any) -> None:
        _check_number(value)

    def holds(self, seen: Any, value: Any, now: datetime) -> bool:
        return self.test(values.exact(seen), values.exact(value))

    def sql(self, operand: Operand, value: Any, now: datetime) -> Fragment:
        return operand.compares(self.sign, value)

    def words(self, value: Any, is_opposite: bool) -> str:
        return f"is {'not ' if is_opposite else ''}{self.phrase} {quoted(value)}"


class NumberRange(Operator):
    sees = "number"
    takes = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}

    def check(self, value: Any) -> None:
        for bound in value:
            _check_number(bound)
        if value[0] > value[1]:
            raise Unfit("The first of two numbers must not be greater than the second.")

    def holds(self, seen: Any, value: Any, now: datetime) -> bool:
        return values.exact(value[0]) <= values.exact(seen) <= values.exact(value[1])

    def sql(self, operand: Operand, value: Any, now: datetime) -> Fragment:
        return operand.lies_between(value[0], value[1])

    def words(self, value: Any, is_opposite: bool) -> str:
        return f"is {'not ' if is_opposite else ''}between {quoted(value[0])} and {quoted(value[1])}"


@dataclass(frozen=True)
class Moment(Operator):
    """A time against a span, fixed or counted from now."""

    span: Callable[[Any, datetime], times.Span]  # raises NoTime
    phrase: Callable[[Any], str]
    shape: str  # which schema of values it takes
    sees = "time"

    @property
    def takes(self) -> dict[str, Any]:  # type: ignore[override]
        pair: dict[str, Any] = {"type": "array", "items": TIME, "minItems": 2, "maxItems": 2}
        return {"time": TIME, "length": LENGTH, "times": pair}[self.shape]

    def check(self, value: Any) -> None:
        self.span(value, _ANY_TIME)

    def holds(self, seen: Any, value: Any, now: datetime) -> bool:
        return self.span(value, now).covers(seen)

    def sql(self, operand: Operand, value: Any, now: datetime) -> Fragment:
        return operand.within(self.span(value, now))

    def words(self, value: Any, is_opposite: bool) -> str:
        return f"is {'not ' if is_opposite else ''}{self.phrase(value)}"


_ANY_TIME = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


@dataclass(frozen=True)
class Includes(Operator):
    """Elements of an array."""

    is_negative: bool
    is_list: bool
    sees = "array"

    @property
    def takes(self) -> dict[str, Any]:  # type: ignore[override]
        return OPTIONS if self.is_list else SCALAR

    def _options(self, value: Any) -> list[values.Scalar]:
        return value if self.is_list else [value]

    def check(self, value: Any) -> None:
        (_check_options if self.is_list else _check_scalar)(value)

    def holds(self, seen: Any, value: Any, now: datetime) -> bool:
        found = any(values.equal(element, option) for element in seen for option in self._options(value))
        return found != self.is_negative

    def sql(self, operand: Operand, value: Any, now: datetime) -> Fragment:
        found = join(" OR ", map(operand.includes, self._options(value)))
        return (
            sql("{} IS NOT NULL AND NOT ({})", operand.typed("array"), found) if self.is_negative else found
        )

    def words(self, value: Any, is_opposite: bool) -> str:
        verb = "does not include" if self.is_negative != is_opposite else "includes"
        return f"{verb} {listed(map(quoted, self._options(value)), 'or')}"


@dataclass(frozen=True)
class Presence(Operator):
    """Whether there is a value at all; the only operator that is true of a missing one."""

    is_negative: bool
    needs_value = False
    is_about_presence = True

    def holds(self, seen: Any, value: Any, now: datetime) -> bool:
        return (seen is None) == self.is_negative

    def sql(self, operand: Operand, value: Any, now: datetime) -> Fragment:
        return sql("{} IS NULL" if self.is_negative else "{} IS NOT NULL", operand.typed("any"))


def _between_times(value: Any, now: datetime) -> times.Span:
    return times.between(*value)


OPERATORS: dict[str, Operator] = {
    "is": Equality(is_negative=False),
    "is_not": Equality(is_negative=True),
    "is_one_of": Among(is_negative=False),
    "is_none_of": Among(is_negative=True),
    "contains": Text("contains", "does not contain", str.__contains__, "strpos({}, {}) > 0"),
    "does_not_contain": Text(
        "contains", "does not contain", str.__contains__, "strpos({}, {}) > 0", is_negative=True
    ),
    "starts_with": Text("starts with", "does not start with", str.startswith, "starts_with({}, {})"),
    "ends_with": Text(
        "ends with", "does not end with", str.endswith, "right({}, char_length({})) = {}", times_sought=2
    ),
    "greater": Order(">", lambda a, b: a > b, "greater than"),
    "at_least": Order(">=", lambda a, b: a >= b, "at least"),
    "less": Order("<", lambda a, b: a < b, "less than"),
    "at_most": Order("<=", lambda a, b: a <= b, "at most"),
    "before": Moment(lambda v, now: times.before(v), lambda v: f"before {when(v)}", "time"),
    "after": Moment(lambda v, now: times.after(v), lambda v: f"after {when(v)}", "time"),
    "within_last": Moment(
        lambda v, now: times.Span(now - times.length(v), now), lambda v: f"in the last {period(v)}", "length"
    ),
    "within_next": Moment(
        lambda v, now: times.Span(now, now + times.length(v)), lambda v: f"in the next {period(v)}", "length"
    ),
    "longer_ago_than": Moment(
        lambda v, now: times.Span(high=now - times.length(v), is_high_open=True),
        lambda v: f"more than {duration(v)} ago",
        "length",
    ),
    "includes": Includes(is_negative=False, is_list=False),
    "does_not_include": Includes(is_negative=True, is_list=False),
    "includes_any_of": Includes(is_negative=False, is_list=True),
    "includes_none_of": Includes(is_negative=True, is_list=True),
    "exists": Presence(is_negative=False),
    "is_missing": Presence(is_negative=True),
}
NUMBER_RANGE = NumberRange()
TIME_RANGE = Moment(_between_times, lambda v: f"between {when(v[0])} and {when(v[1])}", "times")
BETWEEN = "between"  # two numbers or two times: the values say which
NAMES = (*OPERATORS, BETWEEN)


def find(name: str, value: Any) -> Operator:
    """Return the operator of that name. Raises Unfit if there is none, or if "between" has no two bounds."""
    if name != BETWEEN:
        if name not in OPERATORS:
            raise Unfit(f"There is no operator “{name}”; there are {listed(NAMES, 'and')}.")
        return OPERATORS[name]
    if not isinstance(value, list) or len(value) != 2:
        raise Unfit("Expected two values, [from, to].")
    return TIME_RANGE if isinstance(value[0], str) and isinstance(value[1], str) else NUMBER_RANGE


def json_schemas() -> list[dict[str, Any]]:
    """Return, for each shape of value, which operators take it."""
    shapes: list[tuple[Any, list[str]]] = []
    for name, operator in [*OPERATORS.items(), (BETWEEN, NUMBER_RANGE), (BETWEEN, TIME_RANGE)]:
        takes = operator.takes if operator.needs_value else None
        for shape, names in shapes:
            if shape == takes:
                names.append(name)
                break
        else:
            shapes.append((takes, [name]))
    return [_shape_schema(takes, names) for takes, names in shapes]


def _shape_schema(takes: dict[str, Any] | None, names: list[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {"operator": {"enum": names}}
    if takes is None:
        return {"properties": properties | {"value": False, "or_missing": False}}
    return {"properties": properties | {"value": takes}, "required": ["value"]}
