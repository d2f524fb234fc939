"""What a template cannot do without, read from its parsed tree: who has all of it is never refused for a missing value.

The template is walked as it would run, with two things remembered on the way: which paths are certain to have a
value here, because a condition says so, and what each of the template's own variables may lack. Where that cannot be
decided the answer is a need too many, never one too few. Loop variables are outside of it: an entry without a value
that is printed refuses its person when the message is made.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import FilteredExpression, LoopExpression, Nil, Path, logical
from liquid.builtin.expressions.primitive import Blank, Empty, RangeLiteral
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.cycle_tag import CycleNode
from liquid.builtin.tags.decrement_tag import DecrementNode
from liquid.builtin.tags.echo_tag import EchoNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.increment_tag import IncrementNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.expression import Expression
from liquid.token import Token

from campaigns.liquid import complaints
from campaigns.liquid.abort import AbortNode
from campaigns.liquid.guards import Keys, certain, facts, keys_of
from campaigns.liquid.program import Program, children, names
from campaigns.liquid.syntax import Invalid, Places
from campaigns.liquid.values import ALWAYS_PRESENT, ROOTS, is_count, written
from campaigns.liquid.wire import Checked, Problem, Source

NEVER: Keys = (0,)  # stands among needs for what nobody can have
_NOTHING: frozenset[Keys] = frozenset()


def check(
    source: Source, *, roots: Iterable[str] = ROOTS, always_present: Iterable[str] = ALWAYS_PRESENT
) -> Checked:
    """Return a source's problems, or what it reads and needs."""
    try:
        program = Program(source)
    except Invalid as error:
        return Checked(errors=error.problems)
    reading = Reading(program.places, program.nodes, frozenset(roots), frozenset(always_present))
    return Checked(
        errors=sorted(reading.problems, key=lambda found: (found.line, found.column)),
        variables=[written(keys) for keys in reading.variables],
        needs=[written(keys) for keys in reading.needs],
    )


@dataclass(frozen=True)
class Variable:
    """What one of the template's own variables may lack: data it was made of, or a value at all."""

    needs: frozenset[Keys] = _NOTHING
    aliases: frozenset[Keys] = _NOTHING  # paths whose value it simply is, so that its members are theirs
    may_be_unset: bool = False

    def joined(self, other: "Variable | None") -> "Variable":
        if other is None:
            return replace(self, may_be_unset=True)
        return Variable(
            self.needs | other.needs, self.aliases | other.aliases, self.may_be_unset or other.may_be_unset
        )


@dataclass(frozen=True)
class State:
    """What is known at one point of the template."""

    variables: dict[str, Variable] = field(default_factory=dict)
    known: frozenset[Keys] = _NOTHING  # paths that have a value
    is_never: bool = False  # nobody gets here: the message was aborted

    def knowing(self, more: Iterable[Keys]) -> "State":
        return replace(self, known=self.known.union(*(certain(keys) for keys in more)))

    def setting(self, name: str, variable: Variable) -> "State":
        known = frozenset(keys for keys in self.known if keys[0] != name)
        return replace(self, variables={**self.variables, name: variable}, known=known)

    def joined(self, other: "State") -> "State":
        if self.is_never or other.is_never:
            return self if other.is_never else other
        variables = {}
        for name in self.variables.keys() | other.variables.keys():
            ours, theirs = self.variables.get(name), other.variables.get(name)
            variables[name] = ours.joined(theirs) if ours else theirs.joined(None) if theirs else Variable()
        return State(variables, self.known & other.known)


