"""Places: entering and leaving is noticed once, whatever order locations come in and however often anybody looks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_scopes import scope

from audiences import ingest, places, presence, segments
from audiences.ingest import Origin, visits
from audiences.models import Event, Place, PlacePresence, Profile
from tenants import clock
from tenants.models import Tenant, User

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Store = Callable[..., ingest.Stored]
Found = Callable[[str, str], Profile]
SHOP, AWAY, NEXT_DOOR = (40.7242, -74.0018), (40.73, -74.05), (40.7244, -74.0018)


def at(
    where: tuple[float, float], minutes: float = 0, user: str | None = "u1", **more: Any
) -> dict[str, Any]:
    """Return a call from a phone that is somewhere at a minute after NOW."""
    accuracy = {"accuracy": more.pop("accuracy")} if "accuracy" in more else {}
    location = {"latitude": where[0], "longitude": where[1]} | accuracy
    moment = (NOW + minutes * MINUTE).isoformat()
    call = {"type": "track", "userId": user, "event": "App Opened", "timestamp": moment}
    return call | {"context": {"location": location}} | more


@pytest.fixture
def make_place(tenant: Tenant) -> Callable[..., Place]:
    def make(name: str = "Shop", where: tuple[float, float] = SHOP, **more: Any) -> Place:
        words = {"radius_m": 200, "tags": [], "dwell_minutes": 0, "cooldown_minutes": 0} | more
        latitude, longitude = where
        return places.create(
            tenant=tenant, actor=None, now=NOW, name=name, latitude=latitude, longitude=longitude, **words
        )

    return make


@pytest.fixture
def walk(store: Store) -> Callable[..., None]:
    """Store one person's locations, a batch each, as they are told: minutes and places."""

    def walk(*steps: tuple[float, tuple[float, float]], user: str = "u1") -> None:
        for minutes, where in steps:
            store(at(where, minutes, user), now=NOW + minutes * MINUTE)

    return walk


def happened(user: str = "u1") -> list[tuple[str, str, float]]:
    """Return what places left in somebody's stream: what, where, and how many minutes after NOW."""
    events = Event.objects.filter(name__in=presence.EVENTS.values(), profile__external_id=user)
    return [
        (one.name.split()[1].lower(), one.properties["place"], (one.occurred_at - NOW) / MINUTE)
        for one in events.order_by("occurred_at", "id")
    ]


def there() -> set[tuple[str, str]]:
    rows = PlacePresence.objects.filter(left_at=None).select_related("place", "profile")
    return {(row.place.name, row.profile.external_id or "") for row in rows}


# --- Entering and leaving --------------------------------------------------------------------------
@pytest.mark.parametrize(
    "set_to, steps, expected",
    [
        pytest.param({}, [(0, SHOP)], [("entered", 0)], id="to be there is to enter"),
        pytest.param({}, [(0, AWAY)], [], id="to be elsewhere is not"),
        pytest.param({}, [(0, SHOP), (9, NEXT_DOOR)], [("entered", 0)], id="to stay is to enter once"),
        pytest.param({}, [(0, SHOP), (9, AWAY)], [("entered", 0), ("left", 9)], id="and to go is to leave"),
        pytest.param({}, [(0, SHOP), (9, AWAY), (10, AWAY)], [("entered", 0), ("left", 9)], id="once"),
        pytest.param({}, [(0, SHOP), (9, AWAY), (20, SHOP)], [("entered", 0), ("left", 9), ("entered", 20)],
                     id="and to come back is to enter again"),
        pytest.param({"cooldown_minutes": 30}, [(0, SHOP), (9, AWAY), (29, SHOP), (40, AWAY)],
                     [("entered", 0), ("left", 9)], id="not during the cooldown, nor does such a stay end"),
        pytest.param({"cooldown_minutes": 30}, [(0, SHOP), (9, AWAY), (30, SHOP), (40, AWAY)],
                     [("entered", 0), ("left", 9), ("entered", 30), ("left", 40)], id="but when it is over"),
        pytest.param({"cooldown_minutes": 30}, [(0, SHOP), (9, AWAY), (20, SHOP), (25, AWAY), (31, SHOP)],
                     [("entered", 0), ("left", 9), ("entered", 31)], id="which quiet stays do not put off"),
        pytest.param({"dwell_minutes": 5}, [(0, SHOP), (4, AWAY)], [], id="who passes by has not entered"),
        pytest.param({"dwell_minutes": 5}, [(0, SHOP), (5, SHOP)], [("entered", 5)], id="who stays has"),
        pytest.param({"dwell_minutes": 5}, [(0, SHOP), (9, SHOP)], [("entered", 5)], id="from when it was enough"),
        pytest.param({"dwell_minutes": 5}, [(0, SHOP), (9, AWAY)], [("entered", 5), ("left", 9)],
                     id="also where nobody looked before they left"),
        pytest.param({"dwell_minutes": 5}, [(0, SHOP), (4, AWAY), (6, SHOP), (10, AWAY), (11, SHOP), (16, SHOP)],
                     [("entered", 16)], id="each stay counts for itself"),
    ],
)  # fmt: skip
def test_one_enters_and_leaves(
    set_to: dict[str, int],
    steps: list[tuple[float, tuple[float, float]]],
    expected: list[tuple[str, float]],
    make_place: Callable[..., Place],
    walk: Callable[..., None],
    store: Store,
) -> None:
    make_place(**set_to)
    walk(*steps)
    told = [(did, "Shop", minutes) for did, minutes in expected]
    assert happened() == told
    store(*[at(where, minutes, "all at once") for minutes, where in steps], now=NOW + 60 * MINUTE)
    assert happened("all at once") == told, "one batch says the same as many"


