"""The management API shows, changes and refers to nothing of another tenant's, and each method asks for its scope."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tenants import keys
from tests.api import Caller
from tests.walk.conftest import THEIRS
from tests.walk.registry import NAMES_OF_THINGS, ROUTES, Route
from tests.walk.routes import Address, addresses
from tests.walk.world import World, crossings, fingerprint

BY_NAME = {address.name: address for address in addresses()}


def scopes_of(address: Address) -> dict[str, str]:
    """What a key needs for each method the address knows."""
    return address.view.cls.scopes


CALLS = [
    pytest.param(BY_NAME[name], route, method, id=f"{name}-{method}")
    for name, route in ROUTES.items()
    if route.kind == "api"
    for method in scopes_of(BY_NAME[name])
]
ABOUT_THINGS = [each for each in CALLS if "<" in each.values[0].pattern]


def bodies(route: Route, theirs: World) -> list[dict[str, Any]]:
    """What one's own tenant would accept, and the same with another tenant's things in every place for one."""
    ids = {name: str(theirs[model].public_id) for name, model in NAMES_OF_THINGS.items()}
    nested = {"rule": {"all": [{"on": "segment", "id": ids["segment"]}]}, "to": {"profile": ids["profile"]}}
    crossed = {name: value for name, value in (ids | nested).items() if name in route.data}
    return [route.data, route.data | crossed]


def ask(caller: Caller, address: Address, route: Route, method: str, world: World, body: Any) -> Any:
    path = route.url(address.name, world).removeprefix("/api/v1/")
    if method != "GET":
        return caller.send(method, path, body)
    asked = {name: body[name] for name, value in route.data.items() if isinstance(value, type)}
    return caller.get(path, **{name: _id(value, world) for name, value in asked.items()})


def _id(value: Any, world: World) -> str:
    return str(world[value].public_id) if isinstance(value, type) else value


def assert_silent(answer: Any) -> None:
    assert answer.status_code < 500
    assert THEIRS not in answer.content.decode()
    assert THEIRS not in str(answer.headers)


@pytest.mark.parametrize(("address", "route", "method"), ABOUT_THINGS)
def test_another_tenants_thing_is_a_404_like_one_that_never_was(
    address: Address, route: Route, method: str, ours: World, theirs: World
):
    caller, before = Caller(ours.tenant), fingerprint(theirs.tenant)
    for body in bodies(route, theirs):
        answer = ask(caller, address, route, method, theirs, body)
        never = Route("api", params=lambda world: {name: uuid.uuid4() for name in route.params(theirs)})
        assert answer.status_code == 404
        assert answer.json() == ask(caller, address, never, method, ours, body).json()
        assert_silent(answer)
    assert fingerprint(theirs.tenant) == before


@pytest.mark.parametrize(("address", "route", "method"), CALLS)
def test_ones_own_thing_is_there_and_does_not_mix_with_others(
    address: Address, route: Route, method: str, ours: World, theirs: World
):
    caller, before = Caller(ours.tenant), fingerprint(theirs.tenant)
    own, crossed = (ask(caller, address, route, method, ours, body) for body in bodies(route, theirs))
    assert own.status_code in (200, 201, 202, 409, 422), own.content
    for answer in (own, crossed):
        assert_silent(answer)
    assert fingerprint(theirs.tenant) == before
    assert crossings() == []


@pytest.mark.parametrize(("address", "route", "method"), CALLS)
def test_each_method_asks_for_its_scope(address: Address, route: Route, method: str, ours: World):
    needed = scopes_of(address)[method]
    lacking = Caller(ours.tenant, scopes=[each for each in keys.SCOPES if each != needed])
    alone = Caller(ours.tenant, scopes=[needed])
    public = Caller(ours.tenant, kind="write")
    before = fingerprint(ours.tenant)
    for caller in (lacking, public):
        answer = ask(caller, address, route, method, ours, route.data)
        assert answer.status_code == 403
    after = fingerprint(ours.tenant)
    del before["tenants_apikey"], after["tenants_apikey"]  # when each was last used
    assert after == before
    assert ask(alone, address, route, method, ours, route.data).status_code != 403


@pytest.mark.parametrize(("address", "route", "method"), CALLS)
def test_without_a_key_nothing_is_opened(
    address: Address, route: Route, method: str, ours: World, insider: Any
):
    """Nor with the session of somebody who may do everything on the pages."""
    before = fingerprint(ours.tenant)
    url = route.url(address.name, ours)
    assert insider.generic(method, url, b"{}", content_type="application/json").status_code == 401
    assert fingerprint(ours.tenant) == before
