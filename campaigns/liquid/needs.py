"""What a template cannot do without, read from its parsed tree: who has all of it is never refused for a missing value.

The template is walked as it would run, with two things remembered on the way: which paths are certain to have a
value here, because a condition says so, and what each of the template's own variables may lack. Where that cannot be
decided the answer is a need too many, never one too few; where no need would be enough, such as for what a filter may
not find, the author is asked for a default. What a loop prints of an entry every entry needs: ``event.items[*].name``.
"""

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import takewhile
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
from campaigns.liquid.blocks import RenderNode
from campaigns.liquid.guards import Keys, certain, facts, is_nothing, keys_of, mentions
from campaigns.liquid.lacking import NEVER, NOTHING, Variable, filtered
from campaigns.liquid.program import Program
from campaigns.liquid.syntax import Invalid, Places
from campaigns.liquid.tree import children, names
from campaigns.liquid.values import ALWAYS_PRESENT, ROOTS, is_count, written
from campaigns.liquid.wire import Checked, Problem, Source

_EVERY_LOOP = {"index", "index0", "rindex", "rindex0", "first", "last", "length"}
LIKE_A_SLIP = 0.8  # of a name that a block could be given: how near another must be to have been meant
OF_LOOPS = {
    "forloop": _EVERY_LOOP | {"name"},
    "tablerowloop": _EVERY_LOOP | {"row", "col", "col0", "col_first", "col_last"},
}


def check(
    source: Source,
    *,
    roots: Iterable[str] = ROOTS,
    always_present: Iterable[str] = ALWAYS_PRESENT,
    is_block: bool = False,
) -> Checked:
    """Return a source's problems, or what it reads and needs. Names that a block does not know are what it takes."""
    try:
        program = Program(source)
    except Invalid as error:
        return Checked(errors=error.problems)
    reading = Reading(program.places, program.nodes, frozenset(roots), frozenset(always_present), is_block)
    return Checked(
        errors=sorted(reading.problems, key=lambda found: (found.line, found.column)),
        variables=[written(keys) for keys in reading.variables],
        places=[reading.place(index) for index in reading.variables.values()],
        needs=[written(keys) for keys in reading.needs],
        blocks=program.places.blocks,
        takes=list(reading.takes),
    )


@dataclass(frozen=True)
class State:
    """What is known at one point of the template."""

    variables: dict[str, Variable] = field(default_factory=dict)
    known: frozenset[Keys] = NOTHING  # paths that have a value
    is_never: bool = False  # nobody gets here: the message was aborted

    def knowing(self, more: Iterable[Keys]) -> "State":
        return replace(self, known=self.known.union(*(certain(keys) for keys in more)))

    def setting(self, name: str, variable: Variable) -> "State":
        known = self.without(name).known
        return replace(self, variables={**self.variables, name: variable}, known=known)

    def without(self, name: str) -> "State":
        """Forget what is known of a name, which is something else from here on."""
        return replace(self, known=frozenset(keys for keys in self.known if not mentions(keys, name)))

    def joined(self, other: "State") -> "State":
        if self.is_never or other.is_never:
            return self if other.is_never else other
        variables = {}
        for name in self.variables.keys() | other.variables.keys():
            ours, theirs = self.variables.get(name), other.variables.get(name)
            both = ours.joined(theirs) if ours else theirs.joined(None) if theirs else Variable()
            variables[name] = both.within_reason()
        return State(variables, self.known & other.known)


