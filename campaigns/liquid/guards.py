"""What a condition says about which paths have a value, when it is true and when it is false."""

from typing import Any

from liquid.builtin.expressions import BooleanExpression, Nil, Path, StringLiteral, logical
from liquid.builtin.expressions.primitive import Blank, Empty, Literal
from liquid.expression import Expression

from campaigns.liquid.values import Key, is_count, is_missing

Keys = tuple[Key, ...]
Facts = tuple[frozenset[Keys], frozenset[Keys]]

_NONE: frozenset[Keys] = frozenset()
_COMPARED = (logical.LtExpression, logical.LeExpression, logical.GtExpression, logical.GeExpression)


def keys_of(expression: Expression) -> Keys | None:
    """Return a path's keys; None for what is no path or names a key by another path."""
    if not isinstance(expression, Path) or any(isinstance(key, Path) for key in expression.path):
        return None
    return tuple(expression.path)  # type: ignore[arg-type]


def certain(keys: Keys) -> list[Keys]:
    """Return all paths that have a value if this one has.

    A list of size 0 has a size and yet nothing in it, and what never happened has a count.
    """
    found = [keys]
    while len(keys) > 1 and keys[-1] != "size" and not is_count(keys):
        keys = keys[:-1]
        found.append(keys)
    return found


def facts(condition: Expression) -> Facts:
    """Return the paths that have a value if the condition is true, and those that have one if it is false."""
    if isinstance(condition, BooleanExpression):
        return facts(condition.expression)
    if isinstance(condition, logical.LogicalAndExpression):
        (left_true, left_false), (right_true, right_false) = facts(condition.left), facts(condition.right)
        return left_true | right_true, left_false & right_false
    if isinstance(condition, logical.LogicalOrExpression):
        (left_true, left_false), (right_true, right_false) = facts(condition.left), facts(condition.right)
        return left_true & right_true, left_false | right_false
    if isinstance(condition, logical.EqExpression):
        return _equal(condition.left, condition.right)
    if isinstance(condition, logical.NeExpression):
        true, false = _equal(condition.left, condition.right)
        return false, true
    if isinstance(condition, (*_COMPARED, logical.ContainsExpression)):
        return _paths(condition.left, condition.right), _NONE
    return _paths(condition), _NONE


def _equal(left: Any, right: Any) -> Facts:
    for one, other in ((left, right), (right, left)):
        if isinstance(other, (Nil, Blank, Empty)) or (
            isinstance(other, StringLiteral) and is_missing(other.value)
        ):
            return _NONE, _paths(one)
        if isinstance(other, Literal):
            return _paths(one), _NONE
    return _NONE, _NONE


def _paths(*expressions: Expression) -> frozenset[Keys]:
    return frozenset(keys for each in expressions if (keys := keys_of(each)) is not None)
