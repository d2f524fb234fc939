"""Calls are stored once, in order, at the time they happened, for the person they mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audiences import consent, definitions, ingest, segments
from audiences.models import (
    AttributeDefinition,
    ConsentChange,
    Event,
    EventDefinition,
    Identity,
    Profile,
    Receipt,
)
from audiences.signals import AttributeChange, Merge, RecordedEvent, events_recorded
from tenants.models import Tenant

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
Store = Callable[..., ingest.Stored]
Found = Callable[[str, str], Profile]


def track(user: str = "u1", event: str = "Order Completed", **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": event, **more}


def identify(user: str = "u1", **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": traits}


class Heard:
    """What the signal told."""

    def __init__(self) -> None:
        self.events: list[RecordedEvent] = []
        self.changes: list[AttributeChange] = []
        self.merges: list[Merge] = []

    def __call__(self, sender: Any, **told: Any) -> None:
        self.events += told["events"]
        self.changes += told["changes"]
        self.merges += told["merges"]


@pytest.fixture
def heard() -> Any:
    listener = Heard()
    events_recorded.connect(listener)
    yield listener
    events_recorded.disconnect(listener)


# --- Once ----------------------------------------------------------------------------------------
def test_the_same_call_id_counts_once_within_a_batch_and_across_batches(store: Store) -> None:
    call = track(messageId="m1")
    first = store(call, call, track(messageId="m2"))
    assert (first.accepted, first.duplicates) == (2, 1)
    second = store(track("u9", messageId="m1"), track(messageId="m3"))
    assert (second.accepted, second.duplicates) == (1, 1)
    assert Event.objects.count() == 3
    assert Profile.objects.count() == 1


def test_every_kind_of_call_leaves_a_receipt(store: Store) -> None:
    calls = [
        identify() | {"messageId": "1"},
        track(messageId="2"),
        {"type": "page", "userId": "u1", "messageId": "3"},
        {"type": "group", "userId": "u1", "groupId": "g", "messageId": "4"},
        {"type": "alias", "userId": "u1", "previousId": "a1", "messageId": "5"},
    ]
    assert store(*calls).accepted == Receipt.objects.count() == 5
    assert store(*calls).duplicates == 5


def test_a_call_without_an_id_is_known_again_by_its_content_if_it_says_when(store: Store) -> None:
    at = (NOW - timedelta(minutes=1)).isoformat()
    assert [store(track(timestamp=at), now=NOW).accepted for _ in range(2)] == [1, 0]
    assert [store(track(), now=NOW).accepted for _ in range(2)] == [1, 1]


def test_two_tenants_may_use_the_same_call_id(store: Store, other_tenant: Tenant) -> None:
    assert store(track(messageId="m1")).accepted == 1
    other = ingest.store(tenant=other_tenant, calls=[track(messageId="m1")], now=NOW)
    assert other.accepted == 1
    assert Event.objects.count() == 1


def test_receipts_are_forgotten_after_thirty_days(store: Store) -> None:
    store(track(messageId="m1"))
    receipt = Receipt.objects.get()
    assert ingest.prune(raw_now=receipt.received_at + timedelta(days=29)) == 0
    assert ingest.prune(raw_now=receipt.received_at + timedelta(days=31)) == 1


def test_a_listener_that_raises_undoes_the_whole_batch(store: Store) -> None:
    def refuse(sender: Any, **told: Any) -> None:
        raise RuntimeError("no")

    events_recorded.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            store(track(messageId="m1"), identify(plan="pro"))
    finally:
        events_recorded.disconnect(refuse)
    assert not Event.objects.exists()
    assert not Profile.objects.exists()
    assert store(track(messageId="m1")).accepted == 1


# --- Order ---------------------------------------------------------------------------------------
def test_attributes_count_before_the_events_of_their_batch(store: Store, heard: Heard) -> None:
    seen: list[dict[str, Any]] = []

    def look(sender: Any, **told: Any) -> None:
        seen.extend(Profile.objects.get(pk=event.profile_id).attributes for event in told["events"])

    events_recorded.connect(look)
    store(track(), identify(plan="pro"))
    events_recorded.disconnect(look)
    assert seen == [{"plan": "pro"}]


def test_of_calls_in_a_batch_the_later_in_time_wins_whatever_its_place(store: Store, found: Found) -> None:
    early, late = (NOW - timedelta(minutes=2)).isoformat(), (NOW - timedelta(minutes=1)).isoformat()
    store(
        identify(plan="late", city="Paris") | {"timestamp": late},
        identify(plan="early", genre="jazz") | {"timestamp": early},
        now=NOW,
    )
    profile = found("external_id", "u1")
    assert (profile.attributes, profile.city) == ({"plan": "late", "genre": "jazz"}, "Paris")


def test_a_call_older_than_the_newest_merge_only_fills_what_is_missing(store: Store, found: Found) -> None:
    store(identify(plan="new", email="new@example.test"), now=NOW)
    old = (NOW - timedelta(hours=1)).isoformat()
    store(
        identify(plan="old", email=None, genre="jazz", first_name="Ada") | {"timestamp": old},
        now=NOW + timedelta(minutes=1),
    )
    profile = found("external_id", "u1")
    assert profile.attributes == {"plan": "new", "genre": "jazz"}
    assert (profile.email, profile.first_name, profile.attributes_at) == ("new@example.test", "Ada", NOW)


def test_null_and_blank_remove_an_attribute(store: Store, found: Found) -> None:
    store(identify(plan="pro", genre="jazz", email="a@example.test", city="Paris"))
    store(identify(plan=None, genre=" ", email=None, city=""))
    profile = found("external_id", "u1")
    assert (profile.attributes, profile.email, profile.city) == ({}, None, None)
    assert not Identity.objects.filter(kind="email").exists()


def test_changes_are_told_with_old_and_new_one_for_each_call(
    store: Store, heard: Heard, found: Found
) -> None:
    store(identify(plan="free", city="Paris") | {"messageId": "1"}, now=NOW)
    store(
        identify(plan="free", city="Rome") | {"messageId": "2"},
        identify(plan="pro") | {"messageId": "3"},
        identify(city=None) | {"messageId": "4"},
        now=NOW + timedelta(minutes=1),
    )
    id_ = found("external_id", "u1").pk
    assert heard.changes == [
        AttributeChange(id_, "plan", None, "free", "1"),
        AttributeChange(id_, "city", None, "Paris", "1"),
        AttributeChange(id_, "city", "Paris", "Rome", "2"),
        AttributeChange(id_, "plan", "free", "pro", "3"),
        AttributeChange(id_, "city", "Rome", None, "4"),
    ]


def test_surroundings_fill_gaps_and_never_overwrite(store: Store, found: Found, heard: Heard) -> None:
    context = {"timezone": "Europe/Paris", "locale": "fr-FR"}
    store(track(context=context | {"timezone": "Nowhere/At_All"}))
    assert found("external_id", "u1").language == "fr-FR"
    store(identify(language="de"))
    store(track(context=context))
    profile = found("external_id", "u1")
    assert (profile.timezone, profile.language) == ("Europe/Paris", "de")
    store(track(context={"timezone": "Asia/Tokyo", "locale": 7}))
    assert found("external_id", "u1").timezone == "Europe/Paris"


def test_group_traits_stand_under_group(store: Store, found: Found) -> None:
    store(identify(group="a text in its place"))
    store(
        {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"plan": "big", "id": "x", "seats": 3}}
    )
    store({"type": "group", "userId": "u1", "groupId": "g2", "traits": {"plan": None}})
    assert found("external_id", "u1").attributes == {"group": {"id": "g2", "seats": 3}}
    assert Event.objects.filter(name="Group Joined").latest("id").properties == {
        "group_id": "g2",
        "plan": None,
    }


def test_a_dot_in_a_traits_name_leads_into_an_object(store: Store, found: Found, heard: Heard) -> None:
    store(identify(**{"plan.tier": "gold", "plan.of.since": 2020}))
    store(identify(**{"plan.tier": "silver", "plan.seats": 3}))
    store(identify(**{"plan.tier": "silver", "plan.of.since": None, "plan.of.until": None}))
    assert found("external_id", "u1").attributes == {"plan": {"tier": "silver", "seats": 3}}
    assert [(change.attribute, change.old, change.new) for change in heard.changes] == [
        ("plan.tier", None, "gold"),
        ("plan.of.since", None, 2020),
        ("plan.tier", "gold", "silver"),
        ("plan.seats", None, 3),
        ("plan.of.since", 2020, None),
    ]
    store(identify(**{"plan.tier": None, "plan.seats": None}))
    assert found("external_id", "u1").attributes == {}


def test_rules_find_what_was_told_under_a_name_with_dots(store: Store, tenant: Tenant, now: datetime) -> None:
    store(identify(**{"plan.tier": "gold", "address.shop.floor": 2}))
    store({"type": "group", "userId": "u1", "groupId": "g1", "traits": {"plan.tier": "big"}})
    for name, value in (("plan.tier", "gold"), ("address.shop.floor", 2), ("group.plan.tier", "big")):
        rule = {"on": "attribute", "name": name, "operator": "is", "value": value}
        assert segments.count(rule, tenant=tenant, now=now + timedelta(seconds=5)) == 1


def test_of_a_part_too_a_late_call_only_fills_what_is_missing(store: Store, found: Found) -> None:
    store(identify(**{"plan.tier": "gold", "genre": "jazz"}), now=NOW)
    old = {"timestamp": (NOW - timedelta(hours=1)).isoformat()}
    store(identify(**{"plan.tier": "tin", "plan.seats": 3, "genre.first": "rock"}) | old, now=NOW)
    assert found("external_id", "u1").attributes == {"plan": {"tier": "gold", "seats": 3}, "genre": "jazz"}
    store(identify(**{"genre.first": "jazz"}), now=NOW + timedelta(minutes=1))
    assert found("external_id", "u1").attributes["genre"] == {"first": "jazz"}


@pytest.mark.parametrize(
    ("traits", "path", "reason"),
    [
        ({".a": 1}, "traits..a", "dots"),
        ({"a..b": 1}, "traits.a..b", "dots"),
        ({"a.": 1}, "traits.a.", "dots"),
        ({"address": {"": 1}}, "traits.address.", "dots"),
        ({"email.work": "x"}, "traits.email.work", "has no parts"),
        ({"plan.tier": 1, "plan": "x"}, "traits.plan.tier", "as a whole"),
        ({"plan.tier": {"a": 1}, "plan.tier.b": 2}, "traits.plan.tier.b", "as a whole"),
        ({".".join("abcdefghijk"): 1}, "traits.a.b.c.d.e.f.g.h.i.j.k", "10 deep"),
    ],
)
def test_a_name_whose_dots_lead_nowhere_is_refused(
    store: Store, traits: dict[str, Any], path: str, reason: str
) -> None:
    (refusal,) = store(identify(**traits)).refused
    assert refusal.path == path
    assert reason in refusal.reason
    assert not Profile.objects.exists()


def test_one_text_replaces_no_address_that_is_known_by_its_parts(
    store: Store, found: Found, heard: Heard
) -> None:
    store(identify(address="10 Downing Street"))
    store(identify(address={"street": "Baker Street"}))
    for _ in range(2):
        store(identify(address="10 Downing Street"))
    assert found("external_id", "u1").attributes == {"address": {"street": "Baker Street"}}
    assert [change.attribute for change in heard.changes] == ["address", "address.street"]


# --- Clocks --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "ahead,at,is_clamped",
    [
        pytest.param(timedelta(minutes=-3), timedelta(minutes=-3), False, id="a little ago"),
        pytest.param(timedelta(minutes=5), timedelta(minutes=5), False, id="five minutes ahead is kept"),
        pytest.param(timedelta(minutes=6), timedelta(0), True, id="six minutes ahead is now"),
        pytest.param(timedelta(hours=24), timedelta(0), True, id="a day ahead is now"),
        pytest.param(timedelta(days=-729), timedelta(days=-729), False, id="within retention"),
    ],
)
def test_when_a_call_happened(store: Store, ahead: timedelta, at: timedelta, is_clamped: bool) -> None:
    store(track(timestamp=(NOW + ahead).isoformat()), now=NOW)
    event = Event.objects.get()
    assert (event.occurred_at - NOW, event.is_clamped, event.received_at) == (at, is_clamped, NOW)


@pytest.mark.parametrize(
    "ahead,reason",
    [(timedelta(hours=24, seconds=1), "future"), (timedelta(days=-730, seconds=-1), "730 days")],
)
def test_impossible_times_are_refused(store: Store, ahead: timedelta, reason: str) -> None:
    stored = store(track(timestamp=(NOW + ahead).isoformat()), now=NOW)
    assert (stored.refused[0].path, reason in stored.refused[0].reason) == ("timestamp", True)
    assert not Event.objects.exists()


@pytest.mark.parametrize("wrong_by", [timedelta(0), timedelta(days=-3000), timedelta(days=400)])
@pytest.mark.parametrize("field", ["timestamp", "originalTimestamp"])
def test_a_clients_clock_is_corrected_by_when_it_sent(store: Store, wrong_by: timedelta, field: str) -> None:
    client_now = datetime(2026, 1, 1, tzinfo=UTC) + wrong_by
    call = track(**{field: (client_now - timedelta(minutes=20)).isoformat()})
    store(call, sent_at=client_now, now=NOW)
    assert Event.objects.get().occurred_at == NOW - timedelta(minutes=20)


def test_a_time_without_zone_is_utc(store: Store) -> None:
    store(track(timestamp="2026-06-15T11:00:00"), now=NOW)
    assert Event.objects.get().occurred_at == NOW - timedelta(hours=1)


def test_what_is_older_than_the_tenants_limit_is_stored_and_starts_nothing(
    store: Store, tenant: Tenant, heard: Heard
) -> None:
    tenant.trigger_age_hours = 2
    for hours in (1, 2, 3):
        store(track(timestamp=(NOW - timedelta(hours=hours)).isoformat()), now=NOW)
    assert [event.may_start for event in heard.events] == [True, True, False]
    assert Event.objects.count() == 3


# --- What is written of an event -----------------------------------------------------------------
def test_only_a_persons_own_activity_is_their_last_seen(store: Store, found: Found, tenant: Tenant) -> None:
    def seen() -> datetime | None:
        return found("external_id", "u1").last_seen_at

    store(identify(plan="pro"), {"type": "group", "userId": "u1", "groupId": "g"}, now=NOW)
    store(track(), now=NOW, origin=ingest.Origin.IMPORT)
    ingest.record_internal(
        tenant=tenant,
        events=[ingest.InternalEvent("i1", found("external_id", "u1").pk, "Email Sent", NOW, {})],
        now=NOW,
    )
    assert seen() is None
    for minutes, kind in enumerate(["track", "page", "screen"], 1):
        at = NOW + timedelta(minutes=minutes)
        store({"type": kind, "userId": "u1", "event": "E"}, now=at)
        assert seen() == at
    store(track(timestamp=(NOW - timedelta(days=1)).isoformat()), now=NOW)
    assert seen() == NOW + timedelta(minutes=3)


def test_new_months_are_made_as_events_need_them(store: Store) -> None:
    for days in (0, 40, 400, 729):
        assert store(track(timestamp=(NOW - timedelta(days=days)).isoformat()), now=NOW).accepted == 1
    assert Event.objects.count() == 4


def test_names_appear_by_themselves_with_the_kinds_of_their_values(store: Store) -> None:
    store(
        track(
            properties={"total": 1.5, "at": "2026-05-01", "ok": True, "items": [], "who": {}, "none": None}
        ),
        track(properties={"total": "free"}),
        identify(plan="pro", since="2026-05-01T10:00:00Z", email="a@example.test"),
        {"type": "group", "userId": "u1", "groupId": "g1"},
    )
    store(identify(plan=7))
    assert EventDefinition.objects.get(name="Order Completed").properties == {
        "total": ["number", "text"],
        "at": ["time"],
        "ok": ["boolean"],
        "items": ["array"],
        "who": ["object"],
    }
    kinds = dict(AttributeDefinition.objects.values_list("name", "kinds"))
    assert kinds == {"plan": ["number", "text"], "since": ["time"], "group.id": ["text"]}


def test_what_people_added_to_a_definition_stays(store: Store) -> None:
    store(track(properties={"a": 1}))
    EventDefinition.objects.update(label="An order", sensitivity="personal")
    store(track(properties={"b": 1}))
    definition = EventDefinition.objects.get()
    assert (definition.label, definition.sensitivity) == ("An order", "personal")
    assert set(definition.properties) == {"a", "b"}


# --- Our own messages' events --------------------------------------------------------------------
def test_internal_events_are_stored_once_and_marked(
    store: Store, tenant: Tenant, found: Found, heard: Heard
) -> None:
    store(identify())
    profile = found("external_id", "u1")
    sent = ingest.InternalEvent("d1:sent", profile.pk, "Email Sent", NOW, {"campaign": "c1"})
    assert [ingest.record_internal(tenant=tenant, events=[sent, sent], now=NOW) for _ in range(2)] == [1, 0]
    event = Event.objects.get()
    assert (event.name, event.is_internal, event.properties) == ("Email Sent", True, {"campaign": "c1"})
    assert EventDefinition.objects.get().is_internal
    assert [event.is_internal for event in heard.events] == [True]


def test_internal_events_of_a_merged_profile_go_to_the_living_one(
    store: Store, tenant: Tenant, found: Found
) -> None:
    store({"type": "page", "anonymousId": "a1"})
    anonymous = found("anonymous_id", "a1")
    store(identify())
    store(identify() | {"anonymousId": "a1"})
    sent = ingest.InternalEvent("d1:sent", anonymous.pk, "Email Sent", NOW, {})
    gone = ingest.InternalEvent("d2:sent", 999_999_999, "Email Sent", NOW, {})
    assert ingest.record_internal(tenant=tenant, events=[sent, gone], now=NOW) == 1
    assert Event.objects.get(name="Email Sent").profile == found("external_id", "u1")


def test_a_person_is_as_old_as_their_first_call(store: Store, found: Found) -> None:
    early = NOW - timedelta(days=90)
    store(track(), track(timestamp=early.isoformat()), now=NOW)
    assert found("external_id", "u1").created_at == early


def test_whoever_makes_names_up_fills_no_list(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "MAX_NAMES", 3)
    monkeypatch.setattr(definitions, "MAX_PATHS", 2)
    for n in range(6):
        store(track(event=f"E{n}"), track(event="E0", properties={f"p{n}": n}), identify(**{f"a{n}": n}))
    assert list(EventDefinition.objects.order_by("name").values_list("name", flat=True)) == ["E0", "E1", "E2"]
    assert set(EventDefinition.objects.get(name="E0").properties) == {"p0", "p1"}
    assert AttributeDefinition.objects.count() == 3
    assert Event.objects.count() == 12


@pytest.mark.parametrize("subject", ["", "topic:", "Email", "emial", "news", "Topic:news"])
def test_consent_to_what_is_neither_channel_nor_topic_is_refused(store: Store, subject: str) -> None:
    stored = store({"type": "identify", "userId": "u1", "consent": {subject: "unsubscribed"}})
    assert [refusal.path for refusal in stored.refused] == ["consent"]
    assert not Profile.objects.exists()


@pytest.mark.parametrize(
    ("minutes", "told", "holds"),
    [
        pytest.param(-60, "subscribed", "unsubscribed", id="a late call takes nothing back"),
        pytest.param(1, "subscribed", "subscribed", id="what was said since does"),
        pytest.param(-60, "unsubscribed", "unsubscribed", id="a late one may agree"),
    ],
)
def test_of_consent_what_was_said_last_holds_whatever_arrives_last(
    store: Store, found: Found, tenant: Tenant, minutes: int, told: str, holds: str
) -> None:
    said = {"type": "identify", "userId": "u1", "anonymousId": "a1", "consent": {"email": "opted_in"}}
    store(said | {"timestamp": (NOW - timedelta(days=1)).isoformat()}, now=NOW)
    profile = found("external_id", "u1")
    told_us = {
        "profile_id": profile.pk,
        "subject": "email",
        "standing": "unsubscribed",
        "origin": "one-click",
    }
    consent.change(tenant=tenant, now=NOW, **told_us)
    at = NOW + timedelta(minutes=minutes)
    late = {"timestamp": at.isoformat(), "consent": {"email": told, "topic:news": "subscribed"}}
    store(said | late, now=NOW + timedelta(minutes=2))
    profile.refresh_from_db()
    assert profile.consent == {"email": holds, "topic:news": "subscribed"}
    latest = {change.subject: change.standing for change in ConsentChange.objects.order_by("at", "id")}
    assert latest == profile.consent


def test_a_late_call_takes_nothing_back_of_whom_it_merges(store: Store, found: Found, tenant: Tenant) -> None:
    store(identify(), {"type": "page", "anonymousId": "a1"}, now=NOW)
    anonymous = found("anonymous_id", "a1").pk
    told_us = {"profile_id": anonymous, "subject": "email", "standing": "unsubscribed", "origin": "one-click"}
    consent.change(tenant=tenant, now=NOW, **told_us)
    early = {"timestamp": (NOW - timedelta(hours=1)).isoformat(), "consent": {"email": "subscribed"}}
    store(identify() | early | {"anonymousId": "a1"}, now=NOW)
    assert found("external_id", "u1").consent == {"email": "unsubscribed"}
