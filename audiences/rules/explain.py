"""Why somebody is in or out: the rule as a tree, with each part's verdict and the value that decided it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audiences.rules import schema, tree

if TYPE_CHECKING:
    from audiences.facts import Facts


@dataclass(frozen=True)
class Node:
    """One part of the rule. ``kind`` is all, any or none for a group, else what the condition is on."""

    kind: str
    verdict: bool
    sentence: str
    seen: str
    children: tuple[Node, ...] = ()

    @property
    def is_group(self) -> bool:
        return self.kind in schema.GROUPS

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "seen": self.seen,
            "children": [child.as_json() for child in self.children],
        }


GROUP_SENTENCES = {
    "all": "All of these hold",
    "any": "At least one of these holds",
    "none": "None of these holds",
}


def explain(rule: Any, facts: Facts, *, now: datetime) -> Node:
    """Return the tree for one person at ``now``. Raises as ``memory.matches``."""
    return _explained(schema.parse(rule), facts, now)


def explain_properties(rule: Any, properties: Mapping[str, Any], *, now: datetime) -> Node:
    """Return the tree of a filter for one event's properties. Raises InvalidRule."""
    return _explained(schema.parse_properties(rule), properties, now)


def _explained(node: tree.Node, subject: Any, now: datetime) -> Node:
    is_group = isinstance(node, tree.Group)
    return Node(
        kind=node.kind if isinstance(node, tree.Group) else str(type(node).__struct_config__.tag),
        verdict=node.holds(subject, now),
        sentence=GROUP_SENTENCES[node.kind] if isinstance(node, tree.Group) else node.words(),
        seen="" if is_group else node.seen(subject, now),
        children=tuple(_explained(part, subject, now) for part in node.parts()),
    )
