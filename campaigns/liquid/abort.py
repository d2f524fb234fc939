"""The tag ``{% abort_message("why") %}``: whoever the template comes to it for gets nothing, and that is why."""

from __future__ import annotations

import re
from typing import TextIO

from liquid.ast import Node
from liquid.context import RenderContext
from liquid.exceptions import LiquidError
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_EXPRESSION, TOKEN_TAG, Token

from campaigns.liquid import complaints

NAME = "abort_message"
NO_REASON = "The message says not to send it."
LONGEST = 200  # characters of a reason

_WORDS = re.compile(r"\(?\s*(?:'([^']*)'|\"([^\"]*)\")?\s*\)?", re.DOTALL)


class AbortNode(Node):
    """Where a template gives up."""

    def __init__(self, token: Token, reason: str) -> None:
        super().__init__(token)
        self.reason = reason

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        raise NotImplementedError("programs are filled, not rendered")


class AbortTag(Tag):
    name = NAME
    block = False

    def parse(self, stream: TokenStream) -> AbortNode:
        token = stream.expect(TOKEN_TAG)
        if stream.peek.kind != TOKEN_EXPRESSION:
            return AbortNode(token, NO_REASON)
        next(stream)
        return AbortNode(token, reason(stream.current))


def reason(expression: Token) -> str:
    """Return the words of a reason. Raises LiquidError for what are no words in quotes."""
    found = _WORDS.fullmatch(expression.value.strip())
    if found is None:
        raise LiquidError(complaints.reason_in_quotes(NAME), token=expression)
    words = " ".join((found[1] or found[2] or "").split())
    return words[:LONGEST] or NO_REASON
