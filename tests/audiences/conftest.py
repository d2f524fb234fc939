"""Ways in: calls stored as a client would send them, and what is stored of people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from audiences import ingest
from audiences.models import Identity, Profile
from tenants import clock
from tenants.models import Tenant


@pytest.fixture
def store(tenant: Tenant) -> Callable[..., ingest.Stored]:
    """Store calls given as dicts, now by the tenant's clock unless told otherwise."""

    def store(*calls: dict[str, Any], now: datetime | None = None, **which: Any) -> ingest.Stored:
        return ingest.store(tenant=tenant, calls=calls, now=now or clock.now(tenant), **which)

    return store


@pytest.fixture
def found(tenant: Tenant) -> Callable[[str, str], Profile]:
    """The profile that an identity finds."""

    def found(kind: str, value: str) -> Profile:
        return Identity.objects.select_related("profile").get(kind=kind, value=value).profile

    return found
