"""What a rule compares: a column, or a path inside a JSON document; and how SQL reads its value by type."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

from audiences.rules import times, values
from audiences.rules.fragments import Fragment, identifier, sql


class Operand(Protocol):
    """What operators ask of an operand. Each fragment is NULL where the value is missing or of another type."""

    def typed(self, type_: str) -> Fragment:
        """Return the value if it is of ``type_``: any, text, number, time or array."""

    def compares(self, sign: str, value: int | float) -> Fragment:
        """Return whether it is a number for which ``sign`` (<, <=, > or >=) holds."""

    def lies_between(self, low: int | float, high: int | float) -> Fragment: ...
    def within(self, span: times.Span) -> Fragment:
        """Return a condition on the time there."""

    def equals(self, value: values.Scalar) -> Fragment: ...
    def differs(self, value: values.Scalar) -> Fragment: ...
    def among(self, options: list[values.Scalar]) -> Fragment: ...
    def not_among(self, options: list[values.Scalar]) -> Fragment: ...
    def includes(self, element: values.Scalar) -> Fragment: ...


@dataclass(frozen=True)
class Column:
    """A column of one type; what a rule compares it with was checked to be of that type."""

    name: Fragment
    type_: str

    def typed(self, type_: str) -> Fragment:
        return self.name if type_ in ("any", self.type_) else Fragment("NULL")

    def compares(self, sign: str, value: int | float) -> Fragment:
        return sql(f"{{}} {sign} {{}}", self.typed("number"), _float(value))

    def lies_between(self, low: int | float, high: int | float) -> Fragment:
        return sql("{} BETWEEN {} AND {}", self.typed("number"), _float(low), _float(high))

    def within(self, span: times.Span) -> Fragment:
        return span.sql(self.name)

    def _value(self, value: values.Scalar) -> Fragment:
        return _float(value) if values.is_number(value) else sql("{}", value)

    def equals(self, value: values.Scalar) -> Fragment:
        return sql("{} = {}", self.name, self._value(value))

    def differs(self, value: values.Scalar) -> Fragment:
        return sql("{} <> {}", self.name, self._value(value))

    def _array(self, options: list[values.Scalar]) -> Fragment:
        return (
            sql("{}::text[]", options)
            if self.type_ == "text"
            else sql("{}::float8[]", [float(o) for o in options])
        )

    def among(self, options: list[values.Scalar]) -> Fragment:
        return sql("{} = ANY({})", self.name, self._array(options))

    def not_among(self, options: list[values.Scalar]) -> Fragment:
        return sql("{} <> ALL({})", self.name, self._array(options))

    def includes(self, element: values.Scalar) -> Fragment:
        raise TypeError("A column is no array")


def _float(value: Any) -> Fragment:
    return sql("{}::float8", float(value))


MANY = 20  # options from which one hashed comparison beats as many look-ups in the GIN index


@dataclass(frozen=True)
class Json:
    """A path inside a jsonb document. Equality is written as containment, which the GIN index serves.

    Ranges of numbers use jsonb's own order, which an index on the value itself serves. It goes by type first: null,
    text, numbers, false, true, arrays, objects; only an empty array comes before all.
    """

    document: Fragment
    path: tuple[str, ...]

    def _value(self) -> Fragment:
        return sql("{}" + " -> {}" * len(self.path), self.document, *self.path)

    def _text(self) -> Fragment:
        return sql("{}" + " -> {}" * (len(self.path) - 1) + " ->> {}", self.document, *self.path)

    def typed(self, type_: str) -> Fragment:
        if type_ == "number":
            return sql("CASE WHEN jsonb_typeof({}) = 'number' THEN {} END", self._value(), self._value())
        if type_ == "time":
            return times.instant_sql(self._text())
        if type_ == "text":
            return sql("CASE WHEN jsonb_typeof({}) = 'string' THEN {} END", self._value(), self._text())
        if type_ == "array":
            return sql("CASE WHEN jsonb_typeof({}) = 'array' THEN {} END", self._value(), self._value())
        return sql("NULLIF({}, 'null'::jsonb)", self._value())

    def compares(self, sign: str, value: int | float) -> Fragment:
        is_number = "({}) < 'false'::jsonb" if sign.startswith(">") else "jsonb_typeof({}) = 'number'"
        return sql(f"(({{}}) {sign} {{}} AND {is_number})", self._value(), _number(value), self._value())

    def lies_between(self, low: int | float, high: int | float) -> Fragment:
        return sql("({}) BETWEEN {} AND {}", self._value(), _number(low), _number(high))

    def within(self, span: times.Span) -> Fragment:
        return span.sql_in_text(self._text())

    def contains(self, value: Any) -> Fragment:
        for key in reversed(self.path):
            value = {key: value}
        return sql("{} @> {}::jsonb", self.document, json_text(value))

    def equals(self, value: values.Scalar) -> Fragment:
        return self.contains(value)

    def differs(self, value: values.Scalar) -> Fragment:
        return self.not_among([value])

    def among(self, options: list[values.Scalar]) -> Fragment:
        if len(options) <= MANY:
            return sql(" OR ".join("{}" for _ in options), *(self.contains(option) for option in options))
        return sql("{} = ANY({}::jsonb[])", self._value(), [json_text(option) for option in options])

    def not_among(self, options: list[values.Scalar]) -> Fragment:
        return sql("({}) <> ALL({}::jsonb[])", self._value(), ["null", *map(json_text, options)])

    def includes(self, element: values.Scalar) -> Fragment:
        return self.contains([element])


def _number(value: int | float) -> Fragment:
    return sql("{}::jsonb", str(values.exact(value)))


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


# The attributes that are columns of a profile, by type.
COLUMNS = {
    "external_id": "text",
    "email": "text",
    "phone": "text",
    "first_name": "text",
    "last_name": "text",
    "language": "text",
    "timezone": "text",
    "country": "text",
    "region": "text",
    "city": "text",
    "latitude": "number",
    "longitude": "number",
    "located_at": "time",
    "created_at": "time",
    "last_seen_at": "time",
}


def attribute(name: str, profile: str = "p") -> Operand:
    """Return where the attribute lies; ``profile`` is the table's alias in the statement."""
    if name in COLUMNS:
        return Column(identifier(f"{profile}.{name}"), COLUMNS[name])
    return Json(identifier(f"{profile}.attributes"), tuple(name.split(".")))
