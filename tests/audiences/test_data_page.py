"""What people know about the names that data brought along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audiences import ingest
from audiences.models import AttributeDefinition, EventDefinition
from tenants.models import AuditEntry

ClientOf = Callable[..., Client]
Store = Callable[..., ingest.Stored]


@pytest.fixture
def known(store: Store) -> None:
    store(
        {"type": "identify", "userId": "u1", "traits": {"diagnosis": "x", "email": "a@example.test"}},
        {"type": "track", "userId": "u1", "event": "Order Completed", "properties": {"total": 1}},
    )


def said(**changed: str) -> dict[str, str]:
    return {
        "kind": "attribute",
        "name": "diagnosis",
        "label": "Diagnosis",
        "provenance": "inferred",
        "sensitivity": "sensitive",
    } | changed


def test_names_are_listed_with_what_arrived_under_them(client_of: ClientOf, known: None) -> None:
    browser = client_of("analyst")
    attributes, events = browser.get("/settings/data/"), browser.get("/settings/data/?kind=event")
    assert [row.name for row in attributes.context["page"]] == ["diagnosis"]
    assert [row.name for row in events.context["page"]] == ["Order Completed"]
    assert "total" in events.content.decode()


def test_what_a_marketer_says_is_kept_and_audited_once(client_of: ClientOf, known: None) -> None:
    browser = client_of("marketer")
    answers = [browser.post("/settings/data/describe/", said(), headers={"HX-Request": "true"}) for _ in "12"]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert "tact:toast" in answers[0]["HX-Trigger"]
    row = AttributeDefinition.objects.get()
    assert (row.label, row.provenance, row.sensitivity) == ("Diagnosis", "inferred", "sensitive")
    entry = AuditEntry.objects.get(action="described")
    assert entry.changes["sensitivity"] == ["ordinary", "sensitive"]
    browser.post("/settings/data/describe/", said(kind="event", name="Order Completed", label="An order"))
    assert EventDefinition.objects.get().label == "An order"


@pytest.mark.parametrize(
    "changed,status",
    [
        ({"name": "unheard"}, 404),
        ({"kind": "person"}, 404),
        ({"provenance": "guessed"}, 400),
        ({"sensitivity": ""}, 400),
    ],
)
def test_nonsense_is_not_kept(client_of: ClientOf, known: None, changed: dict[str, Any], status: int) -> None:
    assert client_of("marketer").post("/settings/data/describe/", said(**changed)).status_code == status
    assert AttributeDefinition.objects.get().provenance == "not_stated"


def test_an_analyst_reads_only(client_of: ClientOf, known: None) -> None:
    assert client_of("analyst").post("/settings/data/describe/", said()).status_code == 403
