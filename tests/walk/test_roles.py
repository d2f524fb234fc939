"""Analysts read, marketers draft, publishers launch, owners manage: at every address."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tenants import roles
from tenants.roles import Role
from tests.walk.registry import ROUTES, Route
from tests.walk.routes import Address, addresses
from tests.walk.world import World, fingerprint

BY_NAME = {address.name: address for address in addresses()}
GUARDED = [
    pytest.param(BY_NAME[name], route, id=name)
    for name, route in ROUTES.items()
    if name in BY_NAME and route.kind in ("page", "thing")
]
REFUSABLE = [
    pytest.param(*guarded.values, role, id=f"{guarded.id}-{role}")
    for guarded in GUARDED
    for role in Role
    if not roles.may(role, guarded.values[0].allows or "view")
]


@pytest.mark.parametrize(("address", "route"), GUARDED)
def test_every_tenants_address_says_what_it_asks_of_a_member(address: Address, route: Route):
    assert address.allows in roles.LEAST, f"{address.name} lacks @access.allow(...)"


@pytest.mark.parametrize(("address", "route"), GUARDED)
def test_somebody_signed_out_is_asked_to_sign_in(address: Address, route: Route, ours: World):
    url = route.url(address.name, ours)
    for response in (Client().get(url), Client().post(url)):
        assert response.status_code == 405 or response.headers["Location"].startswith(
            reverse("account_login")
        )


@pytest.mark.parametrize(("address", "route", "role"), REFUSABLE)
def test_a_lower_role_is_refused_and_changes_nothing(
    address: Address, route: Route, role: Role, ours: World, in_role: Callable[[str], Client]
):
    member = in_role(role)
    url, before = route.url(address.name, ours), fingerprint(ours.tenant)
    statuses = {member.get(url).status_code, member.post(url, route.data).status_code}
    assert 403 in statuses
    assert statuses <= {403, 405}
    assert fingerprint(ours.tenant) == before


@pytest.mark.parametrize(("address", "route"), GUARDED)
def test_the_least_role_that_may_is_let_in(
    address: Address, route: Route, ours: World, in_role: Callable[[str], Client]
):
    member = in_role(roles.LEAST[address.allows or "view"])
    url = route.url(address.name, ours)
    statuses = {member.get(url).status_code, member.post(url, route.data).status_code}
    assert 403 not in statuses
    assert statuses != {405}
