"""A handful of people with every oddity that data brings, and short ways to write rules about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from audiences import facts, partitions
from audiences.models import Event, Profile, Suppression
from audiences.rules import memory, sql
from tenants.models import Tenant

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)

PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {
        "first_name": "Ada",
        "city": "Paris",
        "country": "FR",
        "language": "fr",
        "timezone": "Europe/Paris",
        "latitude": 48.85,
        "longitude": 2.35,
        "last_seen_at": NOW - timedelta(days=1),
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "consent": {"email": "subscribed", "topic:jazz": "opted_in"},
        "attributes": {
            "plan": "pro",
            "age": 36,
            "score": 0.1,
            "is_member": True,
            "genres": ["wine", "jazz", 7],
            "address": {"zip": "75001", "geo": {"floor": 3}},
            "birthday": "1990-05-01",
            "renews_at": "2026-07-01T00:00:00+02:00",
            "email": "shadow@example.test",
        },
    },
    "ben": {
        "first_name": "Ben",
        "city": "Lyon",
        "country": "FR",
        "language": "EN",
        "email": "ben@example.test",
        "timezone": "America/New_York",
        "latitude": -10,
        "longitude": 180,
        "last_seen_at": NOW - timedelta(days=14),
        "created_at": datetime(2026, 5, 31, 23, 59, 59, 999999, tzinfo=UTC),
        "consent": {"email": "unsubscribed"},
        "attributes": {
            "plan": "basic",
            "age": "36",
            "score": 12,
            "is_member": False,
            "genres": [],
            "address": {"zip": 75001},
            "birthday": "30 February",
            "renews_at": "2026-06-15T12:00:00Z",
        },
    },
    "cleo": {
        "first_name": "Cleo",
        "language": "pt-BR",
        "country": "BR",
        "latitude": 89.99,
        "longitude": 77,
        "email": "cleo@example.test",
        "timezone": "America/Sao_Paulo",
        "last_seen_at": NOW - timedelta(days=14) - TICK,
        "created_at": datetime(2026, 6, 1, tzinfo=UTC),
        "attributes": {
            "plan": None,
            "age": 36.0,
            "score": 1e23,
            "is_member": "true",
            "genres": "wine",
            "address": "75001",
            "birthday": "2024-02-29",
            "renews_at": "2026-06-15T11:59:59.9999999Z",
        },
    },
    "dan": {
        "first_name": "Dan",
        "city": "paris",
        "region": "TX",
        "country": "US",
        "latitude": -10.05,
        "longitude": -179.95,
        "language": "pt",
        "email": "Dan@Example.test",  # suppressed
        "timezone": "Pacific/Auckland",
        "created_at": datetime(2026, 6, 10, tzinfo=UTC),
        "attributes": {
            "age": 37,
            "genres": [["wine"], {"wine": 1}, None],
            "address": [{"zip": "75001"}],
            "birthday": "2023-02-29",
            "renews_at": 1781524800,
        },
    },
    "eve": {
        "first_name": "Ève",
        "city": "KÖLN",
        "country": "DE",
        "latitude": 50.94,  # half a point
        "language": "pth",
        "email": "",
        "timezone": "Mars/Base_1",
        "created_at": datetime(2026, 6, 11, tzinfo=UTC),
        "attributes": {
            "100%": "50% off",
            "saying": 'O\'Neil said "x" \\ %s; DROP TABLE audiences_event; --',
            "it's": {'"odd"': "a\\b"},
            "moji": "👩🏽‍🚀 東京 İstanbul",
            "blank": "",
            "unit": "300 \u212a",  # the Kelvin sign, whose small letter is k
            "zero": 0,
            "big": 12345678901234567890,
        },
    },
}

SPRING, AUTUMN = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"


def trace(
    name: str, before_now: timedelta, delivery: Any, campaign: str, variant: str = "a", **more: Any
) -> Any:
    """Return what a message leaves in somebody's stream."""
    of = {"campaign": campaign, "variant": variant, "channel": "email", "delivery": delivery}
    return name, NOW - before_now, of | more


DAY = timedelta(days=1)
# Who did what: (event, when, properties).
DONE: dict[str, list[tuple[str, datetime, dict[str, Any]]]] = {
    "ada": [
        ("Order Completed", NOW - timedelta(days=200), {"total": 20, "currency": "EUR"}),
        ("Order Completed", NOW - timedelta(days=30), {"total": 50, "currency": "EUR", "items": ["cd"]}),
        (
            "Order Completed",
            NOW - timedelta(days=10),
            {"total": 60, "currency": "EUR", "items": ["cd", "lp"]},
        ),
        ("Order Completed", NOW - timedelta(hours=1), {"total": 70, "currency": "USD", "ship": {"to": "FR"}}),
        ("Cart Viewed", NOW - timedelta(hours=2), {}),
        trace("Email Sent", 20 * DAY, 1, SPRING),
        trace("Email Opened", 17 * DAY, 1, SPRING),  # three days to the instant
        trace("Email Link Clicked", 17 * DAY, 1, SPRING, url="https://example.test"),
        trace("Message Converted", 16 * DAY, 1, SPRING, goal="Orders"),
        trace("Email Sent", 3 * DAY, 2, AUTUMN, "b"),
    ],
    "ben": [
        ("Order Completed", NOW - timedelta(days=30) - TICK, {"total": "60", "currency": "EUR"}),
        ("Cart Viewed", NOW - timedelta(days=3), {"from": "100% page"}),
        ("Cart Viewed", NOW - timedelta(days=2), {}),
        trace("Email Sent", 20 * DAY, 3, SPRING, "b"),
        trace("Email Opened", 20 * DAY, 3, SPRING, "b", machine="yes"),
        trace("Email Opened", 17 * DAY - TICK, 3, SPRING, "b"),  # a moment too late
        trace("Unsubscribed", 16 * DAY, 3, SPRING, "b"),
    ],
    "cleo": [
        ("Cart Viewed", NOW, {"total": None}),
        (
            "Order Completed",
            datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC),
            {"total": 60.0, "currency": "GBP"},
        ),
        trace("Email Sent", 3 * DAY - TICK, 4, AUTUMN),
        trace("Email Opened", 4 * DAY, 2, AUTUMN),  # of another message
    ],
    "dan": [
        ("Order Completed", NOW + TICK, {"total": 99}),
        ("Signed Up", datetime(2026, 6, 1, tzinfo=UTC), {"plan": "pro"}),
        ("Email Sent", NOW - DAY, {"campaign": SPRING}),  # somebody else's: no delivery of ours
        trace("Email Opened", DAY, None, SPRING),
    ],
    "eve": [('100% "Odd\'s" \\ Event', NOW - timedelta(days=1), {"100%": "%s"})],
}
EVERYONE = frozenset(PEOPLE)


