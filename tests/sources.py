"""Sources to test with, and the servers they ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from campaigns.models import Source
from campaigns.sources import editing
from tenants.models import Tenant, User
from tests.servers import Server, serving

FIELDS: dict[str, Any] = {
    "method": "GET",
    "body": "",
    "timeout_seconds": 2,
    "cache_minutes": 5,
    "last_good_hours": 0,
    "on_failure": "skip",
    "default": None,
}


@pytest.fixture
def serve(settings: Any) -> Iterator[Callable[..., Server]]:
    """Start servers that this installation allows."""
    with ExitStack() as running:

        def start(*args: Any, **kwargs: Any) -> Server:
            server = running.enter_context(serving(*args, **kwargs))
            settings.SOURCES_MAY_REACH = [*settings.SOURCES_MAY_REACH, server.allowed]
            return server

        yield start


@pytest.fixture
def make_source(tenant: Tenant, owner: User) -> Callable[..., Source]:
    """A source of that URL, which skips whom it has nothing for."""

    def make(
        url: str, *, name: str = "weather", headers: dict[str, str] | None = None, **fields: Any
    ) -> Source:
        given = FIELDS | {"name": name, "url": url} | fields
        return editing.add(tenant=tenant, actor=owner, headers=headers or {}, **given)

    return make
