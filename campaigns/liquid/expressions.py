"""Builds, from parsed expressions, the functions that work out their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from liquid import Markup
from liquid.builtin.expressions import (
    BooleanExpression,
    FilteredExpression,
    LoopExpression,
    Nil,
    Path,
    StringLiteral,
    logical,
)
from liquid.builtin.expressions.arguments import KeywordArgument
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.primitive import Blank, Empty, Literal, RangeLiteral
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.limits import to_int
from liquid.token import Token

from campaigns.liquid import complaints
from campaigns.liquid.blocks import RenderNode
from campaigns.liquid.environments import Liquid, function, or_else, wants
from campaigns.liquid.evaluate import Frame, Missing, Place, Refusal, Value, contains, equal, is_true, less
from campaigns.liquid.limits import TooMuch, few
from campaigns.liquid.syntax import Places, check_filter
from campaigns.liquid.tree import names
from campaigns.liquid.values import Absent, is_count, is_missing, step
from campaigns.liquid.values import entries as as_entries

SPECIAL = ("size", "first", "last")
_TAKE_MISSING = ("default", "concat")


class Expressions:
    """Builds values for one template.

    ``variables`` and ``loops`` (the loop variables in scope) say of each whether it always comes from data.
    """

    def __init__(
        self, env: Liquid, places: Places, variables: dict[str, bool], counters: frozenset[str]
    ) -> None:
        self.env = env
        self.places = places
        self.variables = variables
        self.counters = counters
        self.loops: list[tuple[str, bool]] = []
        self.arguments: dict[str, bool] = {}  # of the blocks around
        self._builders: dict[type, Callable[[Any], Value]] = {
            Path: self._path,
            RangeLiteral: self._range,
            FilteredExpression: self._filtered,
            BooleanExpression: lambda expression: self.value(expression.expression),
            logical.LogicalAndExpression: self._and,
            logical.LogicalOrExpression: self._or,
            logical.EqExpression: self._equal,
            logical.NeExpression: self._unequal,
            logical.ContainsExpression: self._contains,
            logical.LtExpression: lambda pair: self._less(pair, pair.left, pair.right, or_equal=False),
            logical.LeExpression: lambda pair: self._less(pair, pair.left, pair.right, or_equal=True),
            logical.GtExpression: lambda pair: self._less(pair, pair.right, pair.left, or_equal=False),
            logical.GeExpression: lambda pair: self._less(pair, pair.right, pair.left, or_equal=True),
        }

    def inside(self, node: RenderNode) -> Expressions:
        """Return what builds the values within a block: all it sees of the names outside is what it is given."""
        given = [(each.name, each.value) for each in node.args]
        if node.var is not None and not node.loop:
            given.append((node.bound, node.var))
        arguments = self.arguments | {name: self.from_data(value) for name, value in given}
        assigned, counters = names(node.block.nodes)
        variables = arguments | {
            name: is_data and arguments.get(name, True) for name, is_data in assigned.items()
        }
        within = Expressions(self.env, self.places, variables, counters)
        within.arguments = arguments
        return within

    def place(self, token: Token | None) -> Place:
        return self.places.of(max(token.start_index, 0)) if token is not None else (0, 0)

    def value(self, expression: Expression) -> Value:
        """Return the function that works out an expression. Raises LiquidError for what we do not know."""
        if isinstance(expression, (Literal, Nil, Blank, Empty)):
            constant = self._constant(expression)
            return lambda frame: constant
        build = self._builders.get(type(expression))
        if build is None:
            raise LiquidError("this is not supported", token=expression.token)
        return build(expression)

    def condition(self, expression: Expression) -> Callable[[Frame], bool]:
        inner = self.value(expression)
        return lambda frame: is_true(inner(frame))

    def from_data(self, expression: Expression) -> bool:
        """Whether a path starts in the person's data, where white space is no value."""
        if not isinstance(expression, Path):
            return False
        root = expression.path[0]
        for name, is_data in reversed(self.loops):
            if name == root:
                return is_data
        return self.variables.get(str(root), root not in self.counters)

    def _constant(self, expression: Any) -> Any:
        if isinstance(expression, StringLiteral):
            return Markup(expression.value) if self.env.autoescape else expression.value
        if isinstance(expression, Nil):
            return None
        return expression.value if isinstance(expression, Literal) else expression

    # paths

    def _path(self, path: Path) -> Value:
        root, *rest = path.path
        if not isinstance(root, str):
            raise LiquidError("A name is missing before the bracket.", token=path.token)
        missing = Missing(str(path), self.place(path.token))
        start = self._root(root, missing)
        if is_count(path.path):
            return _or_zero(self._computed(path, start, missing))
        if any(isinstance(key, Path) for key in rest):
            return self._computed(path, start, missing)
        is_data = self.from_data(path)
        is_root = root not in self.variables or any(root == loop for loop, _ in self.loops)
        if is_data and is_root and len(rest) == 1 and isinstance(rest[0], str) and rest[0] not in SPECIAL:
            return self._member(root, rest[0], missing)

        def follow(frame: Frame) -> Any:
            try:
                value = start(frame)
                for key in rest:
                    value = step(value, key)
            except Absent:
                return missing
            return missing if value is None or (is_data and is_missing(value)) else value

        return follow if rest or is_data else start

    def _root(self, name: str, missing: Missing) -> Value:
        if any(name == loop for loop, _ in self.loops):
            return lambda frame: _present(frame.loops.get(name), missing)
        if name in self.variables or name in self.counters:
            return lambda frame: _present(frame.variables.get(name, frame.counters.get(name)), missing)
        if name in ("now", "today"):
            return lambda frame: frame.data.get(name, frame.now)
        return lambda frame: _present(frame.data.get(name), missing)

    def _member(self, root: str, key: Any, missing: Missing) -> Value:
        """The path nearly all templates are made of, name.name, without a loop over its keys."""
        in_loop = any(root == loop for loop, _ in self.loops)

        def of_data(frame: Frame) -> Any:
            try:
                value = frame.data[root][key]
            except (KeyError, TypeError, IndexError):
                return missing
            return (
                missing
                if value is None or (value.__class__ is str and (not value or value.isspace()))
                else value
            )

        def of_entry(frame: Frame) -> Any:
            try:
                value = frame.loops[root][key]
            except (KeyError, TypeError, IndexError):
                return missing
            return (
                missing
                if value is None or (value.__class__ is str and (not value or value.isspace()))
                else value
            )

        return of_entry if in_loop else of_data

    def _computed(self, path: Path, start: Value, missing: Missing) -> Value:
        keys = [self.value(key) if isinstance(key, Path) else _always(key) for key in path.path[1:]]

        def follow(frame: Frame) -> Any:
            value = start(frame)
            try:
                for key in keys:
                    value = step(value, _needed(key(frame)))
            except Absent:
                return missing
            return missing if is_missing(value) else value

        return follow

    # conditions

    def _pair(self, expression: Any) -> tuple[Value, Value]:
        return self.value(expression.left), self.value(expression.right)

    def _and(self, expression: Any) -> Value:
        left, right = self._pair(expression)
        return lambda frame: is_true(left(frame)) and is_true(right(frame))

    def _or(self, expression: Any) -> Value:
        left, right = self._pair(expression)
        return lambda frame: is_true(left(frame)) or is_true(right(frame))

    def _equal(self, expression: Any) -> Value:
        left, right = self._pair(expression)
        return lambda frame: equal(left(frame), right(frame))

    def _unequal(self, expression: Any) -> Value:
        left, right = self._pair(expression)
        return lambda frame: not equal(left(frame), right(frame))

    def _contains(self, expression: Any) -> Value:
        left, right = self._pair(expression)
        place = self.place(expression.token)
        return lambda frame: contains(left(frame), right(frame), place)

    def _less(self, expression: Any, smaller: Expression, larger: Expression, *, or_equal: bool) -> Value:
        left, right, place = self.value(smaller), self.value(larger), self.place(expression.token)
        return lambda frame: less(left(frame), right(frame), place, or_equal=or_equal)

    # ranges and loops

    def _range(self, expression: RangeLiteral) -> Value:
        start, stop = self.number(expression.start), self.number(expression.stop)

        def numbers(frame: Frame) -> range:
            first, last = start(frame), stop(frame)
            few(last - first)
            return range(first, last + 1)

        return numbers

    def number(self, expression: Expression) -> Callable[[Frame], int]:
        value, place = self.value(expression), self.place(expression.token)

        def whole(frame: Frame) -> int:
            number = _needed(value(frame))
            try:
                return to_int(number)
            except (ValueError, TypeError, OverflowError, LiquidError) as error:
                raise Refusal(f"{expression} is no whole number.", place) from error

        return whole

    def entries(self, loop: LoopExpression) -> Callable[[Frame], list[Any]]:
        """Return the function that lists what a loop goes over: sliced, turned round."""
        value = self.value(loop.iterable)
        limit = self.number(loop.limit) if loop.limit is not None else None
        resume = isinstance(loop.offset, StringLiteral) and loop.offset.value == "continue"
        offset = self.number(loop.offset) if loop.offset is not None and not resume else None
        name, backwards = f"{loop.identifier}-{loop.iterable}", loop.reversed

        def listed(frame: Frame) -> list[Any]:
            items = as_entries(value(frame))
            start = frame.resumes.get(name, 0) if resume else max(offset(frame), 0) if offset else 0
            stop = len(items) if limit is None else max(start + limit(frame), 0)
            frame.resumes[name] = min(stop, len(items))
            chosen = items[start:stop] if start or stop < len(items) else items
            return chosen[::-1] if backwards else chosen

        return listed

    # filters

    def _filtered(self, expression: FilteredExpression) -> Value:
        value, text = self.value(expression.left), str(expression.left)
        place = self.place(expression.token)
        for each in expression.filters or []:
            value = self._apply(each, value, Missing(text, place))
            text = f"{text} | {each.name}"
        return value

    def _apply(self, used: Filter, left: Value, missing: Missing) -> Value:
        check_filter(used)
        if used.name == "default" and len(used.args) == 1 and isinstance(used.args[0].value, Literal):
            return self._or_constant(left, self._constant(used.args[0].value))
        call = self._call(used)
        if used.name in _TAKE_MISSING:
            return lambda frame: call(frame, None if (value := left(frame)).__class__ is Missing else value)

        def apply(frame: Frame) -> Any:
            value = left(frame)
            if value.__class__ is Missing:
                return value
            return missing if value is None else call(frame, value)

        return apply

    @staticmethod
    def _or_constant(left: Value, instead: Any) -> Value:
        """The filter that nearly all templates use, without the ceremony."""

        def apply(frame: Frame) -> Any:
            value = left(frame)
            if value.__class__ is Missing:
                return instead
            return or_else(value, instead)

        return apply

    def _call(self, used: Filter) -> Callable[[Frame, Any], Any]:
        run, place, name = function(self.env, used.name), self.place(used.token), used.name
        values = [self.value(each.value) for each in used.args if not isinstance(each, KeywordArgument)]
        named = {each.name: self.value(each.value) for each in used.args if isinstance(each, KeywordArgument)}
        wanted = wants(name)
        lenient = name == "default"  # its own argument may be missing, and is then the result

        def call(frame: Frame, value: Any) -> Any:
            arguments = [each(frame) if lenient else _needed(each(frame)) for each in values]
            keywords = {key: _needed(each(frame)) for key, each in named.items()}
            for each in wanted:
                keywords[each] = frame.given(each)
            try:
                result = run(value, *arguments, **keywords)
            except (TooMuch, Refusal, MemoryError):
                raise
            except LiquidError as error:
                raise Refusal(complaints.filter_failed(name, str(error.message)), place) from error
            except Exception as error:
                raise Refusal(complaints.filter_failed(name), place) from error
            frame.charge(result)
            return result

        return call


def _present(value: Any, missing: Missing) -> Any:
    return missing if value is None else value


def _or_zero(count: Value) -> Value:
    return lambda frame: 0 if (value := count(frame)).__class__ is Missing else value


def _needed(value: Any) -> Any:
    if value.__class__ is Missing:
        raise value.refusal()
    return value


def _always(constant: Any) -> Value:
    return lambda frame: constant