def store_events(tenant: Tenant, events: list[Event]) -> None:
    """Store events as ingestion would."""
    partitions.ensure_months("audiences_event", [event.occurred_at for event in events])
    Event.objects.bulk_create(events)


def populate(tenant: Tenant, other_tenant: Tenant) -> dict[str, Profile]:
    """Store the people and what they did; beside them Adas that no rule may find: merged, erased, another tenant's."""
    people = {name: Profile(tenant=tenant, **fields) for name, fields in PEOPLE.items()}
    Profile.objects.bulk_create(people.values())
    ada = people["ada"]
    twins = [
        Profile(tenant=tenant, merged_into=ada, **PEOPLE["ada"]),
        Profile(tenant=tenant, erased_at=NOW, **PEOPLE["ada"]),
        Profile(tenant=other_tenant, **PEOPLE["ada"]),
    ]
    Profile.objects.bulk_create(twins)
    Suppression.objects.bulk_create(
        Suppression(tenant=of, channel=channel, address=address, reason="manual", at=NOW)
        for of, channel, address in [
            (tenant, "email", "dan@example.test"),
            (tenant, "pigeon", "cleo@example.test"),
            (other_tenant, "email", "cleo@example.test"),
        ]
    )
    done = [(people[name], event) for name, events in DONE.items() for event in events]
    done += [(twin, event) for twin in twins for event in DONE["ada"]]
    events = [
        Event(
            tenant=who.tenant, profile=who, name=name, occurred_at=at, received_at=NOW, properties=properties
        )
        for who, (name, at, properties) in done
    ]
    store_events(tenant, events)
    return people


def found_by_sql(rule: Any, tenant: Tenant, people: dict[str, Profile], **only: Any) -> set[str]:
    query = sql.members(rule, tenant_id=tenant.pk, now=NOW, **only)
    names = {profile.pk: name for name, profile in people.items()}
    with connection.cursor() as cursor:
        cursor.execute(query.sql, query.params)
        return {names.get(id_, f"stranger {id_}") for (id_,) in cursor.fetchall()}


def found_in_memory(rule: Any, tenant: Tenant, people: dict[str, Profile]) -> set[str]:
    ids = [profile.pk for profile in people.values()]
    known = facts.load(tenant_id=tenant.pk, ids=ids, rules=[rule], now=NOW)
    return {name for name, profile in people.items() if memory.matches(rule, known[profile.pk], now=NOW)}


def attribute(name: str, operator: str, *value: Any, **more: Any) -> dict[str, Any]:
    return {
        "on": "attribute",
        "name": name,
        "operator": operator,
        **({"value": value[0]} if value else {}),
        **more,
    }


def property_(name: str, operator: str, *value: Any, **more: Any) -> dict[str, Any]:
    return attribute(name, operator, *value, **more) | {"on": "property"}


def consent(subject: str, operator: str, *value: Any, **more: Any) -> dict[str, Any]:
    rule = attribute("", operator, *value, **more) | {"on": "consent", "subject": subject}
    return {key: value for key, value in rule.items() if key != "name"}


def language(operator: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"on": "language", "operator": operator, "value": value, **more}


def local_time(from_: str = "", to: str = "", **more: Any) -> dict[str, Any]:
    return {"on": "local_time", **({"from": from_, "to": to} if from_ else {}), **more}


def location(**more: Any) -> dict[str, Any]:
    return {"on": "location"} | {{"in_": "in"}.get(key, key): value for key, value in more.items()}


def near(*points: tuple[float, float] | dict[str, Any], **more: Any) -> dict[str, Any]:
    of = [one if isinstance(one, dict) else {"latitude": one[0], "longitude": one[1]} for one in points]
    return {"on": "near", "of": of} | {{"is_": "is"}.get(key, key): value for key, value in more.items()}


def reachable(channel: str = "", **more: Any) -> dict[str, Any]:
    return {"on": "reachable", "channel": channel} | {
        {"is_": "is"}.get(key, key): value for key, value in more.items()
    }


def event(name: str, **more: Any) -> dict[str, Any]:
    return {"on": "event", "name": name} | {
        {"from_": "from"}.get(key, key): value for key, value in more.items()
    }


def message(what: str, **more: Any) -> dict[str, Any]:
    return {key: value for key, value in event("", **more).items() if key != "name"} | {
        "on": "message",
        "what": what,
    }


def segment(id_: Any, **more: Any) -> dict[str, Any]:
    return {"on": "segment", "id": str(id_)} | {
        {"in_": "in"}.get(key, key): value for key, value in more.items()
    }


def bucket(low: int, high: int, salt: int = 7) -> dict[str, Any]:
    return {"on": "bucket", "salt": salt, "from": low, "to": high}
