"""The tag ``{% render "footer" %}``: what a block says is written into the template, with a scope of its own around it.

A template is whole once that is done: whoever fills it has nothing to look up, so no block of anybody else's can be
reached. Around the words stands ``{% _render "footer", title: x %}…{% _endrender %}``, which no author writes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from liquid.ast import BlockNode, Node
from liquid.builtin.tags import render_tag
from liquid.exceptions import LiquidError
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.token import TOKEN_EXPRESSION, TOKEN_TAG, Token

from campaigns.liquid import complaints
from campaigns.liquid.limits import MAX_SOURCE

RENDER = "render"
TAG, END = "_render", "_endrender"

OF_BLOCK = re.compile(rf"\{{%-?\s*(?:{TAG}|{END})\b")
"""Begins where the words of a block do, or where they end."""

_NAME = re.compile(r"\s*(?:'([^']*)'|\"([^\"]*)\")")
_CLOSING = re.compile(r"\s*(-?)%\}")


class RenderNode(render_tag.RenderNode):
    """A block where it is rendered, with all it says inside. Names within are not those outside: it has no children."""

    block: BlockNode

    @property
    def called(self) -> str:
        """The block's name."""
        return str(self.name.value)  # type: ignore[union-attr]  # a literal: ``expanded`` saw to it

    @property
    def bound(self) -> str:
        """The name that what comes after ``with`` or ``for`` goes by inside."""
        return str(self.alias or self.called)

    def children(self, static_context: Any, *, include_partials: bool = True) -> Iterable[Node]:
        return ()


class RenderTag(render_tag.RenderTag):
    name = TAG
    end = END
    block = True
    node_class = RenderNode

    def parse(self, stream: TokenStream) -> Node:
        node = super().parse(stream)
        assert isinstance(node, RenderNode)
        next(stream)
        node.block = get_parser(self.env).parse_block(stream, (END,))
        stream.expect(TOKEN_TAG, value=END)
        return node


@dataclass(slots=True)
class Expanded:
    """A template with the blocks it renders written into it, and where each piece of it came from.

    ``pieces`` are (start in the result, start in the template, whether it stands there like that, the block it is
    of), in order. ``problems`` are what keeps a block from being rendered, with their places in the template.
    """

    text: str = ""
    pieces: list[tuple[int, int, bool, str]] = field(default_factory=list)
    used: dict[str, None] = field(default_factory=dict)  # also those that blocks render
    problems: list[tuple[int, str]] = field(default_factory=list)

    def origin(self, index: int) -> tuple[int, str]:
        """Return the index in the template of an index in the result, and the block it is of; empty: of none."""
        if not self.pieces:
            return index, ""
        start, origin, is_kept, block = self.pieces[bisect_right(self.pieces, index, key=_start) - 1]
        return origin + (index - start if is_kept else 0), block


def _start(piece: tuple[int, int, bool, str]) -> int:
    return piece[0]


def expanded(text: str, tokens: Iterable[Token], blocks: Mapping[str, str], env: Any) -> Expanded:
    """Return a template, given with its tokens, with the words of the blocks it renders.

    ``blocks`` is what each says by its name, in our spelling and free of mistakes.
    """
    return _Writing(blocks, env).template(text, tokens)


class TooLong(Exception):
    """With its blocks the template is longer than any may be."""


class Circle(Exception):
    """A block is rendered inside itself."""


class _Writing:
    def __init__(self, blocks: Mapping[str, str], env: Any) -> None:
        self._blocks = blocks
        self._env = env
        self._whole: dict[str, Expanded] = {}  # each block is expanded once, even in vain

    def template(self, text: str, tokens: Iterable[Token], inside: tuple[str, ...] = ()) -> Expanded:
        made = Expanded()
        parts: list[str] = []
        length = at = 0

        def write(piece: str, origin: int, block: str = "", *, is_kept: bool = False) -> None:
            nonlocal length
            made.pieces.append((length, origin, is_kept, block))
            parts.append(piece)
            length += len(piece)
            if length > MAX_SOURCE:
                raise TooLong

        for name_at, expression in _tags(tokens, made):
            start = text.rfind("{%", 0, name_at)
            try:
                name, words = self._words(expression, inside, made)
                closing = _CLOSING.match(text, expression.start_index + len(expression.value))
                assert closing is not None, "the lexer saw it"
                write(text[at:name_at], at, is_kept=True)
                write(TAG, name_at)
                after = name_at + len(RENDER)
                write(text[after : closing.start()], after, is_kept=True)
                write(" %}", start)
                write(words, start, name)
                write(f"{{% {END} {closing[1]}%}}", start)
            except LiquidError as error:
                made.problems.append((start, str(error.message)))
                continue
            except Circle as circle:
                made.problems.append((start, complaints.in_a_circle(str(circle))))
                continue
            except TooLong:
                made.problems.append((start, complaints.too_long_with_blocks(MAX_SOURCE)))
                break
            at = closing.end()
        if not made.problems:
            made.pieces.append((length, at, True, ""))
            made.text = "".join([*parts, text[at:]])
        return made

    def _words(self, expression: Token, inside: tuple[str, ...], made: Expanded) -> tuple[str, str]:
        """Return a block's name and its words, with the blocks in them. Raises LiquidError, Circle and TooLong."""
        found = _NAME.match(expression.value)
        if found is None:
            raise LiquidError(complaints.block_in_quotes(), token=expression)
        name = found[1] if found[1] is not None else found[2]
        if name not in self._blocks:
            near = get_close_matches(name, self._blocks, 1)
            raise LiquidError(complaints.unknown_block(name, near), token=expression)
        if name in inside:
            raise Circle(", ".join((*inside[inside.index(name) :], name)))
        if name not in self._whole:
            words = self._blocks[name]
            self._whole[name] = self.template(words, self._env.tokenizer()(words), (*inside, name))
        within = self._whole[name]
        if within.problems:
            raise LiquidError(within.problems[0][1], token=expression)
        made.used |= {name: None} | within.used
        return name, within.text


def _tags(tokens: Iterable[Token], made: Expanded) -> Iterable[tuple[int, Token]]:
    """Yield where the name of each ``render`` stands and what follows it."""
    before: Token | None = None
    for token in tokens:
        if before is not None and before.value == RENDER:
            if token.kind == TOKEN_EXPRESSION:
                yield before.start_index, token
            else:
                made.problems.append((before.start_index, complaints.block_in_quotes()))
        if token.kind == TOKEN_TAG and token.value in (TAG, END):
            made.problems.append((token.start_index, complaints.unknown_tag(token.value, [RENDER])))
        before = token if token.kind == TOKEN_TAG else None
    if before is not None and before.value == RENDER:
        made.problems.append((before.start_index, complaints.block_in_quotes()))
