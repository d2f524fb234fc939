"""Every address the resolver knows, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver


class Address(NamedTuple):
    """An address as ``reverse`` names it, and the view behind it."""

    name: str
    pattern: str
    view: Any

    @property
    def allows(self) -> str | None:
        """What ``access.allow`` guards the view with, if it does."""
        return getattr(self.view, "allows", None)


def addresses() -> list[Address]:
    """Return all of them; one without a name is named by its pattern, which no registry line will match."""
    return list(_under(get_resolver(), "", ""))


def _under(resolver: URLResolver, namespace: str, prefix: str) -> Iterator[Address]:
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _under(entry, inner, pattern)
        elif isinstance(entry, URLPattern):
            yield Address(f"{namespace}{entry.name or pattern}", pattern, entry.callback)
