"""Entering and leaving a place sets campaigns off and calls them off, and "Why" says which it was."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from audiences import ingest, places
from audiences.models import Place, Profile
from audiences.rules.tree import InvalidRule
from campaigns import lifecycle, triggers
from delivery import explain, tasks
from delivery.models import Delivery
from tenants import clock

pytestmark = pytest.mark.usefixtures("postbox")
SHOP, AWAY = (40.7242, -74.0018), (40.73, -74.05)
WORDS = {"radius_m": 200, "tags": [], "dwell_minutes": 0, "cooldown_minutes": 60}


@pytest.fixture
def shop(tenant, owner):
    words = WORDS | {"name": "Soho", "latitude": SHOP[0], "longitude": SHOP[1]}
    return places.create(tenant=tenant, actor=owner, now=clock.now(tenant), **words)


@pytest.fixture
def goes(tenant):
    """Let somebody's phone say where they are, so many minutes ago."""

    def tell(where, ago=0, user="u1"):
        now = clock.now(tenant)
        at = (now - timedelta(minutes=ago)).isoformat()
        location = {"latitude": where[0], "longitude": where[1]}
        traits = {"email": f"{user}@a.test"}
        call = {"type": "identify", "userId": user, "traits": traits, "timestamp": at}
        assert (
            ingest.store(tenant=tenant, calls=[call | {"context": {"location": location}}], now=now).accepted
            == 1
        )

    return tell


@pytest.fixture
def waits(tenant, make_campaign):
    """A campaign that has listened for an hour."""

    def make(trigger, words="<p>Hello</p>", **fields):
        fields = {"starts_at": clock.now(tenant) - timedelta(hours=1)} | fields
        return make_campaign(when="event", trigger=trigger, variants=(("a", 100, "Hello", words),), **fields)

    return make


def states(campaign):
    found = Delivery.objects.filter(campaign=campaign).order_by("id")
    return [(row.profile.external_id, row.state) for row in found.select_related("profile")]


def test_entering_sets_it_off_and_the_message_knows_where(waits, goes, shop, postbox, run):
    campaign = waits(triggers.on_place(shop, "entered"), words="<p>Welcome to {{ event.place }}</p>")
    goes(AWAY)
    assert states(campaign) == []
    goes(SHOP)
    run()
    assert states(campaign) == [("u1", "sent")]
    assert "Welcome to Soho" in postbox.to("u1@a.test").get_body(("html",)).get_content()


def test_leaving_sets_another_off(waits, goes, shop, postbox, run):
    campaign = waits(triggers.on_place(shop, "left"), words="<p>{{ event.dwell_seconds }} seconds</p>")
    goes(SHOP, ago=10)
    assert states(campaign) == []
    goes(AWAY, ago=5)
    run()
    assert "300 seconds" in postbox.to("u1@a.test").get_body(("html",)).get_content()


def test_leaving_calls_off_what_waits(waits, goes, shop):
    campaign = waits(
        triggers.on_place(shop, "entered"), delay_minutes=30, exceptions=[triggers.on_place(shop, "left")]
    )
    goes(SHOP, ago=3)
    assert states(campaign) == [("u1", "planned")]
    goes(AWAY, ago=1)
    assert states(campaign) == [("u1", "cancelled")]


def test_another_place_sets_nothing_off(waits, goes, shop, tenant, owner):
    words = WORDS | {"name": "Elsewhere", "latitude": AWAY[0], "longitude": AWAY[1]}
    elsewhere = places.create(tenant=tenant, actor=owner, now=clock.now(tenant), **words)
    campaign = waits(triggers.on_place(elsewhere, "entered"))
    goes(SHOP)
    assert states(campaign) == []


def test_what_a_client_calls_so_is_no_entering(waits, goes, shop, tenant):
    campaign = waits(triggers.on_place(shop, "entered"))
    goes(AWAY)
    call = {
        "type": "track",
        "userId": "u1",
        "event": "Place Entered",
        "properties": {"place_id": str(shop.public_id)},
    }
    ingest.store(tenant=tenant, calls=[call], now=clock.now(tenant))
    assert states(campaign) == []


def test_who_was_there_three_days_ago_gets_nothing_now(waits, goes, shop):
    campaign = waits(triggers.on_place(shop, "entered"), starts_at="2020-01-01T00:00:00Z")
    goes(SHOP, ago=3 * 24 * 60)
    assert states(campaign) == []


def test_the_minutes_tick_lets_them_enter_who_stay(waits, goes, shop, tenant, owner):
    places.update(place=shop, actor=owner, now=clock.now(tenant), dwell_minutes=5)
    campaign = waits(triggers.on_place(shop, "entered"))
    goes(SHOP, ago=4)
    goes(SHOP, ago=6, user="u2")
    tasks.tick()
    assert states(campaign) == [("u2", "planned")]


def test_why_names_the_place(waits, goes, shop, tenant):
    campaign = waits(triggers.on_place(shop, "entered"))
    goes(AWAY)
    told = explain.why(campaign, Profile.objects.get(external_id="u1"), now=clock.now(tenant))
    assert "enter the place “Soho”" in str(told.as_json())


def test_a_place_that_a_campaign_waits_at_is_not_deleted(waits, shop, owner, client_of, tenant):
    campaign = waits(triggers.on_place(shop, "entered"))
    with pytest.raises(places.PlaceInUse, match=campaign.name):
        places.delete(place=shop, actor=owner)
    page = client_of("marketer").get(reverse("place_detail", args=[shop.public_id])).content.decode()
    assert reverse("campaign_detail", args=[campaign.public_id]) in page
    lifecycle.stop(campaign=campaign, actor=owner)
    lifecycle.archive(campaign=campaign, actor=owner, now=clock.now(tenant))
    places.delete(place=shop, actor=owner)


def test_another_tenants_place_is_none(owner, tenant, other_tenant):
    theirs = Place._base_manager.create(
        tenant=other_tenant, name="Theirs", latitude=1, longitude=1, radius_m=100
    )
    with pytest.raises(InvalidRule, match="There is no such place"):
        triggers.renewed(triggers.on_place(theirs, "entered"))
