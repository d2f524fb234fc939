"""No address shows, changes or refers to another tenant's things, whoever asks and with whatever ids."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django_scopes import scope

from audiences.models import Segment
from campaigns.models import Variant, Version
from tenants import keys
from tests.walk.conftest import THEIRS, browser_of
from tests.walk.registry import NAMES_OF_THINGS, ROUTES, Route, route_of
from tests.walk.routes import addresses
from tests.walk.world import World, crossings, fingerprint

KNOWN = {address.name for address in addresses()}
ALIKE = {"admin:view_on_site"}  # allauth and the admin may name one thing twice
# While a route's code is on its way, its line may be here before it.
WALKED = {name: route for name, route in ROUTES.items() if name in KNOWN}
PAGES = [pytest.param(name, route, id=name) for name, route in WALKED.items() if route.kind == "page"]
THINGS = [pytest.param(name, route, id=name) for name, route in WALKED.items() if route.kind == "thing"]
OTHERS = [
    pytest.param(name, route, id=name)
    for name, route in WALKED.items()
    if route.kind in ("public", "platform")
]


def ids_of(world: World, column: str) -> dict[str, Any]:
    """A form that names the world's things in every way pages name things: by public id, or by database id."""
    ids = {name: str(getattr(world[model], column)) for name, model in NAMES_OF_THINGS.items()}
    plurals = {f"{name}s": [value] for name, value in ids.items()}
    rule = {"on": "segment", "id": ids["segment"]}
    ids["rule"] = json.dumps({"all": [rule]})
    return ids | plurals | {f"{name}_id": value for name, value in ids.items()} | {"id": ids["campaign"]}


def forms(route: Route, theirs: World) -> list[dict[str, Any]]:
    return [route.data, *(route.data | ids_of(theirs, column) for column in ("public_id", "pk"))]


def answers(client: Client, url: str, route: Route, theirs: World) -> list[HttpResponse]:
    """What the address answers to every method, with another tenant's ids in query and body, plain and to htmx."""
    htmx = {"HX-Request": "true"}
    asked = [client.get(url), client.get(url, headers=htmx)]
    asked += [client.get(url, ids_of(theirs, column)) for column in ("public_id", "pk")]
    for form in forms(route, theirs):
        asked += [client.post(url, form), client.post(url, form, headers=htmx)]
        asked.append(client.post(url, form, content_type="application/json"))
    asked += [getattr(client, method)(url) for method in ("put", "patch", "delete")]
    return asked  # type: ignore[return-value]


def assert_silent(responses: list[HttpResponse]) -> None:
    for response in responses:
        assert response.status_code < 500
        assert THEIRS not in body(response)
        assert THEIRS not in str(response.headers)


def body(response: HttpResponse) -> str:
    if response.streaming:
        return b"".join(response.streaming_content).decode(errors="replace")  # type: ignore[attr-defined]
    return response.content.decode(errors="replace")


@pytest.mark.django_db  # its module's worlds need the test's database; alone it would be given none
def test_every_address_is_registered():
    missing = sorted(name for name in KNOWN if route_of(name) is None)
    assert not missing, f"Add a line for each to tests/walk/registry.py: {missing}"


def test_a_name_leads_to_one_address():
    doubled = [name for name, count in Counter(address.name for address in addresses()).items() if count > 1]
    assert sorted(set(doubled) - ALIKE) == []


def test_the_registry_names_nothing_that_is_gone():
    assert sorted(set(ROUTES) - KNOWN) == []


@pytest.mark.parametrize(("name", "route"), THINGS)
def test_another_tenants_thing_is_a_404_like_one_that_never_was(
    name: str, route: Route, insider: Client, theirs: World
):
    url, before = route.url(name, theirs), fingerprint(theirs.tenant)
    responses = answers(insider, url, route, theirs)
    assert {response.status_code for response in responses} <= {404, 405}
    assert 404 in {response.status_code for response in responses}
    assert_silent(responses)
    assert fingerprint(theirs.tenant) == before


@pytest.mark.parametrize(("name", "route"), THINGS)
def test_ones_own_thing_is_there(name: str, route: Route, insider: Client, ours: World):
    """Else the test above would be passed by an address that answers 404 to everybody."""
    url = route.url(name, ours)
    statuses = {insider.get(url).status_code, insider.post(url, route.data).status_code}
    assert statuses - {404, 405}, statuses
    assert max(statuses) < 500


