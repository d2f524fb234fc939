"""A brand's people and what they did, the same for the same seed; written by COPY, as nobody wants to wait."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from django.db import connection
from django_scopes import scope

from audiences import partitions
from benchmarks.harness import Options
from delivery import providers
from tenants import keys
from tenants.models import ApiKey, Membership, Tenant, User
from tenants.roles import Role

DAYS = 90  # of history
NAMES = (
    "Page Viewed", "Product Viewed", "Product Added", "Products Searched", "Product List Viewed",
    "Cart Viewed", "Order Completed", "Product Clicked", "Checkout Started", "Coupon Applied",
    "Product Removed", "Wishlist Product Added", "Promotion Viewed", "Product Shared", "Payment Info Entered",
    "Checkout Step Viewed", "Coupon Entered", "Product Reviewed", "Order Refunded", "Cart Shared",
)  # fmt: skip
WEIGHTS = [1 / (place + 1) for place in range(len(NAMES))]
LANGUAGES = ("en", "de", "fr", "es", "it", "pl", "nl", "sv")
PLANS = ("free", "basic", "plus", "pro", "team")
GENRES = ("jazz", "folk", "rock", "soul", "blues", "techno", "opera", "punk")
CITIES = 1_000
BLOCK = 10_000  # rows written at once

PROFILE = (
    "id tenant_id external_id email first_name last_name language timezone country city attributes"
    " attributes_at created_at last_seen_at"
)
EVENT = "id tenant_id profile_id name occurred_at received_at properties is_internal is_clamped"

RECEIPTS = """
INSERT INTO audiences_receipt (tenant_id, digest) SELECT %s, gen_random_uuid() FROM generate_series(1, %s)
"""


@dataclass(frozen=True)
class World:
    """One tenant with its people, whose ids are 1 to ``people``, their external ids u1, u2 and so on."""

    tenant: Tenant
    owner: User
    write_key: str
    people: int
    events: int
    panels: int  # everybody is in one, by the attribute "panel"; those in panel 0 are written to
    loaded_at: datetime

    @property
    def panel_size(self) -> int:
        return self.people // self.panels


def load(options: Options) -> World:
    """Fill an empty, migrated database; the same seed gives the same rows, counted back from now."""
    tenant = Tenant.objects.create(
        name="Nightingale Records",
        timezone="Europe/Berlin",
        from_name="Nightingale Records",
        from_email="hello@nightingale.test",
        postal_address="1 Song Street, 10115 Berlin",
    )
    owner = User.objects.create_user("owner@nightingale.test")
    Membership.objects.create(tenant=tenant, user=owner, role=Role.OWNER)
    with scope(tenant=tenant):
        providers.save_smtp(  # nothing is launched without one; where mails leave, a sink takes its place
            tenant=tenant, actor=owner, host="mail.nightingale.test", port=25, tls="none", username="", password=None
        )  # fmt: skip
        _, key = keys.create(
            tenant=tenant, kind=ApiKey.Kind.WRITE, name="Load", scopes=["ingest"], created_by=owner
        )
    panels = -(-options.people // options.mails)
    world = World(tenant, owner, key, options.people, options.events, panels, datetime.now(UTC))
    _write(world, random.Random(options.seed))
    return world


def _write(world: World, chance: random.Random) -> None:
    partitions.ensure_months("audiences_event", _days(world))
    copy("audiences_profile", PROFILE, _profiles(world, chance))
    copy("audiences_identity", "tenant_id kind value profile_id", _identities(world))
    copy("audiences_event", EVENT, _events(world, chance))
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('audiences_profile_id_seq', %s)", [world.people])
        cursor.execute("SELECT setval('audiences_event_id_seq', %s)", [world.events])
        cursor.execute(RECEIPTS, [world.tenant.pk, world.events])
    vacuum(
        "audiences_profile",
        "audiences_identity",
        "audiences_event",
        "audiences_receipt",
    )


def copy(table: str, columns: str, lines: Iterable[str]) -> None:
    """Write lines in COPY's text format."""
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} ({', '.join(columns.split())}) FROM STDIN") as target:
            for block in _blocks(lines):
                target.write(block)


def vacuum(*tables: str) -> None:
    """Leave tables as autovacuum would: with statistics, and index-only scans possible."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM (ANALYZE) {table}")


def count(table: str, condition: str = "TRUE") -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE {condition}")
        return int(cursor.fetchone()[0])


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    rest = iter(lines)
    while block := "".join(islice(rest, BLOCK)):
        yield block


def _days(world: World) -> list[datetime]:
    return [world.loaded_at - timedelta(days=days) for days in range(-1, DAYS + 1)]


def _profiles(world: World, chance: random.Random) -> Iterator[str]:
    made = world.loaded_at - timedelta(days=400)
    for number in range(1, world.people + 1):
        seen = world.loaded_at - timedelta(days=DAYS * chance.random())
        language = LANGUAGES[min(int(chance.expovariate(0.9)), len(LANGUAGES) - 1)]
        city = f"City {int(chance.random() * CITIES)}"
        yield (
            f"{number}\t{world.tenant.pk}\tu{number}\tp{number}@people.test\tFirst{number % 997}\tLast{number % 4999}"
            f"\t{language}\tEurope/Berlin\tDE\t{city}\t{_attributes(world, number, chance)}\t{made}\t{made}\t{seen}\n"
        )


def _attributes(world: World, number: int, chance: random.Random) -> str:
    age = f'"age": {18 + int(chance.random() * 60)}, ' if chance.random() < 0.7 else ""
    one, two = chance.sample(GENRES, 2)
    return (
        f'{{{age}"plan": "{chance.choice(PLANS)}", "points": {int(chance.random() * 10_000)}, "is_member": true,'
        f' "panel": {number % world.panels}, "genres": ["{one}", "{two}"],'
        f' "favourite": {{"artist": "Artist {number % 509}"}}}}'
    )


def _identities(world: World) -> Iterator[str]:
    for number in range(1, world.people + 1):
        yield f"{world.tenant.pk}\texternal_id\tu{number}\t{number}\n"
        yield f"{world.tenant.pk}\temail\tp{number}@people.test\t{number}\n"


def _events(world: World, chance: random.Random) -> Iterator[str]:
    """Yield events in the order they happened, some people far busier than others."""
    start, step = world.loaded_at - timedelta(days=DAYS), timedelta(days=DAYS) / max(world.events, 1)
    names = chance.choices(NAMES, WEIGHTS, k=world.events)
    for number, name in enumerate(names):
        at = start + number * step
        yield event_line(number + 1, world, somebody(world.people, chance), name, at, at, properties(chance))


def event_line(
    id_: int, world: World, profile: int, name: str, at: datetime, received_at: datetime, values: str
) -> str:
    """Return one row of an event as COPY reads it."""
    return f"{id_}\t{world.tenant.pk}\t{profile}\t{name}\t{at}\t{received_at}\t{values}\tf\tf\n"


def somebody(people: int, chance: random.Random) -> int:
    """Return a profile's id, low ones far more often: half of all events are a quarter of the people's."""
    return 1 + int(people * chance.random() ** 2)


def properties(chance: random.Random) -> str:
    """Return an event's properties as JSON, some 180 bytes."""
    product = int(chance.random() * 5_000)
    return (
        f'{{"product_id": "p{product}", "name": "Record number {product}", "category": "{chance.choice(GENRES)}",'
        f' "price": {product % 90 + 9.95:.2f}, "quantity": {1 + product % 3}, "currency": "EUR",'
        f' "url": "https://shop.nightingale.test/records/{product}"}}'
    )