def test_what_is_left_says_where_and_for_how_long(
    make_place: Callable[..., Place], walk: Callable[..., None]
) -> None:
    place = make_place()
    walk((0, SHOP), (7.5, AWAY))
    entered, left = Event.objects.filter(is_internal=True).order_by("id")
    named = {"place": "Shop", "place_id": str(place.public_id)}
    assert (entered.name, entered.properties) == ("Place Entered", named)
    assert (left.name, left.properties) == ("Place Left", named | {"dwell_seconds": 450})


def test_places_may_lie_in_each_other(make_place: Callable[..., Place], walk: Callable[..., None]) -> None:
    make_place("Town", radius_m=50_000)
    make_place("Shop")
    make_place("Elsewhere", where=(0, 0))
    walk((0, SHOP), (5, AWAY))
    assert happened() == [("entered", "Town", 0), ("entered", "Shop", 0), ("left", "Shop", 5)]
    assert there() == {("Town", "u1")}


def test_across_the_date_line(make_place: Callable[..., Place], walk: Callable[..., None]) -> None:
    make_place("Taveuni", where=(-16.8, 180), radius_m=5_000)
    walk((0, (-16.8, -179.96)), (1, (-16.8, 179.96)), (2, (-16.8, 179.9)))
    assert happened() == [("entered", "Taveuni", 0), ("left", "Taveuni", 2)]


def test_a_vague_location_says_nothing(make_place: Callable[..., Place], store: Store) -> None:
    make_place(radius_m=200)
    store(at(SHOP, 0, accuracy=201), now=NOW)
    assert happened() == []
    store(at(SHOP, 1, accuracy=200), at(AWAY, 2, accuracy=5_000), now=NOW + 2 * MINUTE)
    assert happened() == [("entered", "Shop", 1)]


def test_an_older_location_moves_nobody(
    make_place: Callable[..., Place], walk: Callable[..., None], store: Store
) -> None:
    make_place()
    walk((10, AWAY))
    store(at(SHOP, 5), now=NOW + 11 * MINUTE)
    assert happened() == []
    walk((12, SHOP))
    store(at(AWAY, 11), now=NOW + 13 * MINUTE)
    assert happened() == [("entered", "Shop", 12)]
    assert there() == {("Shop", "u1")}


def test_the_same_call_again_moves_nobody(make_place: Callable[..., Place], store: Store) -> None:
    make_place(cooldown_minutes=0)
    for _ in range(2):
        store(at(SHOP, 0, messageId="m1"), at(AWAY, 1, messageId="m2"), now=NOW + MINUTE)
    assert happened() == [("entered", "Shop", 0), ("left", "Shop", 1)]


def test_traits_move_people_too_but_files_do_so_quietly(
    make_place: Callable[..., Place], store: Store
) -> None:
    make_place()
    traits = {"latitude": SHOP[0], "longitude": SHOP[1]}
    store({"type": "identify", "userId": "u1", "traits": traits}, now=NOW)
    store({"type": "identify", "userId": "u2", "traits": traits}, now=NOW, origin=Origin.IMPORT)
    assert [did for did, *_ in happened("u1")] == ["entered"]
    assert happened("u2") == []
    assert there() == {("Shop", "u1"), ("Shop", "u2")}


def test_a_place_of_another_tenant_is_none(
    make_place: Callable[..., Place], other_tenant: Tenant, walk: Callable[..., None]
) -> None:
    with scope(tenant=other_tenant):
        words = {"radius_m": 200, "tags": [], "dwell_minutes": 0, "cooldown_minutes": 0}
        places.create(
            tenant=other_tenant,
            actor=None,
            now=NOW,
            name="Theirs",
            latitude=SHOP[0],
            longitude=SHOP[1],
            **words,
        )
    walk((0, SHOP))
    assert happened() == []
    assert not PlacePresence._base_manager.exists()


