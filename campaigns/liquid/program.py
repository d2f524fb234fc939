"""A template read once and filled many times."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.cycle_tag import CycleNode
from liquid.builtin.tags.decrement_tag import DecrementNode
from liquid.builtin.tags.doc_tag import DocNode
from liquid.builtin.tags.echo_tag import EchoNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForLoop, ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.ifchanged_tag import IfChangedNode
from liquid.builtin.tags.increment_tag import IncrementNode
from liquid.builtin.tags.inline_comment_tag import InlineCommentNode
from liquid.builtin.tags.liquid_tag import LiquidNode
from liquid.builtin.tags.tablerow_tag import TableRow, TablerowNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import LiquidError
from liquid.expression import Expression

from campaigns.liquid import complaints
from campaigns.liquid.abort import AbortNode
from campaigns.liquid.blocks import RenderNode
from campaigns.liquid.environments import environment
from campaigns.liquid.evaluate import Aborted, Frame, Missing, Refusal, Step, Value, equal
from campaigns.liquid.expressions import Expressions
from campaigns.liquid.limits import MAX_OUTPUT, TooMuch, joined
from campaigns.liquid.syntax import Invalid, explained, parse, problems, read
from campaigns.liquid.tree import names
from campaigns.liquid.values import is_hole
from campaigns.liquid.wire import Output, Source

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Break(Exception):
    """Leaves the innermost loop."""


class Continue(Exception):
    """Goes on with the next round of the innermost loop."""


class Program:
    """One source, ready to be filled. Raises Invalid on construction."""

    def __init__(self, source: Source) -> None:
        env = environment(source.output)
        text, self.places = read(source.text, source.blocks, env)
        self.nodes = parse(text, env, self.places)
        self.output: Output = source.output
        try:
            self._step = Steps(text, Expressions(env, self.places, *names(self.nodes))).block(self.nodes)
        except LiquidError as error:
            raise Invalid(problems(text, env, self.places) or [explained(error, 0, self.places)]) from error
        except RecursionError as error:
            raise Invalid([self.places.problem(0, "This is nested too deeply.")]) from error

    def fill(self, data: dict[str, Any], now: datetime) -> str:
        """Return the text for one person. Raises Refusal."""
        frame = Frame(data, now)
        try:
            self._step(frame)
        except TooMuch as error:
            raise Refusal(str(error)) from error
        except LiquidError as error:
            raise Refusal(complaints.in_plain_words(str(error.message))) from error
        text = "".join(frame.out)
        return on_one_line(text) if self.output == "line" else text


def on_one_line(text: str) -> str:
    """Return the text without breaks or control characters: a subject with one could smuggle in a header."""
    return " ".join(filter(None, (piece.strip() for piece in _CONTROL.split(text))))


class Steps:
    """Builds what a program does, node by node."""

    def __init__(self, text: str, expressions: Expressions) -> None:
        self.expressions = expressions
        self.escaped, self.trusted = expressions.env.escaped, expressions.env.trusted
        self._template, self.asks_for_loop = text, "forloop" in text
        self._builders: dict[type, Callable[[Any], Step | None]] = {
            ContentNode: self._content,
            OutputNode: lambda node: self._print(node.expression),
            EchoNode: lambda node: self._print(node.expression),
            IfNode: self._if,
            UnlessNode: self._if,
            CaseNode: self._case,
            ForNode: self._for,
            TablerowNode: self._tablerow,
            BreakNode: lambda node: _leave(Break),
            ContinueNode: lambda node: _leave(Continue),
            AssignNode: self._assign,
            CaptureNode: self._capture,
            CycleNode: self._cycle,
            IncrementNode: lambda node: _count(node.name, 0, 1),
            DecrementNode: lambda node: _count(node.name, -1, -1),
            IfChangedNode: self._ifchanged,
            AbortNode: self._abort,
            RenderNode: self._render,
            LiquidNode: lambda node: self.block(node.block),
            CommentNode: lambda node: None,
            InlineCommentNode: lambda node: None,
            DocNode: lambda node: None,
        }

    def block(self, block: BlockNode | list[Node]) -> Step:
        """Return one step that does all of a block's. A block of nothing but white space prints nothing."""
        nodes, silent = (block.nodes, block.blank) if isinstance(block, BlockNode) else (block, False)
        steps = tuple(
            step
            for node in nodes
            if not (silent and isinstance(node, ContentNode))
            and (step := self._builder(node)(node)) is not None
        )
        if len(steps) == 1:
            return steps[0]

        def run(frame: Frame) -> None:
            for step in steps:
                step(frame)

        return run

    def _builder(self, node: Node) -> Callable[[Any], Step | None]:
        try:
            return self._builders[type(node)]
        except KeyError:
            raise LiquidError("this tag is not supported", token=node.token) from None

    def _abort(self, node: AbortNode) -> Step:
        reason, place = node.reason, self.expressions.place(node.token)

        def run(frame: Frame) -> None:
            raise Aborted(reason, place)

        return run

    # printing

    def _content(self, node: ContentNode) -> Step:
        text, length = node.text, len(node.text)

        def write(frame: Frame) -> None:
            frame.out.append(text)
            frame.size += length
            if frame.size > MAX_OUTPUT:
                frame.write("")

        return write

    def text(self, expression: Expression) -> Callable[[Frame], str]:
        """Return the function for an expression as it is printed."""
        value = self.expressions.value(expression)
        hole = Missing(str(expression), self.expressions.place(expression.token))
        escaped = self.escaped
        return lambda frame: printed(value(frame), hole, escaped)

    def _print(self, expression: Expression) -> Step:
        value = self.expressions.value(expression)
        hole = Missing(str(expression), self.expressions.place(expression.token))
        escaped = self.escaped

        def write(frame: Frame) -> None:  # Frame.write, without the calls: this is what templates do most
            found = value(frame)
            text = escaped(found) if found.__class__ is str else printed(found, hole, escaped)
            frame.out.append(text)
            frame.size += len(text)
            if frame.size > MAX_OUTPUT:
                frame.write("")

        return write

    def _cycle(self, node: CycleNode) -> Step:
        group = self.expressions.value(node.group) if node.group is not None else None
        values = [self.expressions.value(each) for each in node.args]
        texts = [self.text(each) for each in node.args]

        def run(frame: Frame) -> None:
            key = str(group(frame)) if group else str([each(frame) for each in values])
            turn = frame.cycles.get(key, 0)
            frame.cycles[key] = turn + 1
            frame.write(texts[turn % len(texts)](frame))

        return run

    # conditions

    def _if(self, node: Any) -> Step:
        first = self.expressions.condition(node.condition)
        wanted = isinstance(node, IfNode)
        consequence = self.block(node.consequence)
        others = [
            (self.expressions.condition(each.expression), self.block(each.block))
            for each in node.alternatives
        ]
        otherwise = self.block(node.default) if node.default else self.block([])

        def run(frame: Frame) -> None:
            if first(frame) is wanted:
                return consequence(frame)
            for condition, block in others:
                if condition(frame):
                    return block(frame)
            return otherwise(frame)

        return run

    def _case(self, node: CaseNode) -> Step:
        left = self.expressions.value(node.expression)
        branches: list[tuple[list[Value] | None, Step]] = [
            (
                [self.expressions.value(each) for each in block.expression.expressions],
                self.block(block.block),
            )
            if isinstance(block, MultiExpressionBlockNode)
            else (None, self.block(block))
            for block in node.blocks
        ]

        def run(frame: Frame) -> None:
            matched = False
            for candidates, block in branches:
                if candidates is None:
                    if not matched:
                        block(frame)
                    continue
                value = left(frame)  # each time: the branch before may have changed it
                for _ in range(sum(equal(value, candidate(frame)) for candidate in candidates)):
                    matched = True
                    block(frame)

        return run

    # loops

    def _body(self, loop: LoopExpression, helper: str, block: BlockNode) -> Step:
        is_data = self.expressions.from_data(loop.iterable)
        self.expressions.loops += [(str(loop.identifier), is_data), (helper, False)]
        try:
            return self.block(block)
        finally:
            del self.expressions.loops[-2:]

    def _for(self, node: ForNode) -> Step:
        entries = self.expressions.entries(node.expression)
        name, title = (
            str(node.expression.identifier),
            f"{node.expression.identifier}-{node.expression.iterable}",
        )
        asks = self.asks_for_loop
        body = self._body(node.expression, "forloop", node.block)
        otherwise = self.block(node.default) if node.default else self.block([])

        def run(frame: Frame) -> None:
            items = entries(frame)
            if not items:
                return otherwise(frame)
            outer, loops = frame.loops, dict(frame.loops)
            frame.loops = loops
            rounds: Iterable[Any] = items
            if asks:
                rounds = loops["forloop"] = ForLoop(title, iter(items), len(items), outer.get("forloop"))
            for item in rounds:
                frame.turn()
                loops[name] = item
                try:
                    body(frame)
                except Continue:
                    continue
                except Break:
                    break
            frame.loops = outer
            return None

        return run

    def _tablerow(self, node: TablerowNode) -> Step:
        entries = self.expressions.entries(node.expression)
        columns = self.expressions.number(node.expression.cols) if node.expression.cols is not None else None
        name = str(node.expression.identifier)
        body = self._body(node.expression, "tablerowloop", node.block)

        def run(frame: Frame) -> None:
            items = entries(frame)
            if not items:
                return
            outer, loops = frame.loops, dict(frame.loops)
            row = TableRow(name, iter(items), len(items), columns(frame) if columns else len(items))
            loops["tablerowloop"] = row
            frame.loops = loops
            frame.write('<tr class="row1">\n')
            for item in row:
                frame.turn()
                loops[name] = item
                frame.write(f'<td class="col{row.col}">')
                left = _cell(body, frame)
                frame.write("</td>")
                if row.col_last and not row.last:
                    frame.write(f'</tr>\n<tr class="row{row.row + 1}">')
                if left:
                    break
            frame.write("</tr>\n")
            frame.loops = outer

        return run

    # blocks

    def _render(self, node: RenderNode) -> Step:
        given = [(each.name, self.expressions.value(each.value)) for each in node.args]
        bound, value = node.bound, self.expressions.value(node.var) if node.var is not None else None
        inside = self.expressions.inside(node)
        if node.loop and node.var is not None:
            inside.loops += [(bound, self.expressions.from_data(node.var)), ("forloop", False)]
        body = Steps(self._template, inside).block(node.block.nodes)

        def run(frame: Frame) -> None:
            arguments = {name: each(frame) for name, each in given}
            items = _rendered_for(value(frame)) if node.loop and value else None
            if items is None and value:
                arguments[bound] = value(frame)
            outside = frame.enter(arguments)
            if items is None:
                body(frame)
            else:
                loop = frame.loops["forloop"] = ForLoop(bound, iter(items), len(items), None)
                for item in loop:
                    frame.turn()
                    frame.loops[bound] = item
                    body(frame)
            frame.leave(outside)

        return run

    # variables

    def _assign(self, node: AssignNode) -> Step:
        value, name = self.expressions.value(node.expression), str(node.name)

        def run(frame: Frame) -> None:
            frame.variables[name] = result = value(frame)
            frame.charge(result)

        return run

    def _captured(self, block: BlockNode) -> Callable[[Frame], str]:
        body, wrap = self.block(block), self.trusted

        def run(frame: Frame) -> str:
            outer, frame.out = frame.out, []
            try:
                body(frame)
                return wrap("".join(frame.out))
            finally:
                frame.out = outer

        return run

    def _capture(self, node: CaptureNode) -> Step:
        captured, name = self._captured(node.block), str(node.name)

        def run(frame: Frame) -> None:
            frame.variables[name] = captured(frame)

        return run

    def _ifchanged(self, node: IfChangedNode) -> Step:
        captured = self._captured(node.block)

        def run(frame: Frame) -> None:
            text = captured(frame)
            if text != frame.changed:
                frame.changed = text
                frame.write(text)

        return run


