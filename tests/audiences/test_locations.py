"""Where people were last: told by devices, traits and files; what is newer wins, and what is no point is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audiences import ingest
from audiences.models import Profile

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
Store = Callable[..., ingest.Stored]
Found = Callable[[str, str], Profile]
PARIS = {"latitude": 48.8566, "longitude": 2.3522, "city": "Paris", "country": "France"}
LYON = {"latitude": 45.764, "longitude": 4.8357, "city": "Lyon", "country": "FR"}


def told(location: Any, at: datetime = NOW, user: str = "u1", **more: Any) -> dict[str, Any]:
    """Return a call from a device that says where it is."""
    call = {"type": "track", "userId": user, "event": "App Opened", "timestamp": at.isoformat()}
    return call | {"context": {"location": location}} | more


def identify(at: datetime = NOW, user: str = "u1", **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": traits, "timestamp": at.isoformat()}


def where(profile: Profile) -> tuple[Any, ...]:
    return (
        profile.latitude,
        profile.longitude,
        profile.city,
        profile.region,
        profile.country,
        profile.located_at,
    )


@pytest.mark.parametrize(
    "call, expected",
    [
        pytest.param(told(PARIS | {"region": "IdF"}), (48.8566, 2.3522, "Paris", "IdF", "FR", NOW), id="a device"),
        pytest.param(told({"city": "Paris"}), (None, None, "Paris", None, None, NOW), id="a city alone"),
        pytest.param(told({"city": "Paris", "country": "Atlantis"}), (None, None, "Paris", None, None, NOW),
                     id="a country that nobody knows is left out"),
        pytest.param(told({"latitude": "48.5", "longitude": 2}), (48.5, 2.0, None, None, None, NOW), id="as text"),
        pytest.param(told("Paris"), (None, None, None, None, None, None), id="no object says nothing"),
        pytest.param(told({"speed": 3}), (None, None, None, None, None, None), id="nor does a speed"),
        pytest.param(identify(**PARIS), (48.8566, 2.3522, "Paris", None, "FR", NOW), id="traits"),
        pytest.param(identify(address={"state": "TX", "city": "Paris", "country": "US"}),
                     (None, None, "Paris", "TX", "US", NOW), id="an address"),
        pytest.param(identify(plan="pro"), (None, None, None, None, None, None), id="other traits say nothing of it"),
    ],
)  # fmt: skip
def test_a_location_is_read(
    call: dict[str, Any], expected: tuple[Any, ...], store: Store, found: Found
) -> None:
    assert store(call, now=NOW).refused == []
    assert where(found("external_id", "u1")) == expected


@pytest.mark.parametrize(
    "call, path, reason",
    [
        pytest.param(told({"latitude": 91, "longitude": 0}), "context.location.latitude", "-90 and 90", id="north"),
        pytest.param(told({"latitude": 0, "longitude": -180.1}), "context.location.longitude", "-180", id="west"),
        pytest.param(told({"latitude": 1}), "context.location.latitude", "needs a longitude", id="half a point"),
        pytest.param(told({"longitude": 1}), "context.location.longitude", "needs a latitude", id="the other half"),
        pytest.param(told({"latitude": True, "longitude": 1}), "context.location.latitude", "degrees", id="true"),
        pytest.param(told({"latitude": [1], "longitude": 1}), "context.location.latitude", "degrees", id="a list"),
        pytest.param(identify(latitude=1), "traits.latitude", "needs a longitude", id="half a trait"),
        pytest.param(identify(latitude=1, longitude=None), "traits.latitude", "needs a longitude", id="half removed"),
        pytest.param(identify(latitude="north", longitude=1), "traits.latitude", "degrees", id="a word"),
    ],
)  # fmt: skip
def test_what_is_no_point_is_refused(call: dict[str, Any], path: str, reason: str, store: Store) -> None:
    (refusal,) = store(call, now=NOW).refused
    assert refusal.path == path
    assert reason in refusal.reason


def test_what_is_newer_wins_whatever_came_first(store: Store, found: Found) -> None:
    store(told(PARIS, at=NOW), now=NOW)
    store(told(LYON, at=NOW - HOUR), identify(at=NOW - 2 * HOUR, city="Nice", plan="pro"), now=NOW)
    stayed = found("external_id", "u1")
    assert (stayed.city, stayed.latitude, stayed.located_at) == ("Paris", 48.8566, NOW)
    assert stayed.attributes["plan"] == "pro", "nothing newer said anything else of that"
    store(told(LYON, at=NOW + HOUR), told(PARIS, at=NOW), now=NOW + HOUR)
    moved = found("external_id", "u1")
    assert (moved.city, moved.latitude, moved.located_at) == ("Lyon", 45.764, NOW + HOUR)


def test_a_newer_identify_does_not_keep_a_location_out(store: Store, found: Found) -> None:
    store(identify(at=NOW, plan="pro"), now=NOW)
    store(told(PARIS, at=NOW - HOUR), now=NOW)
    assert found("external_id", "u1").city == "Paris"
    store(told(LYON, at=NOW - HOUR / 2), now=NOW)
    assert found("external_id", "u1").city == "Lyon", "the identify call said nothing of where they are"


def test_older_fills_what_is_missing(store: Store, found: Found) -> None:
    store(told({"city": "Paris"}, at=NOW), now=NOW)
    store(told(LYON, at=NOW - HOUR), now=NOW)
    seen = found("external_id", "u1")
    assert (seen.city, seen.country, seen.latitude, seen.located_at) == ("Paris", "FR", 45.764, NOW)


def test_a_location_can_be_removed(store: Store, found: Found) -> None:
    store(told(PARIS), now=NOW)
    store(identify(at=NOW + HOUR, latitude=None, longitude=None, city=None), now=NOW + HOUR)
    assert where(found("external_id", "u1"))[:3] == (None, None, None)


def test_how_exact_it_is_goes_with_the_point(store: Store, found: Found) -> None:
    store(told(PARIS | {"accuracy": 12}), now=NOW)
    assert found("external_id", "u1").attributes["location_accuracy"] == 12
    store(told(LYON, at=NOW + HOUR), now=NOW + HOUR)
    assert "location_accuracy" not in found("external_id", "u1").attributes


def test_of_two_who_are_one_the_last_location_holds(store: Store, found: Found) -> None:
    store(told(LYON, at=NOW, user="u1"), now=NOW)
    anonymous = told(PARIS, at=NOW + HOUR) | {"userId": None, "anonymousId": "a1"}
    store(anonymous, now=NOW + HOUR)
    store({"type": "alias", "previousId": "a1", "userId": "u1"}, now=NOW + HOUR)
    assert where(found("external_id", "u1")) == (48.8566, 2.3522, "Paris", None, "FR", NOW + HOUR)
    tombstone = Profile.objects.exclude(merged_into=None).get()
    assert where(tombstone) == (None, None, None, None, None, None)


def test_of_two_who_are_one_an_older_location_fills_gaps_only(store: Store, found: Found) -> None:
    store(told({"city": "Lyon"}, at=NOW + HOUR, user="u1"), now=NOW + HOUR)
    store(told(PARIS, at=NOW) | {"userId": None, "anonymousId": "a1"}, now=NOW + HOUR)
    store({"type": "alias", "previousId": "a1", "userId": "u1"}, now=NOW + HOUR)
    assert where(found("external_id", "u1")) == (48.8566, 2.3522, "Lyon", None, "FR", NOW + HOUR)


def test_a_batch_without_locations_asks_nothing_more(store: Store) -> None:
    batch = [told(None, user=f"u{n}", messageId=f"m{n}") for n in range(20)]
    store(*batch, now=NOW)
    with CaptureQueriesContext(
        connection,
    ) as again:
        store(*[call | {"messageId": f"again {n}"} for n, call in enumerate(batch)], now=NOW)
    assert not [query for query in again if "latitude" in query["sql"]]
