"""Keys, and a client that sends with them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tenants import keys
from tenants.models import ApiKey, Tenant


@pytest.fixture
def write_key(tenant: Tenant) -> str:
    return keys.create(tenant=tenant, kind=ApiKey.Kind.WRITE, name="Shop", scopes=[], created_by=None)[1]


@pytest.fixture
def secret_key(tenant: Tenant) -> str:
    return keys.create(
        tenant=tenant, kind=ApiKey.Kind.SECRET, name="Server", scopes=["ingest"], created_by=None
    )[1]


@pytest.fixture
def send(client: Client, write_key: str) -> Callable[..., Any]:
    """POST a body (bytes, or what becomes JSON) with the write key in basic authentication."""

    def send(path: str, body: Any, *, key: str = write_key, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        content_type = headers.pop("CONTENT_TYPE", "application/json")
        basic = base64.b64encode(f"{key}:".encode()).decode()
        return client.post(
            path, data, content_type=content_type, HTTP_AUTHORIZATION=f"Basic {basic}", **headers
        )

    return send
