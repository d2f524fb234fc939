"""Keeps Liquid, and whatever else must not be touched, out of the way of programs that rewrite HTML."""

from __future__ import annotations

import re

LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
MASK = "\ue000"  # stands for each character of Liquid where only places matter
_TOKEN = re.compile(r"tactkeeps(\d+)x")


class Vault:
    """Texts put away behind words that survive being parsed, escaped and laid out."""

    def __init__(self) -> None:
        self._kept: list[str] = []

    def keep(self, text: str) -> str:
        """Return the word that stands for the text from now on."""
        self._kept.append(text)
        return f"tactkeeps{len(self._kept) - 1}x"

    def keep_liquid(self, text: str) -> str:
        """Return the text with each Liquid tag put away."""
        return LIQUID.sub(lambda match: self.keep(match.group()), text)

    def restore(self, text: str) -> str:
        """Return the text with everything put away back in its place."""
        while _TOKEN.search(text):
            text = _TOKEN.sub(lambda match: self._kept[int(match.group(1))], text)
        return text


def masked(text: str) -> str:
    """Return a text of the same length and the same lines in which no Liquid can be taken for markup."""
    return LIQUID.sub(lambda match: re.sub(r"[^\r\n]", MASK, match.group()), text)
