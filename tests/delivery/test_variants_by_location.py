"""New York, Los Angeles and everybody else as one campaign: which variant they get goes by where they were last."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audiences import ingest, places, segments
from campaigns import launching, versions
from campaigns.models import Variant
from delivery.models import Delivery
from tenants import clock

pytestmark = pytest.mark.usefixtures("postbox")
CITIES = {"new york": (40.7128, -74.006), "los angeles": (34.0522, -118.2437)}
PEOPLE = {
    "downtown": CITIES["new york"],
    "brooklyn": (40.6782, -73.9442),
    "hollywood": (34.0928, -118.3287),
    "chicago": (41.8781, -87.6298),
    "nowhere": None,
}


@pytest.fixture
def tell(tenant):
    """Let phones say where their people are."""

    def tell(**located):
        now = clock.now(tenant)
        calls = [
            {
                "type": "identify",
                "userId": user,
                "traits": {"email": f"{user}@a.test"},
                "context": {"location": where and {"latitude": where[0], "longitude": where[1]}},
            }
            for user, where in located.items()
        ]
        assert ingest.store(tenant=tenant, calls=calls, now=now).refused == []

    return tell


@pytest.fixture
def campaign(tenant, owner, make_campaign, tell):
    """Two cities, each a place and a segment, and a general default."""
    tell(**PEOPLE)
    campaign = make_campaign(
        variants=(("ny", 100, "New York", "<p>x</p>"), ("la", 100, "Los Angeles", "<p>x</p>")),
        default=("all", "Everywhere", "<p>x</p>"),
        is_launched=False,
    )
    for key, (name, where) in zip(("ny", "la"), CITIES.items(), strict=True):
        words = {"radius_m": 25_000, "tags": [], "dwell_minutes": 0, "cooldown_minutes": 60}
        place = places.create(
            tenant=tenant,
            actor=owner,
            now=clock.now(tenant),
            name=name,
            latitude=where[0],
            longitude=where[1],
            **words,
        )
        rule = {"on": "near", "of": [{"place": str(place.public_id)}]}
        segment = segments.create(tenant=tenant, actor=owner, name=f"In {name}", rule=rule)
        Variant.objects.filter(version__campaign=campaign, key=key).update(segment=segment)
    return campaign


EXPECTED = {"downtown": "ny", "brooklyn": "ny", "hollywood": "la", "chicago": "all", "nowhere": "all"}


def arms_of(campaign):
    rows = Delivery.objects.filter(campaign=campaign, state="sent").select_related("profile")
    return {row.profile.external_id: row.arm for row in rows}


def launch(campaign, owner, tenant):
    launching.launch(version=versions.draft_of(campaign), actor=owner, now=clock.now(tenant))


def test_each_gets_their_citys_words_and_all_others_the_general_ones(campaign, owner, tenant, postbox, run):
    launch(campaign, owner, tenant)
    run()
    assert arms_of(campaign) == EXPECTED
    assert postbox.to("hollywood@a.test")["Subject"] == "Los Angeles"
    assert postbox.to("nowhere@a.test")["Subject"] == "Everywhere"


def test_whoever_travels_meanwhile_gets_the_words_of_where_they_are(
    campaign, owner, tenant, tell, later, run
):
    version = versions.draft_of(campaign)
    version.when, version.starts_at = "at", clock.now(tenant) + timedelta(hours=2)
    version.save()
    launch(campaign, owner, tenant)
    later(timedelta(hours=1))
    tell(chicago=CITIES["los angeles"], brooklyn=(41.8781, -87.6298))
    later(timedelta(hours=1, minutes=1))
    run()
    assert arms_of(campaign) == EXPECTED | {"chicago": "la", "brooklyn": "all"}


def test_the_review_counts_each_citys_people(campaign, owner, tenant):
    launch(campaign, owner, tenant)
    version = campaign.versions.get()
    assert version.counts["arms"] == {"ny": 2, "la": 1, "all": 2}