class Reading:
    """One walk through a template."""

    def __init__(
        self, places: Places, nodes: list[Node], roots: frozenset[str], always_present: frozenset[str]
    ) -> None:
        self.needs: dict[Keys, None] = {}
        self.variables: dict[Keys, None] = {}
        self.problems: set[Problem] = set()
        self._places = places
        self._roots = roots
        self._always_present = always_present
        assigned, counters = names(nodes)
        self._own = assigned | counters
        self._loops: list[str] = []
        self._exits: list[
            list[State]
        ] = []  # states at the {% break %} and {% continue %} of each loop we are in
        self._visits: dict[type, Callable[[Any, State], State]] = {
            OutputNode: self._print,
            EchoNode: self._print,
            IfNode: self._if,
            UnlessNode: self._if,
            CaseNode: self._case,
            ForNode: self._loop,
            TablerowNode: self._loop,
            BreakNode: self._leave,
            ContinueNode: self._leave,
            AssignNode: self._assign,
            CaptureNode: self._capture,
            CycleNode: self._cycle,
            IncrementNode: self._counter,
            DecrementNode: self._counter,
            AbortNode: lambda node, state: replace(state, is_never=True),
        }
        self._nodes(nodes, State())

    # nodes: each takes what is known before it and returns what is known after it

    def _nodes(self, nodes: Iterable[Node], state: State) -> State:
        for node in nodes:
            visit = self._visits.get(type(node))
            state = visit(node, state) if visit else self._nodes(children(node), state)
        return state

    def _block(self, block: BlockNode | None, state: State) -> State:
        return self._nodes(block.nodes, state) if block is not None else state

    def _print(self, node: Any, state: State) -> State:
        self._require(node.expression, state)
        return state

    def _if(self, node: Any, state: State) -> State:
        self._read(node.condition, state)
        true, false = facts(node.condition)
        if isinstance(node, UnlessNode):
            true, false = false, true
        after = self._block(node.consequence, state.knowing(true))
        state = state.knowing(false)
        for each in node.alternatives:
            self._read(each.expression, state)
            true, false = facts(each.expression)
            after = after.joined(self._block(each.block, state.knowing(true)))
            state = state.knowing(false)
        return after.joined(self._block(node.default, state))

    def _case(self, node: CaseNode, state: State) -> State:
        """Every matching {% when %} is done, and more than one may match; {% else %} only if none before did."""
        self._read(node.expression, state)
        otherwise = state
        for block in node.blocks:
            if isinstance(block, MultiExpressionBlockNode):
                pairs = [
                    logical.EqExpression(block.token, node.expression, each)
                    for each in block.expression.expressions
                ]
                for pair in pairs:
                    self._read(pair.right, state)
                found = [facts(pair) for pair in pairs]
                true = frozenset.intersection(*(each[0] for each in found))
                otherwise = otherwise.knowing(frozenset().union(*(each[1] for each in found)))
                state = state.joined(self._block(block.block, state.knowing(true)))
            else:
                state = state.joined(
                    self._block(block, State(state.variables, state.known | otherwise.known))
                )
        return state

    def _loop(self, node: Any, state: State) -> State:
        loop: LoopExpression = node.expression
        self._read(loop.iterable, state)
        for each in (loop.limit, loop.offset, loop.cols):
            if each is not None:
                self._require(each, state)
        name = str(loop.identifier)
        self._own_name(name, loop.token)
        inside = state.setting(name, Variable()) if name in state.variables else state
        inside = inside.knowing([keys] if (keys := keys_of(loop.iterable)) else [])
        inside = State(state.variables, frozenset(keys for keys in inside.known if keys[0] != name))
        self._loops.append(name)
        while True:
            self._exits.append([])
            again = inside.joined(self._block(node.block, inside))
            for exit_state in self._exits.pop():
                again = again.joined(exit_state)
            if again == inside:
                break
            inside = again
        self._loops.pop()
        after = State(inside.variables, inside.known & state.known)
        return after.joined(self._block(getattr(node, "default", None), state))

    def _leave(self, node: Node, state: State) -> State:
        if self._exits:
            self._exits[-1].append(state)
        return state

    def _assign(self, node: AssignNode, state: State) -> State:
        self._own_name(str(node.name), node.token)
        return state.setting(str(node.name), self._value(node.expression, state))

    def _capture(self, node: CaptureNode, state: State) -> State:
        self._own_name(str(node.name), node.token)
        return self._block(node.block, state).setting(str(node.name), Variable())

    def _cycle(self, node: CycleNode, state: State) -> State:
        if node.group is not None:
            self._read(node.group, state)
        for each in node.args:
            self._require(each, state)
        return state

    def _counter(self, node: Any, state: State) -> State:
        self._own_name(str(node.name), node.token)
        return state if node.name in state.variables else state.setting(str(node.name), Variable())

    # expressions

    def _require(self, expression: Expression, state: State) -> None:
        """Note what an expression needs in order to have a value here."""
        value = self._value(expression, state)
        for keys in sorted(value.needs, key=str):
            if keys == NEVER:
                self._problem(expression.token, complaints.never_a_value())
            else:
                self.needs.setdefault(keys)
        if value.may_be_unset:
            self._problem(expression.token, complaints.perhaps_unset(str(expression)))

    def _read(self, expression: Expression, state: State) -> None:
        """Note what is read where a missing value does no harm."""
        self._value(expression, state)

    def _value(self, expression: Expression, state: State) -> Variable:
        """Return what an expression's value may lack; note what working it out needs in any case."""
        if isinstance(expression, Path):
            return self._path(expression, state)
        if isinstance(expression, FilteredExpression):
            return self._filtered(expression, state)
        if isinstance(expression, RangeLiteral):
            self._require(expression.start, state)
            self._require(expression.stop, state)
        elif isinstance(expression, (Nil, Blank, Empty)):
            return Variable(frozenset({NEVER}))
        else:
            for each in expression.children():
                self._read(each, state)
        return Variable()

    def _filtered(self, expression: FilteredExpression, state: State) -> Variable:
        value = self._value(expression.left, state)
        for used in expression.filters or []:
            arguments = [self._value(each.value, state) for each in used.args]
            if used.name == "default":
                value = arguments[0] if arguments else Variable()
                continue
            for each in used.args:
                self._require(each.value, state)
            value = Variable() if used.name == "concat" else replace(value, aliases=_NOTHING)
        return value

    def _path(self, path: Path, state: State) -> Variable:
        for key in path.path:
            if isinstance(key, Path):
                self._require(key, state)
        keys = keys_of(path) or _static_start(path)
        root = str(keys[0])
        if root in self._loops or root in ("forloop", "tablerowloop"):
            return Variable()
        if root in self._own:
            return self._own_value(keys, state)
        if root not in self._roots:
            near = get_close_matches(root, self._roots | self._own, 1) or [f"profile.{root}"]
            self._problem(path.token, complaints.unknown_variable(root, near))
            return Variable()
        self.variables.setdefault(keys)
        if root in self._always_present or keys in state.known or is_count(keys):
            return Variable(aliases=frozenset({keys}))
        return Variable(frozenset({keys}), aliases=frozenset({keys}))

    def _own_value(self, keys: Keys, state: State) -> Variable:
        variable = state.variables.get(str(keys[0]), Variable(may_be_unset=True))
        if keys in state.known:
            return Variable(aliases=variable.aliases if len(keys) == 1 else _NOTHING)
        if len(keys) == 1:
            return variable
        members = frozenset(alias + keys[1:] for alias in variable.aliases)
        for each in members:
            self.variables.setdefault(each)
        needs = variable.needs - variable.aliases | members
        needs = frozenset(
            each for each in needs if each not in state.known and each[0] not in self._always_present
        )
        return Variable(needs, members, variable.may_be_unset)

    # problems

    def _own_name(self, name: str, token: Token) -> None:
        if name in self._roots:
            self._problem(token, complaints.taken(name))

    def _problem(self, token: Token | None, message: str) -> None:
        self.problems.add(self._places.problem(token.start_index if token is not None else 0, message))


def _static_start(path: Path) -> Keys:
    keys: list[str | int] = []
    for key in path.path:
        if isinstance(key, Path):
            break
        keys.append(key)
    return tuple(keys)
