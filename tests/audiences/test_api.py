"""People and segments through the management API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django_scopes import scope

from audiences import ingest, segments, suppression
from audiences.models import Identity, Profile, Segment
from tenants import clock
from tenants.models import AuditEntry
from tests.api import Caller, shaped

PARIS = {"on": "attribute", "name": "city", "operator": "is", "value": "Paris"}


@pytest.fixture
def paris(tenant):
    return segments.create(tenant=tenant, actor=None, name="Paris", rule={"all": [PARIS]})


# --- People -----------------------------------------------------------------------------------------
def test_all_that_is_known_of_somebody(api, tenant, now, paris):
    calls = [
        {
            "type": "identify",
            "userId": "u1",
            "traits": {
                "email": "Ada@example.test",
                "city": "Paris",
                "plan": "gold",
                "address": {"street": "Rue"},
            },
            "consent": {"email": "opted_in"},
        }
    ]
    ingest.store(tenant=tenant, calls=calls, now=now)
    suppression.add(tenant=tenant, channel="email", address="ada@example.test", reason="bounced", now=now)
    (short,) = api.get("profiles").json()["data"]
    shown = api.get(f"profiles/{short['id']}").json()
    assert {**shown, **short} == shown
    assert shown["external_id"] == "u1"
    assert shown["city"] == "Paris"
    assert shown["attributes"] == {"plan": "gold", "address.street": "Rue"}
    assert shown["consent"] == {"email": "opted_in"}
    assert {(each["kind"], each["value"]) for each in shown["identities"]} == {
        ("external_id", "u1"),
        ("email", "ada@example.test"),
    }
    assert [each["reason"] for each in shown["suppressions"]] == ["bounced"]
    assert shown["segments"] == [{"id": str(paris.public_id), "name": "Paris"}]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"external_id": "a"}, ["a"]),
        ({"external_id": "A"}, []),
        ({"email": "a@example.test"}, ["a"]),
        ({"email": "A@EXAMPLE.test"}, ["a"]),
        ({"email": "B@example.test"}, ["b"]),
        ({"email": "b@example.test", "external_id": "a"}, []),
        ({"email": "nobody@example.test"}, []),
        ({"email": "ADA@x.test"}, ["d", "c"]),  # two ids, and an address in two ways
    ],
)
def test_people_are_found_by_what_they_go_by(api, tenant, now, query, found):
    calls = [
        {"type": "identify", "userId": "a", "traits": {"email": "a@example.test"}},
        {"type": "identify", "userId": "b", "traits": {"email": "B@example.test"}},
        {"type": "identify", "userId": "c", "traits": {"email": "ada@x.test"}},
        {"type": "identify", "userId": "d", "traits": {"email": "Ada@X.test"}},
    ]
    ingest.store(tenant=tenant, calls=calls, now=now)
    assert [each["external_id"] for each in api.get("profiles", **query).json()["data"]] == found


def test_pages_hold_everybody_once_and_end(api, make_profile, other_tenant):
    made = [make_profile().external_id for _ in range(7)]
    with scope(tenant=other_tenant):
        make_profile(of=other_tenant)
    for limit in (1, 2, 7, 100):
        assert [each["external_id"] for each in api.all("profiles", limit=limit)] == made[::-1]


def test_the_id_of_a_merged_profile_leads_to_who_they_are_now(api, tenant, now):
    ingest.store(
        tenant=tenant,
        calls=[
            {"type": "track", "anonymousId": "x", "event": "Seen"},
            {"type": "identify", "userId": "u1", "traits": {}},
        ],
        now=now,
    )
    anonymous = Identity.objects.get(kind="anonymous_id").profile
    ingest.store(
        tenant=tenant, calls=[{"type": "alias", "userId": "u1", "previousId": "x", "messageId": "m"}], now=now
    )
    shown = api.get(f"profiles/{anonymous.public_id}").json()
    assert (shown["external_id"], shown["id"] == str(anonymous.public_id)) == ("u1", False)
    assert [each["name"] for each in api.all(f"profiles/{anonymous.public_id}/events")] == ["Seen"]


def test_an_erased_profile_is_gone(api, make_profile, now):
    profile = make_profile()
    Profile.objects.filter(pk=profile.pk).update(erased_at=now)
    shaped(api.get(f"profiles/{profile.public_id}"), 404, "not_found")


def test_events_come_newest_first_with_what_they_brought(api, make_profile, make_event, now):
    profile, other = make_profile(), make_profile()
    make_event(other, "Not theirs", now)
    for n in range(5):  # two of them at one moment
        make_event(profile, f"E{n}", now - timedelta(minutes=n // 2), n=n)
    found = api.all(f"profiles/{profile.public_id}/events", limit=2)
    assert [each["name"] for each in found] == ["E1", "E0", "E3", "E2", "E4"]
    assert found[0]["properties"] == {"n": 1}
    assert found[0]["occurred_at"].endswith("Z")
    assert len({each["id"] for each in found}) == 5


# --- Segments ---------------------------------------------------------------------------------------
def test_a_segment_with_its_rule_in_words_its_number_and_its_people(api, make_profile, paris):
    inside = [make_profile(city="Paris").external_id for _ in range(5)]
    make_profile(city="Rome")
    at = f"segments/{paris.public_id}"
    shown = api.get(at).json()
    assert shown["rule"] == {"all": [PARIS]}
    assert "Paris" in shown["sentence"]
    assert shown["problem"] is None
    assert api.get(f"{at}/count").json() == {"profiles": 5}
    assert [each["external_id"] for each in api.all(f"{at}/profiles", limit=2)] == inside


def test_archived_segments_are_listed_apart(api, paris, tenant, owner):
    old = segments.create(tenant=tenant, actor=owner, name="Old", rule={"all": []})
    segments.archive(segment=old, actor=owner, now=clock.now(tenant))
    assert [each["name"] for each in api.all("segments")] == ["Paris"]
    assert [each["name"] for each in api.all("segments", is_archived="true")] == ["Old"]


def test_a_segment_is_made_and_changed_under_the_keys_name(api):
    made = api.post("segments", {"name": "Paris", "rule": {"all": [PARIS]}})
    assert made.status_code == 201
    at = f"segments/{made.json()['id']}"
    assert api.get(at).json() == made.json()
    changed = api.send("PUT", at, {"name": "All", "rule": {"all": []}, "description": "Everyone"})
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["rule"]) == ("All", {"all": []})
    entries = AuditEntry.objects.filter(thing="segment").order_by("id")
    assert [(entry.action, entry.actor, entry.actor_name) for entry in entries] == [
        ("created", None, f"Key {api.row}"),
        ("changed", None, f"Key {api.row}"),
    ]


def test_a_change_may_say_what_it_was_made_to(api, paris):
    at = f"segments/{paris.public_id}"
    read = api.get(at).json()["updated_at"]
    mine = {"name": "Mine", "rule": {"all": [PARIS]}}
    changed = api.send("PUT", at, {"name": "Theirs", "rule": {"all": []}, "updated_at": read}).json()
    assert (changed["name"], changed) == ("Theirs", api.get(at).json())
    shaped(api.send("PUT", at, mine | {"updated_at": read}), 409, "changed_meanwhile")
    shaped(api.send("PUT", at, mine | {"updated_at": "lately"}), 400, "invalid")
    assert api.get(at).json() == changed
    for again in (mine | {"updated_at": changed["updated_at"]}, {"name": "Whatever", "rule": {"all": []}}):
        assert api.send("PUT", at, again).json()["name"] == again["name"]
    shaped(api.post("segments", mine | {"updated_at": read}), 400, "invalid")


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        (
            {"all": [{"on": "attribute", "name": "city", "operator": "greets", "value": 1}]},
            "rule.all[0].operator",
        ),
        ({"all": [PARIS, {"any": "x"}]}, "rule.all[1].any"),
        ({"on": "segment", "id": "7b0e2f1c-3b0f-4a57-9d5e-0f8f6f0d1c11"}, "rule.id"),
        ("everyone", "rule"),
    ],
)
def test_what_is_wrong_in_a_rule_is_told_with_its_place(api, rule, path):
    error = shaped(api.post("segments", {"name": "N", "rule": rule}), 400, "invalid")
    assert error["details"][0]["path"] == path
    assert not Segment.objects.exists()


def test_a_name_that_is_taken_is_a_conflict(api, paris):
    shaped(api.post("segments", {"name": "Paris", "rule": {"all": []}}), 409, "name_taken")


def test_a_circle_is_refused(api, paris, tenant):
    outer = segments.create(
        tenant=tenant, actor=None, name="Outer", rule={"on": "segment", "id": str(paris.public_id)}
    )
    rule = {"on": "segment", "id": str(outer.public_id)}
    error = shaped(
        api.send("PUT", f"segments/{paris.public_id}", {"name": "Paris", "rule": rule}), 400, "invalid"
    )
    assert "circle" in error["message"]


def test_editing_needs_its_scope(tenant):
    reader = Caller(tenant, scopes=["read"])
    shaped(reader.post("segments", {"name": "N", "rule": {"all": []}}), 403, "not_allowed")
    assert not Segment.objects.exists()
