"""The place pages over HTTP: list, picture, form, and what each role may do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audiences import place_pictures, places, segments
from audiences.models import Place, Profile
from audiences.rules import distances
from tenants import clock
from tenants.models import AuditEntry, Tenant, User

FORM = {
    "name": " Shop  in Soho", "point": "40.7242, -74.0018", "radius_m": "200", "tags": "shop, New York,shop",
    "dwell_minutes": "5", "cooldown_minutes": "60",
}  # fmt: skip
Make = Callable[..., Place]


@pytest.fixture
def client(client_of: Callable[..., Client]) -> Client:
    return client_of("marketer")


@pytest.fixture
def make_place(tenant: Tenant, owner: User) -> Make:
    def make(
        name: str = "Soho", latitude: float = 40.7242, longitude: float = -74.0018, **more: Any
    ) -> Place:
        words = {"radius_m": 200, "tags": [], "dwell_minutes": 0, "cooldown_minutes": 60} | more
        where = {"latitude": latitude, "longitude": longitude}
        return places.create(tenant=tenant, actor=owner, now=clock.now(tenant), name=name, **where, **words)

    return make


def at(tenant: Tenant, latitude: float, longitude: float, count: int = 1) -> None:
    Profile.objects.bulk_create(
        Profile(tenant=tenant, latitude=latitude, longitude=longitude) for _ in range(count)
    )


def test_without_places_the_list_says_what_to_do(client: Client, client_of: Callable[..., Client]) -> None:
    assert reverse("place_new") in client.get(reverse("place_list")).content.decode()
    assert reverse("place_new") not in client_of("analyst").get(reverse("place_list")).content.decode()


def test_a_place_is_made_shown_and_changed(client: Client, tenant: Tenant) -> None:
    answer = client.post(reverse("place_new"), FORM)
    place = Place.objects.get()
    detail = reverse("place_detail", args=[place.public_id])
    assert answer["Location"] == detail
    assert (place.name, place.latitude, place.longitude, place.radius_m) == (
        "Shop in Soho",
        40.7242,
        -74.0018,
        200,
    )
    assert (place.tags, place.dwell_minutes, place.cooldown_minutes) == (["shop", "New York"], 5, 60)
    at(tenant, 40.7243, -74.0018, 3)
    page = client.get(detail).content.decode()
    assert "who stays 5 min" in page
    assert re.search(r">3</span>\s*</span> people are there", page)
    edit = client.get(reverse("place_edit", args=[place.public_id])).content.decode()
    assert 'value="40.7242, -74.0018"' in edit
    assert 'value="shop, New York"' in edit
    client.post(reverse("place_edit", args=[place.public_id]), FORM | {"radius_m": "300"})
    entry = AuditEntry.objects.filter(thing="place").latest("id")
    assert (entry.action, entry.changes) == ("changed", {"radius_m": [200, 300]})


def test_a_place_at_the_equator_or_in_greenwich_can_be_changed(client: Client, make_place: Make) -> None:
    place = make_place(latitude=0.00002, longitude=-0.00005)
    edit = reverse("place_edit", args=[place.public_id])
    shown = re.search(r'name="point" value="([^"]+)"', client.get(edit).content.decode())
    assert shown
    client.post(edit, FORM | {"point": shown[1], "radius_m": "300"})
    place.refresh_from_db()
    assert (place.latitude, place.longitude, place.radius_m) == (0.00002, -0.00005, 300)


@pytest.mark.parametrize(
    "change, said",
    [
        pytest.param({"name": ""}, "This field is required", id="no name"),
        pytest.param({"point": "Soho"}, "Give two numbers in degrees", id="a word"),
        pytest.param({"point": "40.7"}, "Give two numbers in degrees", id="one number"),
        pytest.param({"point": "91, 0"}, "between -90 and 90", id="beyond the pole"),
        pytest.param({"point": "0, 181"}, "between -180 and 180", id="around again"),
        pytest.param({"radius_m": "9"}, "greater than or equal to 10", id="too small"),
        pytest.param({"radius_m": "500001"}, "less than or equal to 500000", id="too large"),
        pytest.param({"dwell_minutes": "1441"}, "less than or equal to 1440", id="too long a stay"),
        pytest.param({"tags": "x" * 41}, "At most 10 tags", id="a long tag"),
        pytest.param({"name": "a\0b"}, "Null characters", id="NUL"),
    ],
)
def test_what_is_wrong_is_said(client: Client, change: dict[str, str], said: str) -> None:
    answer = client.post(reverse("place_new"), FORM | change)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Place.objects.exists()


@pytest.mark.parametrize(
    "typed",
    ["40.7242,-74.0018", "40.7242 -74.0018", " 40.7242;  -74.0018 ", "40.7242°, -74.0018°"],
)
def test_coordinates_are_read_as_maps_copy_them(client: Client, typed: str) -> None:
    client.post(reverse("place_new"), FORM | {"point": typed})
    assert (Place.objects.get().latitude, Place.objects.get().longitude) == (40.7242, -74.0018)


def test_two_places_of_one_name_are_refused(client: Client, make_place: Make) -> None:
    make_place("Soho")
    answer = client.post(reverse("place_new"), FORM | {"name": "Soho"})
    assert "There is already a place called “Soho”" in answer.content.decode()


def test_the_list_searches_and_pages(client: Client, make_place: Make) -> None:
    for number in range(27):
        make_place(f"Shop {number:02}", tags=["harbour"] if number == 26 else [])
    first = client.get(reverse("place_list")).content.decode()
    assert "Shop 24" in first
    assert "Shop 25" not in first
    assert "Shop 25" in client.get(reverse("place_list"), {"page": 2}).content.decode()
    found = client.get(reverse("place_list"), {"q": "HARB"}, headers={"HX-Request": "true"}).content.decode()
    assert "Shop 26" in found
    assert "Shop 01" not in found
    assert "<html" not in found
    assert "No place fits" in client.get(reverse("place_list"), {"q": "Moon"}).content.decode()


def test_an_analyst_looks_and_changes_nothing(client_of: Callable[..., Client], make_place: Make) -> None:
    place, analyst = make_place(), client_of("analyst")
    assert analyst.get(reverse("place_detail", args=[place.public_id])).status_code == 200
    assert analyst.get(reverse("place_size", args=[place.public_id])).status_code == 200
    for name in ("place_edit", "place_delete"):
        assert analyst.post(reverse(name, args=[place.public_id]), FORM).status_code == 403
    assert analyst.post(reverse("place_new"), FORM).status_code == 403


def test_a_place_in_use_is_not_deleted_and_says_by_what(
    client: Client, make_place: Make, tenant: Tenant, owner: User
) -> None:
    place = make_place()
    rule = {"on": "near", "of": [{"place": str(place.public_id)}]}
    segment = segments.create(tenant=tenant, actor=owner, name="Shoppers", rule=rule)
    page = client.get(reverse("place_detail", args=[place.public_id])).content.decode()
    assert reverse("segment_detail", args=[segment.public_id]) in page
    assert reverse("place_delete", args=[place.public_id]) not in page
    answer = client.post(reverse("place_delete", args=[place.public_id]), follow=True)
    assert "It is used by “Shoppers”" in answer.content.decode()
    segments.update(segment=segment, actor=owner, name="Shoppers", rule={"all": []})
    answer = client.post(reverse("place_delete", args=[place.public_id]), follow=True)
    assert "“Soho” was deleted" in answer.content.decode()
    assert not Place.objects.exists()


# --- The picture -----------------------------------------------------------------------------------------
def drawn(**more: Any) -> place_pictures.Picture:
    tenant: Tenant = more.pop("tenant")
    return place_pictures.draw(
        tenant_id=tenant.pk, **{"latitude": 0, "longitude": 0, "radius_m": 1_000} | more
    )


def test_the_circle_has_a_scale(tenant: Tenant) -> None:
    picture = drawn(tenant=tenant)
    assert (picture.place.x, picture.place.y) == (240, 160)
    unit = 1_000 / picture.place.r
    assert picture.bar_words == "1 km"
    assert picture.bar == pytest.approx(1_000 / unit, abs=0.1)
    assert drawn(tenant=tenant, radius_m=30).bar_words == "50 m"
    assert drawn(tenant=tenant, radius_m=500_000).bar_words == "500 km"


@pytest.mark.parametrize(
    "centre, offset",
    [
        pytest.param((0, 0), (0.005, 0), id="north is up"),
        pytest.param((0, 0), (0, 0.005), id="east is right"),
        pytest.param((60, 0), (0, 0.01), id="degrees are shorter in the north"),
        pytest.param((0, 179.998), (0, -359.993), id="across the date line"),
    ],
)  # fmt: skip
def test_places_and_people_lie_where_they_are(
    centre: tuple[float, float],
    offset: tuple[float, float],
    tenant: Tenant,
    make_place: Make,
) -> None:
    there = centre[0] + offset[0], centre[1] + offset[1]
    make_place("Neighbour", *there, radius_m=100)
    at(tenant, *there, 5)
    picture = drawn(tenant=tenant, latitude=centre[0], longitude=centre[1])
    (neighbour,), (bin_,) = picture.neighbours, picture.bins
    east = (offset[1] + 540) % 360 - 180
    metres = distances.metres(*centre, *there)
    away = ((neighbour.x - 240) ** 2 + (neighbour.y - 160) ** 2) ** 0.5
    assert away * 1_000 / picture.place.r == pytest.approx(metres, rel=0.005)
    assert (neighbour.x > 240) == (east > 0)
    assert (neighbour.y < 160) == (offset[0] > 0)
    half = picture.width / place_pictures.BINS / 2
    assert abs(bin_.x - neighbour.x) <= half + 0.2
    assert abs(bin_.y - neighbour.y) <= half + 0.2
    assert picture.people == 5


@pytest.mark.parametrize(
    "centre, radius_m, times",
    [
        pytest.param((40.7, -74), 500_000, 1, id="a region"),
        pytest.param((-17.8, 178), 500_000, 2, id="west of the date line"),
        pytest.param((-17.8, -178), 500_000, 2, id="east of the date line"),
        pytest.param((-17.8, 178), 25_000, 1, id="near the date line and not beyond"),
        pytest.param((40.7, -74), 24_999, 0, id="a town, which it would misplace"),
        pytest.param((80, 10), 500_000, 0, id="a pole in sight"),
    ],
)
def test_the_outline_lies_under_the_places(
    centre: tuple[float, float], radius_m: int, times: int, tenant: Tenant, make_place: Make
) -> None:
    there = centre[0] + 0.05, (centre[1] + 2.5 * radius_m / 100_000 + 180) % 360 - 180  # near the right edge
    make_place("Neighbour", *there)
    picture = drawn(tenant=tenant, latitude=centre[0], longitude=centre[1], radius_m=radius_m)
    assert len(picture.coasts) == times
    moved = [[float(number) for number in re.findall(r"[-\d.]+", each)] for each in picture.coasts]
    under = [(a * there[1] * 100 + x, y - d * there[0] * 100) for a, _, _, d, x, y in moved]
    (neighbour,) = picture.neighbours
    shown = [point for point in under if 0 <= point[0] <= picture.width]
    assert shown == ([pytest.approx((neighbour.x, neighbour.y), abs=0.2)] if times else [])
    assert picture.spot == (round(centre[1] * 100), round(-centre[0] * 100))


def test_names_stand_above_their_circles_and_none_on_another(tenant: Tenant, make_place: Make) -> None:
    make_place("Quarter", 0, 0, radius_m=300)
    make_place("Block", 0, 0, radius_m=290)
    make_place("Town", 0, 0, radius_m=2_000)
    make_place("Far", 0, 0.02, radius_m=300)
    picture = drawn(tenant=tenant, latitude=0, longitude=0, radius_m=1_000)
    named = {one.name: one.name_y for one in picture.neighbours if one.name_y is not None}
    assert len(named.keys() & {"Quarter", "Block"}) == 1
    tops = {one.name: one.y - one.r for one in picture.neighbours}
    assert named["Town"] < tops["Town"] < named["Far"] < tops["Far"]
    make_place("World", 0, 0, radius_m=500_000)
    picture = drawn(tenant=tenant, latitude=0, longitude=0, radius_m=1_000)
    assert {one.name: one.name_y for one in picture.neighbours}["World"] == 14  # within the picture


def test_people_are_shown_in_bins_of_this_tenant_only(tenant: Tenant, other_tenant: Tenant) -> None:
    at(tenant, 0.0001, 0.0001, 9)
    at(tenant, 0.0002, 0.0002)
    at(tenant, -0.01, 0.01)
    at(tenant, 3, 3)
    at(other_tenant, 0, 0, 50)
    picture = drawn(tenant=tenant)
    assert (len(picture.bins), picture.people) == (2, 11)
    assert sorted(one.is_crowded for one in picture.bins) == [False, True]


def test_the_picture_follows_what_is_typed(client: Client, make_place: Make) -> None:
    place = make_place("Soho")
    url = reverse("place_picture")
    shown = client.get(url, {"point": "40.7242, -74.0018", "radius_m": "200", "place": str(place.public_id)})
    assert 'role="img"' in shown.content.decode()
    assert "Soho" not in shown.content.decode(), "a place is not its own neighbour"
    assert "Soho" in client.get(url, {"point": "40.7242, -74.0018", "radius_m": "200"}).content.decode()
    for half in ({"point": "40.7"}, {"point": "40.7, 1", "radius_m": ""}, {"place": "x"}):
        answer = client.get(url, half)
        assert 'role="img"' not in answer.content.decode()
        assert "Once you have said" in answer.content.decode()


def test_at_the_pole_there_is_still_a_picture(client: Client, make_place: Make, tenant: Tenant) -> None:
    place = make_place("Pole", 90, 0, radius_m=500_000)
    at(tenant, 89, 100)
    page = client.get(reverse("place_detail", args=[place.public_id])).content.decode()
    assert 'role="img"' in page
