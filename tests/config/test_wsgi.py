"""Bodies whose length nobody told, as many programs send them, are read like all others."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_started
from django.db import close_old_connections
from django.test import RequestFactory

from audiences.models import Event, Segment
from config.wsgi import application
from tenants.json_body import MAX_BODY
from tenants.models import Tenant
from tests.api import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def connected() -> Iterator[None]:
    """The test's transaction outlives a request, as it does with Django's own client."""
    request_started.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)


def sent(path: str, body: bytes, key: str) -> tuple[str, dict[str, Any]]:
    """Send a body in chunks; return the status line and what was answered."""
    request = RequestFactory().post(path, content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {key}")
    environ = {name: value for name, value in request.environ.items() if name != "CONTENT_LENGTH"}
    environ |= {
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
    }
    statuses: list[str] = []
    answer = b"".join(application(environ, lambda status, headers, *_: statuses.append(status)))
    return statuses[0], json.loads(answer)


def test_what_comes_in_chunks_is_stored(tenant: Tenant):
    key = Caller(tenant).key
    assert sent("/v1/track", b'{"userId": "u1", "event": "Seen"}', key)[0] == "200 OK"
    assert Event.objects.get().name == "Seen"
    assert sent("/api/v1/segments", b'{"name": "All", "rule": {"all": []}}', key)[0] == "201 Created"
    assert Segment.objects.get().name == "All"


@pytest.mark.parametrize("path", ["/v1/batch", "/api/v1/segments"])
def test_too_much_in_chunks_is_told(tenant: Tenant, path: str):
    status, answer = sent(path, b" " * (MAX_BODY + 1), Caller(tenant).key)
    assert status == "400 Bad Request"
    assert "larger than 1024 KB" in str(answer)
