"""Where people are: a campaign for two cities and everywhere else, and one for whoever comes by a shop."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from audiences import places, segments
from audiences.models import Place, Segment
from campaigns import drafts, launching, triggers
from campaigns.models import Version
from config.demo import moments, ways
from config.demo.moments import Moment
from config.demo.ways import Way, mail
from tenants import clock
from tenants.models import Tenant, User


class City(NamedTuple):
    name: str
    shop: str
    latitude: float
    longitude: float
    subject: str
    opening: str


SOHO = City(
    "New York",
    "Shop in Soho",
    40.7242,
    -74.0018,
    "Friday night in Soho: bring a record",
    "This Friday the shop in Soho stays open until midnight. Bring a record, we will play it.",
)
SILVER_LAKE = City(
    "Los Angeles",
    "Shop in Silver Lake",
    34.0869,
    -118.2702,
    "Saturday on the roof in Silver Lake",
    "This Saturday we carry two turntables to the roof in Silver Lake. Come up from eight.",
)
CITIES = [SOHO, SILVER_LAKE]
ELSEWHERE = (
    "A night of records, wherever you are",
    "Our shops play through the night this weekend, and you can listen along from home.",
)
AROUND_KM = 40
STARTS_AFTER = timedelta(days=9, hours=9)  # in the afternoon
LATENESS_HOURS = 30 * 24  # in the replay a day lasts less than a second


def launch(tenant: Tenant, owner: User, *, body: str) -> None:
    """Make the places and segments and launch the campaigns, in the transaction of the caller."""
    now = clock.now(tenant)
    version = ways.draft(tenant, owner, "A night of records near you", of="Regulars")
    drafts.set_schedule(
        version=version,
        actor=owner,
        when=Version.When.AT,
        starts_at=now + STARTS_AFTER,
        lateness_hours=LATENESS_HOURS,
        when_capped=Version.WhenCapped.WAIT,
    )
    ways.write(version, owner, _said(tenant, owner, body))
    launching.launch(version=version, actor=owner, now=now)
    moments.launch_one(_coming_by(body), tenant, owner)


def _coming_by(body: str) -> Moment:
    opening = "The listening chairs upstairs are free, and the counter knows the record of the day. Come in."
    words = mail("Since you are in Soho", body.replace("OPENING", opening))
    shop = Place.objects.get(name=SOHO.shop)
    return Moment(
        "Since you are in Soho", [Way("A", {"": words})], triggers.on_place(shop, "entered"), delay_minutes=0
    )


def _said(tenant: Tenant, owner: User, body: str) -> list[Way]:
    said = []
    for city in CITIES:
        words = mail(city.subject, body.replace("OPENING", city.opening))
        said.append(
            Way(city.name, {"": words}, segment=_around(_shop(city, tenant, owner), city, tenant, owner))
        )
    subject, opening = ELSEWHERE
    return [
        *said,
        Way("Everywhere else", {"": mail(subject, body.replace("OPENING", opening))}, is_default=True),
    ]


def _shop(city: City, tenant: Tenant, owner: User) -> Place:
    return places.create(
        tenant=tenant,
        actor=owner,
        now=clock.now(tenant),
        name=city.shop,
        latitude=city.latitude,
        longitude=city.longitude,
        radius_m=1_500,
        tags=["shop"],
        dwell_minutes=5,
        cooldown_minutes=12 * 60,
    )


def _around(shop: Place, city: City, tenant: Tenant, owner: User) -> Segment:
    rule = {"on": "near", "of": [{"place": str(shop.public_id)}], "within_km": AROUND_KM}
    return segments.create(
        tenant=tenant,
        actor=owner,
        name=f"Around {city.name}",
        description=f"Within {AROUND_KM} km of our {city.shop[0].lower()}{city.shop[1:]}.",
        rule=rule,
    )