def test_without_places_a_location_costs_one_question(store: Store) -> None:
    store(at(SHOP, 0), now=NOW)
    with CaptureQueriesContext(connection) as queries:
        store(at(AWAY, 1), now=NOW + MINUTE)
    about = [query["sql"] for query in queries if "_place" in query["sql"]]
    assert len(about) == 1
    with CaptureQueriesContext(connection) as queries:
        store({"type": "track", "userId": "u1", "event": "App Opened"}, now=NOW + MINUTE)
    assert not [query for query in queries if "_place" in query["sql"]], (
        "and none where nobody says where they are"
    )


# --- The minute's look ----------------------------------------------------------------------------------
@pytest.fixture
def look(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], int]:
    def look(minutes: float) -> int:
        monkeypatch.setattr(clock, "now", lambda of: NOW + minutes * MINUTE)
        return visits.look_around()

    return look


def test_who_stays_enters_without_another_word(
    make_place: Callable[..., Place], walk: Callable[..., None], look: Callable[[float], int]
) -> None:
    make_place(dwell_minutes=5)
    walk((0, SHOP))
    walk((3, SHOP), user="u2")
    walk((0, SHOP), (1, AWAY), user="u3")
    assert [look(4), look(6), look(6), look(7.9), look(8)] == [0, 1, 0, 0, 1]
    assert happened("u1") == [("entered", "Shop", 5)]
    assert happened("u2") == [("entered", "Shop", 8)]
    assert happened("u3") == []
    walk((9, AWAY))
    assert happened("u1")[1:] == [("left", "Shop", 9)]


def test_months_later_it_is_still_told_when_it_was(
    make_place: Callable[..., Place], walk: Callable[..., None], look: Callable[[float], int]
) -> None:
    make_place(dwell_minutes=5)
    walk((0, SHOP))
    assert look(100 * 24 * 60) == 1
    assert happened() == [("entered", "Shop", 5)]


def test_whoever_is_erased_enters_nothing(
    make_place: Callable[..., Place], walk: Callable[..., None], look: Callable[[float], int]
) -> None:
    make_place(dwell_minutes=5)
    walk((0, SHOP))
    Profile.objects.update(erased_at=NOW)
    assert look(10) == 0
    assert not PlacePresence.objects.exists()
    assert happened() == []


def test_stays_that_are_over_are_forgotten_with_their_cooldown(
    make_place: Callable[..., Place], walk: Callable[..., None]
) -> None:
    make_place(cooldown_minutes=30)
    walk((0, SHOP), (1, AWAY))
    walk((0, SHOP), user="u2")
    presence.forget(raw_now=NOW + 30 * MINUTE)
    assert PlacePresence.objects.count() == 2
    presence.forget(raw_now=NOW + 32 * MINUTE)
    assert there() == {("Shop", "u2")}
    assert PlacePresence.objects.count() == 1


# --- Two who are one -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "known, anonymous, expected, still",
    [
        pytest.param(
            [(0, SHOP)], [(5, NEXT_DOOR)], ["entered"], True, id="both there: they have entered once"
        ),
        pytest.param(
            [(0, SHOP)], [(5, AWAY)], ["entered"], False, id="who was seen elsewhere since is gone quietly"
        ),
        pytest.param([(5, AWAY)], [(0, SHOP)], [], False, id="whom the other left behind has not entered"),
        pytest.param([], [(0, SHOP)], ["entered"], True, id="the stay goes along"),
        pytest.param([(5, SHOP)], [(0, AWAY)], ["entered"], True, id="or stays"),
    ],
)
def test_a_merge_is_no_move(
    known: list[Any],
    anonymous: list[Any],
    expected: list[str],
    still: bool,
    make_place: Callable[..., Place],
    store: Store,
    walk: Callable[..., None],
) -> None:
    make_place()
    store({"type": "identify", "userId": "u1", "traits": {}}, now=NOW)
    walk(*known)
    for minutes, where in anonymous:
        store(at(where, minutes, None, anonymousId="a1"), now=NOW + 5 * MINUTE)
    before = Event.objects.filter(is_internal=True).count()
    store({"type": "alias", "previousId": "a1", "userId": "u1"}, now=NOW + 6 * MINUTE)
    assert Event.objects.filter(is_internal=True).count() == before
    assert there() == ({("Shop", "u1")} if still else set())
    assert PlacePresence.objects.exclude(profile__merged_into=None).count() == 0
    walk((9, AWAY))
    left = [did for did, *_ in happened() if did == "left"]
    assert left == (["left"] if still else [])


