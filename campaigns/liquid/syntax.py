"""Reading a template's source: everything wrong with it at once, each thing with its place and in plain words."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from liquid.ast import Node
from liquid.builtin.expressions import (
    BooleanExpression,
    FilteredExpression,
    LoopExpression,
    parse_identifier,
    parse_primitive,
    tokenize,
)
from liquid.builtin.expressions.arguments import KeywordArgument
from liquid.builtin.expressions.filtered import Filter
from liquid.exceptions import BlockNestingError, LiquidError
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.token import TOKEN_ASSIGN, TOKEN_EXPRESSION, TOKEN_OUTPUT, TOKEN_TAG, Token

from campaigns.liquid import abort, blocks, complaints
from campaigns.liquid.environments import FILTERS, NOT_OURS, SIGNATURES, TAGS, Liquid
from campaigns.liquid.limits import MAX_NESTING, MAX_SOURCE
from campaigns.liquid.spellings import Respelled, respelled
from campaigns.liquid.wire import Problem

BLOCKS = {
    name: f"end{name}"
    for name in ("if", "unless", "case", "for", "tablerow", "capture", "ifchanged", "comment")
} | {blocks.TAG: blocks.END}
_CLOSES = {end: name for name, end in BLOCKS.items()}
_BRANCHES = {"else": ("if", "unless", "case", "for"), "elsif": ("if", "unless"), "when": ("case",)}
_NEEDS_EXPRESSION = {
    "if",
    "unless",
    "elsif",
    "case",
    "when",
    "for",
    "tablerow",
    "assign",
    "capture",
    "cycle",
    "echo",
}


def _assignment(env: Liquid, tokens: TokenStream) -> Any:
    parse_identifier(env, tokens, allow_trailing_question_mark=False)
    tokens.eat(TOKEN_ASSIGN)
    return FilteredExpression.parse(env, tokens)


_PARSERS: dict[str, Callable[..., Any]] = {
    "if": BooleanExpression.parse,
    "unless": BooleanExpression.parse,
    "elsif": BooleanExpression.parse,
    "for": LoopExpression.parse,
    "tablerow": LoopExpression.parse,
    "echo": FilteredExpression.parse,
    "assign": _assignment,
    "case": parse_primitive,
}
_VERBATIM = re.compile(r"\{%-?\s*(?P<end>end)?(?P<name>raw|doc)\s*-?%\}")


class Invalid(Exception):
    """A template that cannot be used, with every problem found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


class Places:
    """Turns an index into a text into a line and a column of what its author typed, both from 1."""

    def __init__(
        self, typed: str, spelled: Respelled | None = None, expanded: blocks.Expanded | None = None
    ) -> None:
        self._starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", typed))]
        self._spelled = spelled
        self._expanded = expanded or blocks.Expanded()

    @property
    def blocks(self) -> list[str]:
        """The blocks that were written in."""
        return list(self._expanded.used)

    def of(self, index: int) -> tuple[int, int]:
        index, _ = self._expanded.origin(index)
        index = self._spelled.typed(index) if self._spelled else index
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def problem(self, index: int, message: str) -> Problem:
        _, block = self._expanded.origin(max(index, 0))
        return Problem(*self.of(max(index, 0)), complaints.in_block(block, message) if block else message)


def read(typed: str, rendered: Mapping[str, str] | None, env: Liquid) -> tuple[str, Places]:
    """Return a template in our own spelling and its blocks written in, with its places as its author knows them.

    ``rendered`` is as in Source.blocks. Raises Invalid.
    """
    places = Places(typed)
    if problem := _gate(typed, places):
        raise Invalid([problem])
    spelled = respelled(typed)
    places = Places(typed, spelled)
    if spelled.strange:
        raise Invalid(
            [places.problem(at, complaints.nothing_like_it(spelling)) for at, spelling in spelled.strange]
        )
    if rendered is None or blocks.RENDER not in spelled.text:
        return spelled.text, places
    expanded = blocks.expanded(
        spelled.text,
        _tokens(spelled.text, env, places),
        {name: respelled(words).text for name, words in rendered.items()},
        env,
    )
    if expanded.problems:
        raise Invalid([places.problem(at, message) for at, message in sorted(expanded.problems)])
    return expanded.text, Places(typed, spelled, expanded)


def parse(text: str, env: Liquid, places: Places) -> list[Node]:
    """Return the nodes of a template that ``read`` returned. Raises Invalid."""
    tokens = _tokens(text, env, places)
    failed: list[Problem] = []
    if not any(_block_problems(text, tokens, places)):
        try:
            return get_parser(env).parse(TokenStream(iter(tokens)))
        except BlockNestingError:
            failed = [Problem(1, 1, f"Tags are nested more than {MAX_NESTING} deep.")]
        except LiquidError as error:
            failed = [explained(error, 0, places)]
        except RecursionError:
            failed = [Problem(1, 1, "This is too long or too deep to be read.")]
    raise Invalid(_problems(text, tokens, env, places) or failed)


def problems(text: str, env: Liquid, places: Places) -> list[Problem]:
    """Return all that is wrong with a template that can be parsed, such as filters that do not exist."""
    return _problems(text, _tokens(text, env, places), env, places)


def _tokens(text: str, env: Liquid, places: Places) -> list[Token]:
    try:
        return list(env.tokenizer()(text))
    except LiquidError as error:
        raise Invalid([explained(error, 0, places)]) from error