def printed(value: Any, hole: Missing, escaped: Callable[[Any], str]) -> str:
    """Return a value as it is printed. Raises Refusal for one that prints nothing."""
    if value.__class__ is Missing:
        raise value.refusal()
    if isinstance(value, str):
        return escaped(value)
    if is_hole(value) or isinstance(value, (Blank, Empty)):
        raise hole.refusal()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    if isinstance(value, (list, tuple)):
        return joined([printed(each, hole, escaped) if each is not None else "" for each in value])
    return escaped(str(value))


def _rendered_for(value: Any) -> list[Any]:
    """Return for what a block is rendered. What is no list is one thing, and what is missing none."""
    if isinstance(value, (list, tuple)):
        return list(value)
    return [value] if isinstance(value, (str, dict)) and value else []


def _leave(signal: type[Exception]) -> Step:
    def run(frame: Frame) -> None:
        raise signal

    return run


def _cell(body: Step, frame: Frame) -> bool:
    """Fill one cell; return whether the loop ends here."""
    try:
        body(frame)
    except Break:
        return True
    except Continue:
        pass
    return False


def _count(name: str, start: int, change: int) -> Step:
    def run(frame: Frame) -> None:
        value = frame.counters.get(name, 0) + min(start, 0)
        frame.counters[name] = value + max(change, 0)
        frame.write(str(value))

    return run
