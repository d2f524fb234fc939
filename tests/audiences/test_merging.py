"""Who is who: calls that name several identities, and what becomes of profiles that turn out to be one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audiences import ingest
from audiences.ingest import Origin
from audiences.models import ConsentChange, Event, EventTotal, Identity, Profile
from audiences.signals import Merge, events_recorded
from tenants.models import Tenant

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
Store = Callable[..., ingest.Stored]
Found = Callable[[str, str], Profile]


def seen(anonymous: str, user: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "page", "anonymousId": anonymous, "userId": user, **more}


def identify(user: str | None = None, anonymous: str | None = None, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "anonymousId": anonymous, "traits": traits}


def alias(previous: str, user: str) -> dict[str, Any]:
    return {"type": "alias", "previousId": previous, "userId": user}


def living() -> int:
    return Profile.objects.living().count()


# --- Who is meant --------------------------------------------------------------------------------
def test_an_anonymous_profile_becomes_the_new_known_one(store: Store, found: Found) -> None:
    store(seen("a1"))
    anonymous = found("anonymous_id", "a1")
    store(identify("u1", "a1"))
    assert found("external_id", "u1") == found("anonymous_id", "a1") == anonymous
    assert found("external_id", "u1").external_id == "u1"
    assert Profile.objects.count() == 1


def test_an_anonymous_profile_merges_into_the_known_one(store: Store, found: Found) -> None:
    store(seen("a1"), identify("u1"))
    anonymous, known = found("anonymous_id", "a1"), found("external_id", "u1")
    store(seen("a1", "u1"))
    anonymous.refresh_from_db()
    assert (anonymous.merged_into, living()) == (known, 1)
    assert found("anonymous_id", "a1") == known
    assert Event.objects.filter(profile=known).count() == 2


def test_both_in_one_batch_are_one_person_from_the_start(store: Store) -> None:
    store(seen("a1"), identify("u1"), seen("a1", "u1"))
    assert Profile.objects.count() == 1
    assert Event.objects.values("profile").distinct().count() == 1


def test_two_known_people_on_one_device_stay_two(store: Store, found: Found) -> None:
    store(seen("a1", "u1"))
    store(seen("a1", "u2"), seen("a1"))
    assert living() == 2
    assert found("anonymous_id", "a1") == found("external_id", "u1")
    assert Event.objects.filter(profile=found("external_id", "u1")).count() == 2
    assert Event.objects.filter(profile=found("external_id", "u2")).count() == 1


def test_a_person_may_have_several_devices(store: Store, found: Found) -> None:
    store(seen("a1", "u1"), seen("a2"), seen("a2", "u1"), seen("a3", "u1"))
    assert living() == 1
    assert Identity.objects.filter(profile=found("external_id", "u1")).count() == 4


def test_an_alias_of_an_anonymous_id_merges_it(store: Store, found: Found) -> None:
    store(seen("a1"), identify("u1"))
    store(alias("a1", "u1"))
    assert (living(), found("anonymous_id", "a1")) == (1, found("external_id", "u1"))


def test_an_alias_of_nobody_yet_is_kept_for_later(store: Store, found: Found) -> None:
    store(alias("a9", "u1"))
    store(seen("a9"))
    assert (living(), found("anonymous_id", "a9").external_id) == (1, "u1")


def test_an_alias_of_oneself_changes_nothing(store: Store) -> None:
    assert store(alias("u1", "u1")).accepted == 1
    assert list(Identity.objects.values_list("kind", "value")) == [("external_id", "u1")]


def test_an_alias_renames_a_known_person(store: Store, found: Found) -> None:
    store(identify("old", plan="pro"))
    store(alias("old", "new"))
    assert found("external_id", "old") == found("external_id", "new")
    assert (found("external_id", "new").external_id, living()) == ("new", 1)
    assert found("external_id", "new").attributes == {"plan": "pro"}


def test_an_alias_merges_two_known_people_the_new_name_winning(store: Store, found: Found) -> None:
    store(identify("old", plan="free", genre="jazz"), identify("new", plan="pro"))
    store(alias("old", "new"))
    assert found("external_id", "old") == found("external_id", "new")
    profile = found("external_id", "new")
    assert (profile.external_id, profile.attributes) == ("new", {"plan": "pro", "genre": "jazz"})


def test_a_write_key_merges_no_known_people(store: Store) -> None:
    store(identify("u1"), identify("u2"))
    for previous, user in (("u1", "u2"), ("u1", "u3")):
        stored = store(alias(previous, user), origin=Origin.BROWSER)
        assert [refusal.path for refusal in stored.refused] == ["previousId"]
    assert set(Profile.objects.living().values_list("external_id", flat=True)) == {"u1", "u2"}


# --- By address ----------------------------------------------------------------------------------
def test_somebody_known_by_address_alone_becomes_the_user_who_states_it(store: Store, found: Found) -> None:
    store(identify(email="Ada@Example.test", plan="pro"), origin=Origin.IMPORT)
    store(identify("u1", email="ada@example.test"), origin=Origin.BROWSER)
    profile = found("external_id", "u1")
    assert (living(), profile.attributes, profile.email) == (1, {"plan": "pro"}, "ada@example.test")


def test_a_file_that_knows_only_the_address_means_the_user_who_stated_it(store: Store, found: Found) -> None:
    store(identify("u1", email="ada@example.test"))
    store(identify(email="ADA@example.test", plan="pro"), origin=Origin.IMPORT)
    assert (living(), found("external_id", "u1").attributes) == (1, {"plan": "pro"})


def test_an_anonymous_browser_cannot_speak_for_a_known_address(store: Store, found: Found) -> None:
    store(identify("u1", email="ada@example.test", plan="pro"))
    store(identify(None, "a1", email="ada@example.test", plan="hacked"), origin=Origin.BROWSER)
    assert found("external_id", "u1").attributes == {"plan": "pro"}
    assert found("anonymous_id", "a1") != found("external_id", "u1")
    refused = store(identify(email="ada@example.test", plan="hacked"), origin=Origin.BROWSER).refused
    assert [refusal.path for refusal in refused] == ["userId"]


def test_two_users_may_share_an_address_and_stay_two(store: Store) -> None:
    store(identify("u1", email="both@example.test"), identify("u2", email="both@example.test"))
    assert (living(), Identity.objects.filter(kind="email").count()) == (2, 1)


def test_an_address_that_a_person_left_finds_them_no_more(store: Store, found: Found) -> None:
    store(identify("u1", email="old@example.test"))
    store(identify("u1", email="new@example.test"))
    store(identify(email="old@example.test", plan="other"), origin=Origin.IMPORT)
    assert found("email", "new@example.test").external_id == "u1"
    assert found("email", "old@example.test").external_id is None
    assert found("external_id", "u1").attributes == {}


def test_external_ids_in_the_context_find_people(store: Store, found: Found) -> None:
    store(identify("u1", email="ada@example.test"))
    context = {"externalIds": [{"type": "email", "id": "ADA@example.test"}, {"type": "ga_client", "id": 7}]}
    store({"type": "track", "event": "Called Us", "context": context})
    assert Event.objects.get().profile == found("external_id", "u1")


@pytest.mark.parametrize("origin", [Origin.BROWSER, Origin.SERVER])
@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_external_id_makes_nobody_one(
    store: Store, found: Found, origin: Origin, blank: str
) -> None:
    context = {"externalIds": [{"type": "external_id", "id": blank}]}
    for who in ("a1", "a2"):
        call = {"type": "track", "anonymousId": who, "event": "Seen", "context": context}
        assert store(call, origin=origin).accepted == 1
    assert found("anonymous_id", "a1") != found("anonymous_id", "a2")
    assert not Identity.objects.exclude(kind="anonymous_id").exists()


# --- What moves ----------------------------------------------------------------------------------
def test_a_merge_moves_everything_and_leaves_a_tombstone(store: Store, found: Found, tenant: Tenant) -> None:
    at = [NOW - timedelta(minutes=minutes) for minutes in (40, 30, 20, 10)]
    store(
        seen("a1", timestamp=at[0].isoformat(), name="First"),
        seen("a1", timestamp=at[3].isoformat(), name="Last"),
        {"type": "track", "anonymousId": "a1", "event": "Only Anonymous"},
        seen("x", "u1", timestamp=at[1].isoformat(), name="Known"),
        now=NOW,
    )
    loser, winner = found("anonymous_id", "a1"), found("external_id", "u1")
    store(identify("u1", "a1"), now=NOW)
    assert set(Event.objects.values_list("profile_id", flat=True)) == {winner.pk}
    assert set(Identity.objects.values_list("profile_id", flat=True)) == {winner.pk}
    loser.refresh_from_db()
    assert (loser.merged_into_id, loser.attributes, loser.email) == (winner.pk, {}, None)


def test_what_retention_left_of_two_is_added_up(store: Store, found: Found, tenant: Tenant) -> None:
    store(identify(None, "a1"), identify("u1"))
    loser, winner = found("anonymous_id", "a1"), found("external_id", "u1")

    def left(profile: Profile, name: str, days: int, properties: dict[str, Any]) -> EventTotal:
        first, last = NOW - timedelta(days=days), NOW - timedelta(days=days - 5)
        return EventTotal(
            tenant=tenant, profile=profile, name=name, count=2, first_at=first, last_at=last, last_properties=properties
        )  # fmt: skip

    EventTotal.objects.bulk_create(
        [left(loser, "Both", 900, {"n": 1}), left(winner, "Both", 800, {"n": 2}), left(loser, "One", 850, {})]
    )
    store(identify("u1", "a1"))
    both = EventTotal.objects.get(name="Both")
    assert (both.profile_id, both.count, both.last_properties) == (winner.pk, 4, {"n": 2})
    assert (both.first_at, both.last_at) == (NOW - timedelta(days=900), NOW - timedelta(days=795))
    assert EventTotal.objects.get(name="One").profile_id == winner.pk


def test_known_values_win_and_anonymous_ones_fill_gaps(store: Store, found: Found) -> None:
    store(identify(None, "a1", plan="free", genre="jazz", city="Paris", first_name="A"), now=NOW)
    store(identify("u1", plan="pro", first_name="Ada"), now=NOW - timedelta(days=1))
    store(identify("u1", "a1"), now=NOW + timedelta(minutes=1))
    profile = found("external_id", "u1")
    assert profile.attributes == {"plan": "pro", "genre": "jazz"}
    assert (profile.first_name, profile.city) == ("Ada", "Paris")


@pytest.mark.parametrize(
    "one,other,both",
    [
        ({}, {"email": "unsubscribed"}, {"email": "unsubscribed"}),
        ({"email": "unsubscribed"}, {"email": "opted_in"}, {"email": "unsubscribed"}),
        ({"email": "opted_in"}, {"email": "unsubscribed"}, {"email": "unsubscribed"}),
        ({"email": "opted_in"}, {"email": "subscribed"}, {"email": "subscribed"}),
        (
            {"email": "opted_in"},
            {"topic:news": "unsubscribed"},
            {"email": "opted_in", "topic:news": "unsubscribed"},
        ),
    ],
)
def test_of_two_consents_the_stricter_holds(
    store: Store, found: Found, one: dict[str, str], other: dict[str, str], both: dict[str, str]
) -> None:
    store(identify("u1") | {"consent": one}, identify(None, "a1") | {"consent": other})
    store(identify("u1", "a1"))
    profile = found("external_id", "u1")
    assert profile.consent == both
    latest = {change.subject: change.standing for change in ConsentChange.objects.order_by("at", "id")}
    assert latest == both
    assert set(ConsentChange.objects.values_list("profile_id", flat=True)) == {profile.pk}


def test_a_chain_of_merges_ends_in_one(store: Store, found: Found) -> None:
    store(seen("a1"), seen("a2"), identify("u1"), identify("u2"))
    store(seen("a1", "u1"), seen("a2", "u2"))
    store(alias("u1", "u2"))
    winner = found("external_id", "u2")
    assert living() == 1
    tombstones = Profile.objects.exclude(pk=winner.pk)
    assert set(tombstones.values_list("merged_into_id", flat=True)) == {winner.pk}
    assert Event.objects.filter(profile=winner, name="Page Viewed").count() == 4


def test_a_chain_in_one_batch_ends_in_one_and_tells_each_loser_once(store: Store, found: Found) -> None:
    store(seen("a1"), seen("a2"), identify("u1", plan="pro"), identify("u2", genre="jazz"))
    told: list[Merge] = []

    def hear(sender: Any, merges: list[Merge], **_: Any) -> None:
        told.extend(merges)

    events_recorded.connect(hear)
    losers = {found("anonymous_id", "a1").pk, found("anonymous_id", "a2").pk, found("external_id", "u1").pk}
    winner = found("external_id", "u2").pk
    store(seen("a1", "u1"), alias("u1", "u2"), seen("a2", "u1"))
    events_recorded.disconnect(hear)
    assert {merge.loser_id for merge in told} == losers
    assert len(told) == 3
    assert {merge.winner_id for merge in told} == {winner}
    assert found("external_id", "u2").attributes == {"plan": "pro", "genre": "jazz"}
    assert Event.objects.filter(profile_id=winner).count() == 4


def test_a_merged_person_is_as_old_as_the_older_and_seen_as_late_as_the_later(
    store: Store, found: Found
) -> None:
    store(seen("a1"), now=NOW - timedelta(days=3))
    store(identify("u1"), now=NOW - timedelta(days=2))
    store(identify("u1", "a1"), now=NOW)
    profile = found("external_id", "u1")
    assert (profile.created_at, profile.last_seen_at) == (NOW - timedelta(days=3), NOW - timedelta(days=3))


def test_identities_are_each_tenants_own(store: Store, found: Found, other_tenant: Tenant) -> None:
    ingest.store(tenant=other_tenant, calls=[seen("a1"), identify("u1")], now=NOW)
    store(seen("a1", "u1"))
    assert living() == 1
    assert found("external_id", "u1").pk == found("anonymous_id", "a1").pk