class Reading:
    """One walk through a template."""

    def __init__(
        self,
        places: Places,
        nodes: list[Node],
        roots: frozenset[str],
        always_present: frozenset[str],
        is_block: bool = False,
    ) -> None:
        self.takes: dict[str, None] = {}
        self._is_block = is_block
        self._inside = ""  # the block whose words these are
        self._arguments: dict[str, Variable] = {}  # of the blocks around
        self.needs: dict[Keys, None] = {}
        self.variables: dict[Keys, int] = {}  # with where each is read first
        self.problems: set[Problem] = set()
        self._places = places
        self._roots = roots
        self._always_present = always_present
        assigned, counters = names(nodes)
        self._own: Set[str] = assigned.keys() | counters
        self._loops: list[tuple[str, str, Variable]] = []  # name, what tells of the loop, what is in the name
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
            RenderNode: self._render,
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
        listed = self._read(loop.iterable, state)
        for each in (loop.limit, loop.offset, loop.cols):
            if each is not None:
                self._require(each, state)
        name = str(loop.identifier)
        self._own_name(name, loop.token)
        inside = state.knowing([keys] if (keys := keys_of(loop.iterable)) else []).without(name)
        helper = "forloop" if isinstance(node, ForNode) else "tablerowloop"
        inside = self._rounds(name, helper, listed, node.block, inside)
        after = State(inside.variables, inside.known & state.known)
        return after.joined(self._block(getattr(node, "default", None), state))

    def _rounds(self, name: str, helper: str, listed: Variable, block: BlockNode, inside: State) -> State:
        """Return what is known inside a loop after any number of rounds."""
        self._loops.append((name, helper, listed.entry().within_reason()))
        while True:
            self._exits.append([])
            again = inside.joined(self._block(block, inside))
            for exit_state in self._exits.pop():
                again = again.joined(exit_state)
            if again == inside:
                break
            inside = again
        self._loops.pop()
        return inside

    def _render(self, node: RenderNode, state: State) -> State:
        """Inside a block only data is known by the names it has here; nothing that is set there is known after it."""
        given = {each.name: self._value(each.value, state).within_reason() for each in node.args}
        listed = self._read(node.var, state) if node.var is not None else Variable()
        if node.var is not None and not node.loop:
            given[node.bound] = listed.within_reason()
        for name in [*given, node.bound] if node.loop else given:
            self._own_name(name, node.token)
        outside = self._inside, self._arguments, self._own, self._loops, self._exits
        assigned, counters = names(node.block.nodes)
        self._inside, self._arguments = node.called, self._arguments | given
        self._own, self._loops, self._exits = assigned.keys() | counters | self._arguments.keys(), [], []
        known = frozenset(keys for keys in state.known if keys[0] in self._roots)
        begin = State(self._arguments, known)
        if node.loop:
            keys = keys_of(node.var) if node.var is not None else None
            begin = begin.knowing([keys] if keys and keys[0] in self._roots else [])
            self._rounds(node.bound, "forloop", listed, node.block, begin)
            is_never = False
        else:
            is_never = self._block(node.block, begin).is_never
        self._inside, self._arguments, self._own, self._loops, self._exits = outside
        return replace(state, is_never=is_never or state.is_never)

    def _leave(self, node: Node, state: State) -> State:
        if self._exits:
            self._exits[-1].append(state)
        return state

    def _assign(self, node: AssignNode, state: State) -> State:
        self._own_name(str(node.name), node.token)
        return state.setting(str(node.name), self._value(node.expression, state).within_reason())

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
            if keys == NEVER and self._inside:
                self._problem(expression.token, complaints.not_given(str(expression), self._inside))
            elif keys == NEVER:
                self._problem(expression.token, complaints.never_a_value())
            else:
                self.needs.setdefault(keys)
        if value.may_be_unset:
            self._problem(expression.token, complaints.perhaps_unset(str(expression)))
        if value.may_be_empty:
            self._problem(expression.token, complaints.perhaps_empty(str(expression)))

    def _read(self, expression: Expression, state: State) -> Variable:
        """Note what is read where a missing value does no harm; return the value."""
        return self._value(expression, state)

    def _value(self, expression: Expression, state: State) -> Variable:
        """Return what an expression's value may lack; note what working it out needs in any case."""
        if isinstance(expression, Path):
            return self._path(expression, state)
        if isinstance(expression, FilteredExpression):
            return self._filtered(expression, state)
        if isinstance(expression, RangeLiteral):
            self._require(expression.start, state)
            self._require(expression.stop, state)
            return Variable(is_list=True)
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
                instead = arguments[0] if arguments else Variable()
                is_blank = bool(used.args) and is_nothing(used.args[0].value)
                value = value.or_else(instead, is_blank=is_blank)
                continue
            for each in used.args:
                self._require(each.value, state)
            value = filtered(value, used, arguments)
        return value

    def _path(self, path: Path, state: State) -> Variable:
        for key in path.path:
            if isinstance(key, Path):
                self._require(key, state)
        keys = keys_of(path)
        assert keys is not None, "it is a path"
        root = str(keys[0])
        for name, helper, variable in reversed(self._loops):
            if root == helper:
                return self._of_loop(keys, helper)
            if root == name:
                return self._own_value(keys, variable, state, path.token)
        if root in self._own:
            own = state.variables.get(root, Variable(may_be_unset=True))
            return self._own_value(keys, own, state, path.token)
        if root not in self._roots:
            known, may_be_given = self._roots | self._own, self._is_block or self._inside
            near = get_close_matches(root, known, 1, LIKE_A_SLIP if may_be_given else 0.6)
            if not near and self._is_block:
                self.takes.setdefault(root)
                return Variable()
            if not near and self._inside:
                return Variable(frozenset({NEVER}))
            near = near or [f"profile.{root}"]
            self._problem(path.token, complaints.unknown_variable(root, near))
            return Variable()
        return self._data(keys, state, path.token)

    def _data(self, keys: Keys, state: State, token: Token | None) -> Variable:
        """A value of the person's data; which one another path names depends on the person, and may be none."""
        start = _static_start(keys)
        self.variables.setdefault(start, _start(token))
        if start != keys:
            return Variable(is_own=False, may_be_empty=keys not in state.known)
        is_certain = keys[0] in self._always_present or keys in state.known or is_count(keys)
        here = frozenset({keys})
        return Variable(NOTHING if is_certain else here, aliases=here, is_own=False)

    def _of_loop(self, keys: Keys, helper: str) -> Variable:
        """What tells of a loop: its members, and the loop around it."""
        around = sum(each == helper for _, each, _ in self._loops)
        while keys[1:2] == ("parentloop",):
            keys, around = keys[:1] + keys[2:], around - 1
        has_value = around > 0 and (len(keys) == 1 or (len(keys) == 2 and keys[1] in OF_LOOPS[helper]))
        return Variable() if has_value else Variable(frozenset({NEVER}))

    def _own_value(self, keys: Keys, variable: Variable, state: State, token: Token | None) -> Variable:
        """A variable of the template's own, or a member of it."""
        for length, key in enumerate(keys):
            variable = variable.member(key) if length else variable
            for alias in variable.aliases:
                self.variables.setdefault(_static_start(alias), _start(token))
            if keys[: length + 1] in state.known:
                variable = replace(variable, needs=NOTHING, may_be_unset=False, may_be_empty=False)
        certain_anyway = {
            each for each in variable.needs if each in state.known or each[0] in self._always_present
        }
        return replace(variable, needs=variable.needs - certain_anyway)

    # problems

    def _own_name(self, name: str, token: Token) -> None:
        if name in self._roots:
            self._problem(token, complaints.taken(name))

    def _problem(self, token: Token | None, message: str) -> None:
        self.problems.add(self._places.problem(_start(token), message))

    def place(self, index: int) -> tuple[int, int]:
        return self._places.of(index)


def _start(token: Token | None) -> int:
    return token.start_index if token is not None else 0


def _static_start(keys: Keys) -> Keys:
    """Return the keys before the first that another path names."""
    return tuple(takewhile(lambda key: not isinstance(key, tuple), keys))