def _gate(text: str, places: Places) -> Problem | None:
    """Refuse, in time linear in the text, what the parser would take very long over."""
    if len(text) > MAX_SOURCE:
        return Problem(1, 1, f"This is longer than {MAX_SOURCE:,} characters.")
    if "\0" in text:
        return places.problem(text.index("\0"), "This contains a character (NUL) that no message can carry.")
    # the lexer looks for the end of each of these up to the end of the text
    open_at: dict[str, int] = {}
    for match in _VERBATIM.finditer(text):
        if match["end"]:
            open_at.pop(match["name"], None)
        else:
            open_at[match["name"]] = match.start()
    for name, start in open_at.items():
        return places.problem(start, complaints.never_closed(name))
    return None


def _problems(text: str, tokens: list[Token], env: Liquid, places: Places) -> list[Problem]:
    found = list(_block_problems(text, tokens, places))
    for token, expression in _with_expressions(tokens):
        if problem := _expression_problem(token, expression, env, places):
            found.append(problem)
    return sorted(found, key=lambda problem: (problem.line, problem.column))


def _with_expressions(tokens: list[Token]) -> Iterator[tuple[Token, Token | None]]:
    for token, following in zip_longest(tokens, tokens[1:]):
        if token.kind in (TOKEN_OUTPUT, TOKEN_TAG):
            has_one = following is not None and following.kind == TOKEN_EXPRESSION
            yield token, following if has_one else None


def _block_problems(text: str, tokens: list[Token], places: Places) -> Iterator[Problem]:
    """Say which tag is never closed, which closes nothing, and which is unknown."""
    opened: list[Token] = []
    ended: set[int] = set()  # blocks that had their {% else %}

    for token, expression in _with_expressions(tokens):
        if token.kind != TOKEN_TAG:
            continue
        name, start = token.value, text.rfind("{%", 0, token.start_index)
        if name in BLOCKS:
            opened.append(token)
        elif name in _CLOSES:
            if opened and opened[-1].value == _CLOSES[name]:
                opened.pop()
            elif any(block.value == _CLOSES[name] for block in opened):
                while opened[-1].value != _CLOSES[name]:
                    unclosed = opened.pop()
                    yield _unclosed(unclosed, text, places)
                opened.pop()
            else:
                yield places.problem(start, complaints.closes_nothing(name, _CLOSES[name]))
        elif name in _BRANCHES:
            if not opened or opened[-1].value not in _BRANCHES[name]:
                yield places.problem(start, complaints.out_of_place(name, _BRANCHES[name]))
            elif name == "else" and expression is not None:
                yield places.problem(start, complaints.else_with_condition(expression.value))
            elif opened[-1].start_index in ended:
                yield places.problem(start, complaints.after_else(name, opened[-1].value))
            elif name == "else":
                ended.add(opened[-1].start_index)
        elif name in ("break", "continue"):
            if not any(block.value in ("for", "tablerow") for block in opened):
                yield places.problem(start, complaints.out_of_place(name, ("for",)))
        elif name in NOT_OURS:
            yield places.problem(start, complaints.not_available(name))
        elif name in complaints.OF_BRAZE:
            yield places.problem(start, complaints.OF_BRAZE[name])
        elif name not in TAGS and name != "#":
            yield places.problem(start, complaints.unknown_tag(name, get_close_matches(name, TAGS, 1)))
    for block in opened:
        yield _unclosed(block, text, places)


def _unclosed(block: Token, text: str, places: Places) -> Problem:
    return places.problem(text.rfind("{%", 0, block.start_index), complaints.never_closed(block.value))


def _expression_problem(
    token: Token, expression: Token | None, env: Liquid, places: Places
) -> Problem | None:
    start = token.start_index
    is_output = token.kind == TOKEN_OUTPUT
    if expression is None or not expression.value:
        if is_output or token.value in _NEEDS_EXPRESSION:
            return places.problem(
                start, complaints.nothing_inside("{{ }}" if is_output else f"{{% {token.value} %}}")
            )
        return None
    parser = FilteredExpression.parse if is_output else _PARSERS.get(token.value)
    if not is_output and token.value in complaints.OF_BRAZE:
        return None
    try:
        if not is_output and token.value == abort.NAME:
            abort.reason(expression)
            return None
        inner = list(tokenize(expression.value, expression))
        if parser is not None:
            _check_filters(parser(env, TokenStream(iter(inner))))
    except LiquidError as error:
        return explained(error, start, places)
    except RecursionError:
        return places.problem(start, "This condition is too long.")
    return None


def _check_filters(expression: Any) -> None:
    for each in getattr(expression, "filters", None) or []:
        check_filter(each)


def check_filter(used: Filter) -> None:
    """Raise LiquidError, with its place, for a filter that does not exist or has the wrong arguments."""
    named = tuple(argument.name for argument in used.args if isinstance(argument, KeywordArgument))
    if complaint := _complaint(used.name, len(used.args) - len(named), named):
        raise LiquidError(complaint, token=used.token)


@lru_cache(maxsize=1000)
def _complaint(name: str, unnamed: int, named: tuple[str, ...]) -> str:
    if name not in FILTERS:
        return complaints.unknown_filter(name, get_close_matches(name, FILTERS, 1))
    signature = SIGNATURES[name]
    try:
        signature.bind(*[None] * (1 + unnamed), **dict.fromkeys(named))
    except TypeError:
        form = complaints.form(name, [str(each) for each in list(signature.parameters.values())[1:]])
        return complaints.wrong_arguments(name, form)
    return ""


def explained(error: LiquidError, start: int, places: Places) -> Problem:
    token = error.token
    index = token.start_index if token is not None and token.start_index >= 0 else start
    return places.problem(index, complaints.in_plain_words(str(error.message)))
