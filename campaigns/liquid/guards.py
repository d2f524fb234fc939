"""What a condition says about which paths have a value, when it is true and when it is false."""

from typing import Any

from liquid.builtin.expressions import BooleanExpression, Nil, Path, StringLiteral, logical
from liquid.builtin.expressions.primitive import Blank, Empty, IntegerLiteral, Literal
from liquid.expression import Expression

from campaigns.liquid.values import ROOTS, Key, is_count, is_missing

Keys = tuple["Key | Keys", ...]
Facts = tuple[frozenset[Keys], frozenset[Keys]]

_NONE: frozenset[Keys] = frozenset()
_COMPARED = (logical.LtExpression, logical.LeExpression, logical.GtExpression, logical.GeExpression)


def keys_of(expression: Expression) -> Keys | None:
    """Return a path's keys, those that another path names as that path's; None for what is no path."""
    if not isinstance(expression, Path):
        return None
    return tuple(keys_of(key) if isinstance(key, Path) else key for key in expression.path)  # type: ignore[misc]


def mentions(keys: Keys, name: str) -> bool:
    """Whether a path starts with a name, or one inside it does."""
    return keys[0] == name or any(isinstance(key, tuple) and mentions(key, name) for key in keys)


def is_dynamic(keys: Keys) -> bool:
    return any(isinstance(key, tuple) for key in keys)


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
        return _paths(condition.left, condition.right) | _not_empty(condition), _NONE
    return _paths(condition), _NONE


def is_nothing(expression: Expression) -> bool:
    """Whether it is written as nil, blank, empty or a text of nothing."""
    if isinstance(expression, StringLiteral):
        return is_missing(expression.value)
    return isinstance(expression, (Nil, Blank, Empty))


def _not_empty(condition: Expression) -> frozenset[Keys]:
    """Return the template's own list that has entries if its size is found to be more than 0."""
    if not isinstance(condition, (logical.GtExpression, logical.GeExpression)):
        return _NONE
    keys, least = keys_of(condition.left), condition.right
    is_size = keys is not None and len(keys) == 2 and keys[1] == "size" and keys[0] not in ROOTS
    if keys is None or not is_size or not isinstance(least, IntegerLiteral):
        return _NONE
    has_some = least.value >= isinstance(condition, logical.GeExpression)
    return frozenset({keys[:1]}) if has_some else _NONE


def _equal(left: Any, right: Any) -> Facts:
    for one, other in ((left, right), (right, left)):
        if is_nothing(other):
            return _NONE, _paths(one)
        if isinstance(other, Literal):
            return _paths(one), _NONE
    return _NONE, _NONE


def _paths(*expressions: Expression) -> frozenset[Keys]:
    return frozenset(keys for each in expressions if (keys := keys_of(each)) is not None)
