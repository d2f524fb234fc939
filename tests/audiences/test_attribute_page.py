"""Setting one attribute of one person on a page: what is stored, what follows, who did it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audiences import ingest
from audiences.models import AttributeDefinition, Profile
from audiences.signals import events_recorded
from tenants import clock
from tenants.models import AuditEntry, Tenant

ClientOf = Callable[..., Client]
Store = Callable[..., ingest.Stored]
Found = Callable[[str, str], Profile]


def identify(user: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": traits}


def address(profile: Profile, of: str = "") -> str:
    url = reverse("profile_attribute", args=[profile.public_id])
    return f"{url}?of={of}" if of else url


@pytest.fixture
def ada(store: Store, found: Found) -> Profile:
    store(identify("u1", firstName="Ada", email="ada@example.test", plan="pro", visits=3, seen=True))
    return found("external_id", "u1")


@pytest.mark.parametrize("odd", ["0000-00-00", "2024-02-30", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_what_looks_like_a_date_and_is_none_can_be_looked_at_and_removed(
    ada: Profile, client_of: ClientOf, store: Store, tenant: Tenant, odd: str, zone: str
) -> None:
    store(identify("u1", odd=odd))
    Tenant.objects.filter(pk=tenant.pk).update(timezone=zone)
    assert client_of("owner").get(address(ada, "odd")).status_code == 200


@pytest.mark.parametrize(
    "kind,entered,stored",
    [
        ("text", "gold", "gold"),
        ("number", "12", 12),
        ("number", "9007199254740993", 9007199254740993),
        ("number", "-0.5", -0.5),
        ("boolean", "no", False),
        ("date", "2001-02-03", "2001-02-03"),
        ("time", "2026-07-01T10:30", "2026-07-01T08:30:00Z"),  # by the brand's clock, in Berlin
        ("array", "jazz\n\n blues ", ["jazz", "blues"]),
        ("object", '{"a": [1, null]}', {"a": [1, None]}),
    ],
)
def test_a_value_of_each_kind_is_stored_and_comes_back_to_be_changed(
    client_of: ClientOf, ada: Profile, kind: str, entered: str, stored: Any
) -> None:
    browser = client_of("marketer")
    answer = browser.post(address(ada), {"name": "level", "kind": kind, "value": entered})
    assert answer["Location"] == reverse("profile_detail", args=[ada.public_id])
    ada.refresh_from_db()
    assert ada.attributes == {"plan": "pro", "visits": 3, "seen": True, "level": stored}
    assert AttributeDefinition.objects.filter(name="level").exists()
    form = browser.get(address(ada, "level")).context["form"]
    assert form.initial["kind"] == kind
    with timezone.override(ada.tenant.timezone):  # as while a page is made
        again = {"kind": kind, "value": form["value"].value()}
    assert browser.post(address(ada, "level"), again).status_code == 302
    ada.refresh_from_db()
    assert ada.attributes["level"] == stored


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=3)])
def test_what_is_said_holds_though_the_clock_went_back_since_the_last_telling(
    client_of: ClientOf, ada: Profile, store: Store, tenant: Tenant, ahead: timedelta
) -> None:
    clock.move_forward(tenant, ahead)
    store(identify("u1", plan="gold", latitude=1.5, longitude=2.5))
    clock.set_to(tenant, None)
    browser = client_of("marketer")
    browser.post(address(ada, "plan"), {"kind": "text", "value": "silver"})
    browser.post(address(ada, "latitude"), {"value": "52.52, 13.405"})
    ada.refresh_from_db()
    assert (ada.attributes["plan"], ada.latitude) == ("silver", 52.52)
    store(identify("u1", plan="bronze"))
    ada.refresh_from_db()
    assert ada.attributes["plan"] == "bronze"


@pytest.mark.parametrize(
    "of,data,said",
    [
        pytest.param("", {"name": "n", "kind": "number", "value": "many"}, "Enter a number", id="a number is one"),
        pytest.param("", {"name": "n", "kind": "number", "value": "1e999"}, "Enter a number", id="a finite one"),
        pytest.param("", {"name": "n", "kind": "object", "value": "{"}, "no JSON", id="JSON is some"),
        pytest.param("", {"name": "n", "kind": "object", "value": '"\\u0000"'}, "NUL", id="what texts hold"),
        pytest.param("", {"name": "", "kind": "text", "value": "x"}, "required", id="a name is needed"),
        pytest.param("", {"name": "latitude", "kind": "number", "value": "1"}, "longitude", id="no half point"),
        pytest.param("email", {"value": "ada"}, "not an email address", id="addresses as ingestion wants them"),
        pytest.param("country", {"value": "Atlantis"}, "not a country", id="countries too"),
        pytest.param("latitude", {"value": "100, 5"}, "latitude, lies between", id="points on the ground"),
        pytest.param("plan", {"kind": "text", "value": " "}, "required", id="nothing is no value"),
    ],
)  # fmt: skip
def test_what_ingestion_would_not_take_is_told_beside_the_field(
    client_of: ClientOf, ada: Profile, of: str, data: dict[str, str], said: str
) -> None:
    page = client_of("marketer").post(address(ada, of), data)
    assert said in page.content.decode()
    assert not AuditEntry.objects.filter(thing="profile").exists()


def test_standard_ones_are_cleaned_and_coordinates_go_together(client_of: ClientOf, ada: Profile) -> None:
    browser = client_of("marketer")
    browser.post(address(ada, "country"), {"value": "germany"})
    browser.post(address(ada, "latitude"), {"value": "52.52, 13.405"})
    ada.refresh_from_db()
    assert (ada.country, ada.latitude, ada.longitude) == ("DE", 52.52, 13.405)
    browser.post(address(ada, "longitude"), {"remove": "1"})
    ada.refresh_from_db()
    assert (ada.country, ada.latitude, ada.longitude) == ("DE", None, None)


def test_a_part_is_set_by_its_name_and_the_other_parts_stay(client_of: ClientOf, ada: Profile) -> None:
    browser = client_of("marketer")
    for name, value in (("perks.lounge", "yes"), ("perks.bags", "two")):
        browser.post(address(ada), {"name": name, "kind": "text", "value": value})
    ada.refresh_from_db()
    assert ada.attributes["perks"] == {"lounge": "yes", "bags": "two"}
    both = [{"lounge": "yes"}, {"lounge": "yes", "bags": "two"}]
    entries = AuditEntry.objects.filter(thing="profile").order_by("pk")
    assert [entry.changes["perks"] for entry in entries] == [[None, both[0]], both]
    refused = browser.post(address(ada), {"name": "plan..tier", "kind": "text", "value": "x"})
    assert "before, between or after its dots" in refused.content.decode()


def test_only_the_field_that_was_set_changes_whoever_changed_others_meanwhile(
    client_of: ClientOf, ada: Profile, store: Store, tenant: Tenant
) -> None:
    browser = client_of("marketer")
    form = browser.get(address(ada, "plan")).context["form"]
    ahead = clock.now(tenant) + timedelta(minutes=4)  # a client whose clock is a little fast
    store(identify("u1", visits=4, plan="free", group="x") | {"timestamp": ahead.isoformat()})
    browser.post(address(ada, "plan"), {"kind": "text", "value": form["value"].value()})
    ada.refresh_from_db()
    assert ada.attributes == {"plan": "pro", "visits": 4, "seen": True, "group": "x"}


def test_what_waits_for_the_change_hears_of_it_and_the_log_keeps_who(
    client_of: ClientOf, ada: Profile
) -> None:
    heard: list[tuple[str, Any, Any]] = []

    def hear(sender: Any, changes: list[Any], **_: Any) -> None:
        heard.extend((change.attribute, change.old, change.new) for change in changes)

    events_recorded.connect(hear)
    try:
        client_of("marketer").post(address(ada, "plan"), {"kind": "text", "value": "gold"})
        client_of("marketer").post(address(ada, "plan"), {"remove": "1"})
        client_of("marketer").post(address(ada, "plan"), {"kind": "text", "value": "x"})  # no longer there
    finally:
        events_recorded.disconnect(hear)
    assert heard == [("plan", "pro", "gold"), ("plan", "gold", None)]
    entries = AuditEntry.objects.filter(thing="profile").order_by("pk")
    assert [entry.changes for entry in entries] == [{"plan": ["pro", "gold"]}, {"plan": ["gold", None]}]
    assert {entry.actor_name for entry in entries} == {f"marketer-{ada.tenant_id}@example.test"}


@pytest.mark.parametrize("who", [{"anonymousId": "a1"}, {"userId": "u9"}])
def test_somebody_is_meant_by_whatever_they_go_by(
    client_of: ClientOf, store: Store, who: dict[str, str]
) -> None:
    store({"type": "page"} | who)
    profile = Profile.objects.get()
    client_of("marketer").post(address(profile), {"name": "plan", "kind": "text", "value": "pro"})
    profile.refresh_from_db()
    assert profile.attributes == {"plan": "pro"}
    assert Profile.objects.count() == 1


def test_who_may_only_look_and_who_is_elsewhere_change_nothing(
    client_of: ClientOf, ada: Profile, other_tenant: Tenant, make_profile: Callable[..., Profile]
) -> None:
    theirs = make_profile(of=other_tenant)
    data = {"name": "plan", "kind": "text", "value": "gold"}
    assert client_of("analyst").post(address(ada), data).status_code == 403
    assert "Change plan" not in client_of("analyst").get(f"/people/{ada.public_id}/").content.decode()
    browser = client_of("marketer")
    assert "Change plan" in browser.get(f"/people/{ada.public_id}/").content.decode()
    for url in (
        address(theirs),
        f"/people/{uuid4()}/attribute/",
        address(ada, "external_id"),
        address(ada, "x"),
    ):
        assert browser.post(url, data).status_code == 404
    ada.refresh_from_db()
    assert ada.attributes["plan"] == "pro"
