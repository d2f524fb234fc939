"""Pieces of SQL with their parameters, put together so that the two cannot get out of step."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fragment:
    """SQL with ``%s`` for each of ``params``, in order; a literal per cent sign is doubled."""

    text: str
    params: tuple[Any, ...] = ()


def sql(template: str, *parts: Any) -> Fragment:
    """Fill each ``{}`` of ``template``: fragments go in as they are, anything else becomes a parameter."""
    texts = [part.text if isinstance(part, Fragment) else "%s" for part in parts]
    params: list[Any] = []
    for part in parts:
        params.extend(part.params if isinstance(part, Fragment) else [part])
    return Fragment(template.format(*texts), tuple(params))


def join(separator: str, fragments: Iterable[Fragment]) -> Fragment:
    """Return the fragments side by side, each in brackets."""
    fragments = list(fragments)
    text = separator.join(f"({fragment.text})" for fragment in fragments)
    return Fragment(text, tuple(param for fragment in fragments for param in fragment.params))


def identifier(name: str) -> Fragment:
    """Return one of our own names, such as ``p.city``, as SQL. Raises ValueError for what is no plain name."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?", name):
        raise ValueError(f"{name!r} is no name of ours")
    return Fragment(name)


TRUE, FALSE = Fragment("TRUE"), Fragment("FALSE")
