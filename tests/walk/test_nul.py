"""The character NUL, which PostgreSQL stores nowhere, is somebody's mistake at every address and no fault of ours."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tenants.models import User
from tests.walk.conftest import browser_of
from tests.walk.registry import Route
from tests.walk.routes import Address
from tests.walk.test_roles import GUARDED
from tests.walk.world import World

ASKED = [
    "q", "page", "before", "after", "state", "reason", "occasion", "arm", "version", "did", "language", "like", "who",
    "as", "need", "words", "name", "event", "of", "show", "campaign", "profile", "recipe", "starter", "order", "number",
]  # fmt: skip


@pytest.mark.parametrize(("address", "route"), GUARDED)
def test_no_address_breaks_on_it(address: Address, route: Route, ours: World):
    member, url = browser_of(ours.owner), route.url(address.name, ours)
    nul = dict.fromkeys(ASKED, "\0")
    typed = {name: f"{value}\0" for name, value in route.data.items() if isinstance(value, str)}
    for told in (nul, *({name: "\0"} for name in ("q", "language", "like"))):
        assert member.get(url, told).status_code < 500
        assert member.post(url, route.data | told).status_code < 500
    assert member.post(url, nul | route.data | typed).status_code < 500


@pytest.mark.parametrize("where", ["segments", "campaigns", "blocks"])
def test_the_page_says_that_it_could_not_be_read(where: str, ours: World):
    answer = browser_of(ours.owner).get(f"/{where}/", {"q": "\0"})
    assert answer.status_code == 400
    assert "could not be read" in answer.content.decode()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        pytest.param("audiences/segment/", {"name__contains": "\0"}, id="filter"),
        pytest.param("django_q/success/\0/change/", {}, id="id"),
        pytest.param(
            "autocomplete/",
            {"app_label": "tenants", "model_name": "membership", "field_name": "user", "term": "\0"},
            id="search",
        ),
    ],
)
def test_the_admin_says_so_too(address: str, told: dict[str, str], ours: World):
    User.objects.filter(pk=ours.owner.pk).update(is_staff=True, is_superuser=True)
    answer = browser_of(ours.owner).get(reverse("admin:index") + address, told)
    assert answer.status_code == 400
    assert "could not be read" in answer.content.decode()