# --- Keeping them -----------------------------------------------------------------------------------------
def test_who_is_there_when_a_place_is_drawn_has_not_entered_but_may_leave(
    make_place: Callable[..., Place], walk: Callable[..., None], tenant: Tenant
) -> None:
    walk((-10, SHOP))
    walk((-10, AWAY), user="u2")
    place = make_place()
    assert (there(), happened()) == ({("Shop", "u1")}, [])
    walk((5, SHOP), (10, AWAY))
    assert happened() == [("left", "Shop", 10)]
    places.update(place=place, actor=None, now=NOW, latitude=AWAY[0], longitude=AWAY[1])
    assert there() == {("Shop", "u1"), ("Shop", "u2")}
    places.update(place=place, actor=None, now=NOW, name="Store", dwell_minutes=5)
    assert there() == {("Store", "u1"), ("Store", "u2")}
    assert happened() == [("left", "Shop", 10)], "a name moves nobody"
    assert places.people(place, now=NOW) == 2


def test_a_place_in_use_stays(make_place: Callable[..., Place], tenant: Tenant, owner: User) -> None:
    place, other = make_place(), make_place("Other")
    rule = {"any": [{"on": "near", "of": [{"place": str(place.public_id)}]}]}
    segment = segments.create(tenant=tenant, actor=owner, name="Shoppers", rule=rule)
    with pytest.raises(places.PlaceInUse, match="“Shoppers”"):
        places.delete(place=place, actor=owner)
    places.delete(place=other, actor=owner)
    segments.archive(segment=segment, actor=owner, now=NOW)
    places.delete(place=place, actor=owner)
    assert not Place.objects.exists()
    with pytest.raises(segments.InvalidRule, match="There is no such place"):
        segments.count(rule, tenant=tenant, now=NOW)


def test_two_places_have_two_names(make_place: Callable[..., Place]) -> None:
    place = make_place()
    make_place("Other")
    with pytest.raises(places.NameTaken):
        make_place()
    with pytest.raises(places.NameTaken):
        places.update(place=place, actor=None, now=NOW, name="Other")


def test_there_is_an_end_to_places(make_place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST", 1)
    make_place()
    with pytest.raises(places.TooMany):
        make_place("Other")


def test_rules_go_by_the_place_as_it_is(
    make_place: Callable[..., Place], walk: Callable[..., None], tenant: Tenant, owner: User
) -> None:
    place = make_place()
    walk((0, SHOP))
    rule = {"on": "near", "of": [{"place": str(place.public_id)}]}
    segment = segments.create(tenant=tenant, actor=owner, name="Shoppers", rule=rule)
    assert segment.rule == rule, "by its id alone"
    assert segments.count(segment.rule, tenant=tenant, now=NOW) == 1
    places.update(place=place, actor=None, now=NOW, latitude=AWAY[0], longitude=AWAY[1])
    assert segments.count(segment.rule, tenant=tenant, now=NOW) == 0
    frozen = segments.resolve(segment.rule)
    assert frozen["of"][0] == {
        "place": str(place.public_id), "name": "Shop", "latitude": AWAY[0], "longitude": AWAY[1], "radius_m": 200,
    }  # fmt: skip
    assert segments.resolve(frozen) == frozen


# --- At once ----------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_updates_at_once_enter_once_and_end_where_the_newest_says(
    make_place: Callable[..., Place], tenant: Tenant, store: Store
) -> None:
    make_place(cooldown_minutes=0)
    users = [f"u{n}" for n in range(10)]
    store(*[{"type": "identify", "userId": user, "traits": {"plan": "x"}} for user in users], now=NOW)

    def tell(minutes: int) -> None:
        try:
            with scope(tenant=tenant):
                where = SHOP if minutes % 3 else AWAY
                calls = [at(where, minutes, user) for user in (users if minutes % 2 else users[::-1])]
                ingest.store(tenant=tenant, calls=calls, now=NOW + 60 * MINUTE)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, [1, 5, 2, 9, 4, 8, 3, 7]))
    for user in users:
        seen = [did for did, *_ in happened(user)]
        assert seen == [("entered", "left")[n % 2] for n in range(len(seen))], "never in twice, nor out twice"
        assert (("Shop", user) in there()) == (seen[-1:] == ["entered"])
        assert Profile.objects.get(external_id=user).located_at == NOW + 9 * MINUTE
    assert there() == set(), "the newest, at nine minutes, was elsewhere"


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_once_let_somebody_enter_once(
    make_place: Callable[..., Place], tenant: Tenant, store: Store
) -> None:
    make_place(dwell_minutes=5)
    store(*[at(SHOP, 0, f"u{n}") for n in range(20)], now=NOW)
    told: list[presence.Visit] = []

    def look(_: int) -> int:
        try:
            with scope(tenant=tenant):
                now = NOW + 10 * MINUTE
                return presence.look_around(
                    tenant=tenant, now=now, months=lambda moments: None, tell=told.extend
                )
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(look, range(3))) == 20
    assert len({visit.profile_id for visit in told}) == len(told) == 20
