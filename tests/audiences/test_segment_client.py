"""Segment's own Python client, unmodified but for its host, delivers every kind of call."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connection
from pytest_django.live_server_helper import LiveServer
from segment.analytics import request
from segment.analytics.client import Client as SegmentClient

from audiences.models import Event, Identity, Profile
from tenants import keys, pace
from tenants.models import ApiKey, Tenant

TABLES = ["profile", "identity", "event", "receipt", "eventdefinition", "attributedefinition"]


@pytest.fixture
def segment(live_server: LiveServer, tenant: Tenant) -> Iterator[Callable[..., SegmentClient]]:
    _, key = keys.create(tenant=tenant, kind="write", name="Shop", scopes=[], created_by=None)
    made = []

    def make(**options: Any) -> SegmentClient:
        failures: list[Exception] = []
        client = SegmentClient(
            key, host=live_server.url, on_error=lambda error, _: failures.append(error), **options
        )
        client.failures = failures
        made.append(client)
        return client

    yield make
    for client in made:
        client.join()


@pytest.fixture(autouse=True)
def hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its line stays open, and with it a thread of the server and that thread's database connection."""
    monkeypatch.setitem(request._session.headers, "Connection", "close")


def contents() -> str:
    """Return a digest of all rows that ingestion writes."""
    digest = hashlib.sha256()
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT to_jsonb(t)::text FROM audiences_{table} t ORDER BY 1")
            digest.update(json.dumps(cursor.fetchall()).encode())
    return digest.hexdigest()


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_every_kind_of_call_arrives(segment: Callable[..., SegmentClient], gzip: bool) -> None:
    client = segment(gzip=gzip)
    client.identify("u1", {"email": "ada@example.test", "firstName": "Ada", "plan": "pro"})
    client.track("u1", "Order Completed", {"total": 12.5, "note": "Grüße"})
    client.page("u1", "Docs", "Start", {"url": "https://shop.test/"})
    client.screen("u1", "Home")
    client.group("u1", "g1", {"employees": 4})
    client.track(event="Looked Around", anonymous_id="a1")
    client.alias("a1", "u1")
    client.flush()
    assert not client.failures
    profile = Profile.objects.living().get()
    assert (profile.external_id, profile.first_name, profile.email) == ("u1", "Ada", "ada@example.test")
    assert profile.attributes == {"plan": "pro", "group": {"id": "g1", "employees": 4}}
    names = sorted(Event.objects.filter(profile=profile).values_list("name", flat=True))
    assert names == ["Group Joined", "Looked Around", "Order Completed", "Page Viewed", "Screen Viewed"]
    assert Event.objects.get(name="Order Completed").properties == {"total": 12.5, "note": "Grüße"}
    assert Event.objects.get(name="Page Viewed").properties == {
        "url": "https://shop.test/",
        "name": "Start",
        "category": "Docs",
    }
    assert set(Identity.objects.filter(profile=profile).values_list("kind", "value")) == {
        ("external_id", "u1"),
        ("anonymous_id", "a1"),
        ("email", "ada@example.test"),
    }


def test_a_batch_that_the_client_sends_twice_changes_nothing(
    segment: Callable[..., SegmentClient], live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    post = requests.Session.post
    monkeypatch.setattr(
        requests.Session,
        "post",
        lambda *args, **kwargs: sent.append((args[1:], kwargs)) or post(*args, **kwargs),
    )
    client = segment(gzip=True)
    for n in range(60):
        client.identify(
            f"u{n % 20}", {"visits": n, "email": f"u{n % 20}@example.test"}, anonymous_id=f"a{n % 30}"
        )
        client.track(f"u{n % 20}", "Order Completed", {"total": n})
    client.flush()
    assert not client.failures
    assert Profile.objects.living().count() == 20
    before = contents()
    with requests.Session() as session:
        for args, kwargs in sent:
            answer = post(session, *args, **kwargs)
            assert (answer.status_code, answer.json()["accepted"]) == (200, 0)
    assert contents() == before


def test_a_client_told_to_wait_sends_the_same_again(
    segment: Callable[..., SegmentClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = []
    post = requests.Session.post

    def noted(*args: Any, **kwargs: Any) -> requests.Response:
        statuses.append(post(*args, **kwargs))
        return statuses[-1]

    monkeypatch.setattr(requests.Session, "post", noted)
    client = segment()
    a_minute = settings.API_PACE["track"]
    pace.take("track", ApiKey.objects.get().pk, a_minute=a_minute, cost=a_minute, at=time.monotonic() + 600)
    client.track("u1", "Order Completed")
    client.flush()
    assert [answer.status_code for answer in statuses] == [429, 200]
    assert statuses[0].headers["Retry-After"] == "1"
    assert not client.failures
    assert Event.objects.get().name == "Order Completed"


def test_a_wrong_key_reaches_the_clients_error_callback(live_server: LiveServer) -> None:
    failures: list[Exception] = []
    client = SegmentClient("wk_wrong", host=live_server.url, on_error=lambda error, _: failures.append(error))
    client.track("u1", "Order Completed")
    client.flush()
    client.join()
    assert [getattr(failure, "status", None) for failure in failures] == [401]