@pytest.mark.parametrize(("name", "route"), THINGS)
def test_ones_own_thing_does_not_mix_with_others(
    name: str, route: Route, insider: Client, ours: World, theirs: World
):
    url, before = route.url(name, ours), fingerprint(theirs.tenant)
    assert_silent(answers(insider, url, route, theirs))
    assert fingerprint(theirs.tenant) == before
    assert crossings() == []


@pytest.mark.parametrize(("name", "route"), PAGES)
def test_a_page_shows_and_touches_ones_own_tenant_only(
    name: str, route: Route, insider: Client, theirs: World
):
    url, before = reverse(name), fingerprint(theirs.tenant)
    assert_silent(answers(insider, url, route, theirs))
    assert fingerprint(theirs.tenant) == before
    assert crossings() == []


@pytest.mark.parametrize(("name", "route"), OTHERS)
def test_what_is_no_tenants_tells_of_none(name: str, route: Route, insider: Client, theirs: World):
    url, before = route.url(name, theirs), fingerprint(theirs.tenant)
    assert_silent(answers(insider, url, route, theirs))
    assert fingerprint(theirs.tenant) == before


# Where a form refers to a segment: what posts it, and what then refers to it. Where ours is taken, theirs is not.
REFERENCES = [
    pytest.param(
        "campaign_audience",
        lambda segment: {"audience": segment, "control_percent": "10"},
        lambda tenant: Version.objects.filter(tenant=tenant, segment__isnull=False, launched_at=None),
        id="audience",
    ),
    pytest.param(
        "campaign_variant_change",
        lambda segment: {"variant-name": "A", "variant-weight": "50", "variant-segment": segment},
        lambda tenant: Variant.objects.filter(
            tenant=tenant, segment__isnull=False, version__launched_at=None
        ),
        id="variant",
    ),
    pytest.param(
        "segment_new",
        lambda segment: {"name": "Both", "rule": json.dumps({"all": [{"on": "segment", "id": segment}]})},
        lambda tenant: Segment.objects.filter(tenant=tenant, name="Both"),
        id="rule",
    ),
]


@pytest.mark.parametrize(("name", "form", "found"), REFERENCES)
def test_what_refers_to_ones_own_segment_does_not_refer_to_anothers(
    name: str, form: Any, found: Any, insider: Client, ours: World, theirs: World
):
    with scope(tenant=ours.tenant):
        Version.objects.filter(launched_at=None).update(segment=None)
        Variant.objects.filter(version__launched_at=None).update(segment=None, is_default=False)
        insider.post(ROUTES[name].url(name, ours), form(str(theirs[Segment].public_id)))
        assert not found(ours.tenant).exists()
        insider.post(ROUTES[name].url(name, ours), form(str(ours[Segment].public_id)))
        assert found(ours.tenant).exists()


CALLS = [pytest.param(name, route, id=name) for name, route in WALKED.items() if route.kind == "call"]


@pytest.mark.parametrize(("name", "route"), CALLS)
@pytest.mark.parametrize("kind", ["write", "secret"])
def test_a_key_opens_its_own_tenant_only(name: str, route: Route, kind: str, ours: World, theirs: World):
    with scope(tenant=ours.tenant):
        _, key = keys.create(
            tenant=ours.tenant, kind=kind, name="K", scopes=list(keys.SCOPES), created_by=None
        )
    url, before, own = (
        route.url(name, ours),
        fingerprint(theirs.tenant),
        fingerprint(ours.tenant),
    )
    for header in (f"Bearer {key}", "Basic " + b64encode(f"{key}:".encode()).decode()):
        answer = Client(raise_request_exception=False).post(
            url, route.data, content_type="application/json", headers={"Authorization": header}
        )
        assert answer.status_code == 200, answer.content
        assert_silent([answer])  # type: ignore[list-item]
    assert fingerprint(theirs.tenant) == before
    assert fingerprint(ours.tenant) != own
    assert crossings() == []


@pytest.mark.parametrize(("name", "route"), CALLS)
@pytest.mark.parametrize("header", ["", "Bearer wk_nobody-made-this", "Basic !!!", "Basic d2tfeDo="])
def test_without_a_live_key_nothing_is_opened(
    name: str, route: Route, header: str, insider: Client, ours: World
):
    before = fingerprint(ours.tenant)
    headers = {"Authorization": header} if header else {}
    url = route.url(name, ours)
    answer = insider.post(url, route.data, content_type="application/json", headers=headers)
    assert answer.status_code in (400, 401, 403)
    assert fingerprint(ours.tenant) == before


def test_the_marker_is_found_where_it_is(theirs: World):
    """Else every test above would pass whatever pages show."""
    page = browser_of(theirs.owner).get(reverse("settings_team"))
    assert THEIRS in page.content.decode()
