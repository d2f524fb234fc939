"""A parsed template's nodes, and the names that it gives values to itself."""

from __future__ import annotations

from liquid.ast import Node
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.decrement_tag import DecrementNode
from liquid.builtin.tags.increment_tag import IncrementNode

from campaigns.liquid.values import ROOTS

KEEPING = frozenset({"where", "reject", "sort", "sort_natural", "uniq", "reverse", "compact"})
"""Filters whose result has the same entries, or some of them."""

PICKING = frozenset({"first", "last", "find"})
"""Filters whose result is an entry."""


def names(nodes: list[Node]) -> tuple[dict[str, bool], frozenset[str]]:
    """Return the names that a template gives values to itself: its variables and its counters.

    With each variable stands whether it never is anything but a value of the person's data.
    """
    variables: dict[str, bool] = {}
    counters: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (AssignNode, CaptureNode)):
            name = str(node.name)
            variables[name] = variables.get(name, True) and isinstance(node, AssignNode) and is_taken(node)
        elif isinstance(node, (IncrementNode, DecrementNode)):
            counters.add(str(node.name))
        waiting.extend(children(node))
    return variables, frozenset(counters)


def is_taken(node: AssignNode) -> bool:
    """Whether an assignment only takes from the data: {% assign x = event.items | sort: "price" %}."""
    value = node.expression
    if not isinstance(value, FilteredExpression) or not isinstance(value.left, Path):
        return False
    if str(value.left.path[0]) not in ROOTS:
        return False
    return all(used.name in KEEPING or used.name in PICKING for used in value.filters or [])


def children(node: Node) -> list[Node]:
    """Return the nodes directly inside a node."""
    return list(node.children(None))  # type: ignore[arg-type]  # it is for templates that load others
