"""Reading rules: JSON becomes nodes, or InvalidRule says where and why not. The one validation there is."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from audiences.rules.kinds import KINDS
from audiences.rules.phrases import listed
from audiences.rules.tree import Condition, Group, InvalidRule, Node

DEEPEST = 20
MOST_CONDITIONS = 500
GROUPS = ("all", "any", "none")


def check(rule: Any) -> None:
    """Raise InvalidRule unless ``rule`` is a rule about profiles."""
    parse(rule)


def check_properties(rule: Any) -> None:
    """Raise InvalidRule unless ``rule`` is a rule about one event's properties: a filter."""
    parse_properties(rule)


def parse(rule: Any) -> Node:
    """Return the rule about profiles as nodes; a parsed one comes back as it is. Raises InvalidRule."""
    return rule if isinstance(rule, Node) else _Reader("profile").read(rule, "", 0)


def parse_properties(rule: Any) -> Node:
    """Return the filter on an event's properties as nodes; a parsed one comes back as it is. Raises InvalidRule."""
    return rule if isinstance(rule, Node) else _Reader("event").read(rule, "", 0)


class _Reader:
    """Reads one rule, counting what it holds."""

    def __init__(self, about: str) -> None:
        self.about = about  # what conditions may be on: profiles, or an event's properties
        self.conditions = 0

    def read(self, raw: Any, path: str, depth: int) -> Node:
        if not isinstance(raw, dict):
            raise InvalidRule(path, f"Expected a group or a condition, an object; found {_kind(raw)}.")
        if depth > DEEPEST:
            raise InvalidRule(path, f"Groups are nested more than {DEEPEST} deep.")
        if "on" in raw:
            return self._condition(raw, path, depth)
        for kind in GROUPS:
            if kind in raw:
                return self._group(kind, raw, path, depth)
        raise InvalidRule(
            path, 'Expected a group (a key "all", "any" or "none") or a condition (a key "on").'
        )

    def _group(self, kind: str, raw: dict[str, Any], path: str, depth: int) -> Group:
        if len(raw) > 1:
            others = ", ".join(f"“{key}”" for key in raw if key != kind)
            raise InvalidRule(path, f"A group has one key; beside “{kind}” there is {others}.")
        if not isinstance(raw[kind], list):
            raise InvalidRule(_join(path, kind), f"Expected a list of rules; found {_kind(raw[kind])}.")
        return Group(
            kind,
            tuple(
                self.read(member, _join(path, f"{kind}[{index}]"), depth + 1)
                for index, member in enumerate(raw[kind])
            ),
        )

    def _condition(self, raw: dict[str, Any], path: str, depth: int) -> Condition:
        self.conditions += 1
        if self.conditions > MOST_CONDITIONS:
            raise InvalidRule(path, f"A rule holds at most {MOST_CONDITIONS} conditions.")
        try:
            condition = msgspec.convert(raw, self._kind_of(raw["on"]))
            condition.check()
        except InvalidRule as exc:
            raise InvalidRule(_join(path, exc.path), exc.message) from exc
        except msgspec.ValidationError as exc:
            raise _translated(path, str(exc)) from exc
        return self._with_parts(condition, path, depth)

    def _kind_of(self, name: Any) -> type[Condition]:
        allowed = {key: kind for key, kind in KINDS.items() if kind.about == self.about}
        if not isinstance(name, str) or name not in KINDS:
            raise InvalidRule("on", f"Expected {listed(map(repr, allowed), 'or')}; found {name!r}.")
        if name not in allowed:
            where = "on profiles" if self.about == "profile" else "on the properties of an event"
            raise InvalidRule("on", f"Only conditions {where} may stand here, not on “{name}”.")
        return allowed[name]

    def _with_parts(self, condition: Condition, path: str, depth: int) -> Condition:
        """Read the rules inside a condition: an event's filters, a frozen segment's rule."""

        def read(raw: Any, inside: str) -> Node:
            about, self.about = self.about, condition.about_inside
            try:
                return self.read(raw, _join(path, inside), depth + 1)
            finally:
                self.about = about

        return condition.with_parts(read)


def _join(path: str, rest: str) -> str:
    return f"{path}.{rest}" if path and rest else path or rest


def _kind(raw: Any) -> str:
    if raw is None:
        return "null"
    named = {bool: "true or false", str: "a text", int: "a number", float: "a number", list: "a list"}
    return named.get(type(raw), type(raw).__name__)


def _translated(path: str, message: str) -> InvalidRule:
    """Say msgspec's complaint with our path: it writes " - at `$.field`" behind it."""
    found = re.fullmatch(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?", message, re.DOTALL)
    assert found
    what = found["what"].replace("Object missing required field", "Missing")
    what = what.replace("Object contains unknown field", "Unexpected")
    return InvalidRule(_join(path, found["where"] or ""), f"{what}.")


def json_schema() -> dict[str, Any]:
    """Return the language as a JSON Schema (2020-12), for integrators' editors; ``check`` has the last word."""
    about_profiles = [kind for kind in KINDS.values() if kind.about == "profile"]
    about_events = [kind for kind in KINDS.values() if kind.about == "event"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tact rule",
        "$ref": "#/$defs/rule",
        "$defs": {
            "rule": _node_schema("rule", about_profiles),
            "filter": _node_schema("filter", about_events),
        },
    }


def _node_schema(name: str, kinds: list[type[Condition]]) -> dict[str, Any]:
    groups = [
        {
            "type": "object",
            "properties": {group: {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}},
            "required": [group],
            "additionalProperties": False,
        }
        for group in GROUPS
    ]
    return {"anyOf": [*groups, *(kind.json_schema() for kind in kinds)]}
