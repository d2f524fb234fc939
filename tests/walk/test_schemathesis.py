"""The management API asked over 2,000 things that its own description allows, or just does not allow.

Schemathesis makes up the requests, ours aim some of them at things that exist. Whatever is asked: nothing fails on our
side, every answer is one the description knows, and none has a word of the other tenant's.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.db import transaction
from django.urls import resolve
from django_scopes import scope
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as how
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from campaigns.models import Campaign, Version
from config.wsgi import application
from tests.api import Caller
from tests.walk.conftest import THEIRS
from tests.walk.registry import ROUTES, Route
from tests.walk.world import World, crossings, fingerprint

CASES = 2_200  # over all operations together
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/schema", application)
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
EACH = CASES // len(OPERATIONS) + 1
SOME_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def askable(ours: World) -> World:
    """Our world, with its campaign waiting for a server's word, so that there is something to send."""
    with scope(tenant=ours.tenant):
        Version.objects.filter(campaign=ours[Campaign]).exclude(launched_at=None).update(when="api")
    return ours


def route_of(operation: Any) -> Route:
    path = operation.full_path.replace("{public_id}", SOME_ID).replace("{reference}", "x")
    return ROUTES[str(resolve(path).url_name)]


def cases(operation: Any, ours: World, theirs: World) -> Any:
    """Requests made up altogether, good and bad; and some about ours or theirs, or that ours would accept."""
    route = route_of(operation)
    aims: list[dict[str, Any]] = [{}]
    if route.params(ours):
        named = [
            {name: str(value) for name, value in route.params(world).items()}
            for world in (ours, ours, theirs)
        ]
        aims = [{"path_parameters": one} for one in named]
    if operation.body and route.data:
        aims += [aim | {"body": route.data, "media_type": "application/json"} for aim in aims]
    made_up = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    aimed = [operation.as_strategy(generation_mode=GenerationMode.POSITIVE, **aim) for aim in aims]
    return strategies.one_of(*made_up, *aimed)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_whatever_is_asked_is_answered_as_described(
    operation: Any, askable: World, theirs: World, settings: Any
):
    settings.API_PACE = {"manage": 10**9, "send": 10**9}
    caller, before = Caller(askable.tenant), fingerprint(theirs.tenant)
    asked = 0

    @how(
        max_examples=EACH,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(operation, askable, theirs))
    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        unchanged = transaction.savepoint()
        answer = case.call(headers={"Authorization": f"Bearer {caller.key}"})
        case.validate_response(answer, checks=CHECKS)
        assert THEIRS not in answer.text + str(answer.headers)
        if operation.method != "get" and answer.status_code < 400:
            assert fingerprint(theirs.tenant) == before
            assert crossings() == []
        transaction.savepoint_rollback(unchanged)

    ask()
    assert asked >= EACH * 0.8  # fewer only where there are no more to make up
