"""The counts before a launch are what choosing would decide one by one: SQL and Python agree on every person."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from audiences import facts
from audiences.models import Event, EventDefinition, Profile, Segment
from audiences.rules import memory
from campaigns import arms, contents, drafts, launching, past, reach
from campaigns.liquid.values import unmet
from campaigns.models import Campaign, Version
from tenants.models import Tenant, User
from tests.campaigns.conftest import add, write

BERLIN = {"on": "attribute", "name": "city", "operator": "is", "value": "Berlin"}
GOLD = {"on": "attribute", "name": "plan", "operator": "is", "value": "gold"}


@pytest.fixture
def crowd(make_profile: Callable[..., Profile]) -> list[Profile]:
    """People of every kind, the same each time."""
    draw = random.Random(4)

    def attributes() -> dict[str, Any]:
        return {
            "plan": draw.choice(["gold", "free", "", None]),
            "cart": {"items": draw.choice([[], [{"sku": 1}]])},
        }

    return [
        make_profile(
            first_name=draw.choice(["Ada", "Bob", None, " "]),
            city=draw.choice(["Berlin", "Paris", None]),
            consent=draw.choice([{}, {}, {"email": "unsubscribed"}]),
            attributes=attributes(),
        )
        for _ in range(300)
    ]


def chosen(version: Version, people: list[Profile], tenant: Tenant, now: datetime) -> Counter[str]:
    """The reachable people's arms, decided one by one."""
    spec = arms.load(version)
    shared = contents.shared_context(version.campaign, tenant=tenant)
    found: Counter[str] = Counter()
    known = facts.load(tenant_id=tenant.pk, ids=[person.pk for person in people], rules=spec.rules, now=now)
    for seen in known.values():
        if seen.consent.get("email") == "unsubscribed":
            continue
        person = contents.person_context(seen, unsubscribe_url="https://out/")
        choice = arms.choose(
            spec,
            profile_id=seen.id,
            standing=None,
            matches=lambda rule, seen=seen: memory.matches(rule, seen, now=now),
            lacks=partial(contents.lacks, shared=shared, person=person),
            fits=partial(arms.fits, None, now),
            spoken=seen.attribute("language"),
        )
        found[choice.arm or "nobody"] += 1
        if words := choice.content("email"):
            found[f"in {'control' if choice.is_control else words.language or 'en'}"] += 1
    return found


@pytest.mark.parametrize("has_default", [True, False])
@pytest.mark.parametrize("control", [0, 30])
def test_counts_are_what_choosing_decides(
    make_campaign: Callable[..., Campaign],
    make_segment: Callable[..., Segment],
    crowd: list[Profile],
    tenant: Tenant,
    owner: User,
    now: datetime,
    control: int,
    has_default: bool,
) -> None:
    version = make_campaign(control=control).versions.get()
    first = version.variants.get()
    write(first, owner, "<p>{{ profile.first_name }}</p>")
    add(version, owner, "<p>{{ profile.plan }}</p>", weight=20)
    berlin, gold = make_segment(BERLIN), make_segment(GOLD)
    add(
        version, owner, "<p>{{ profile.city }} {{ profile.cart.items[0].sku }}</p>", weight=30, segment=berlin
    )
    add(version, owner, weight=70, segment=berlin)
    add(version, owner, weight=1, segment=gold)
    if has_default:
        add(version, owner, is_default=True)
    version.refresh_from_db()
    counts = launching.counts(version, now=now)
    one_by_one = chosen(version, crowd, tenant, now)
    assert_alike(counts, one_by_one)
    assert counts.languages == {}


def assert_alike(counts: reach.Counts, one_by_one: Counter[str]) -> None:
    for key, people in counts.arms.items():
        assert people == one_by_one[key], key
    assert (counts.control, counts.left_out) == (one_by_one["control"], one_by_one["nobody"])
    decided = sum(people for key, people in one_by_one.items() if not key.startswith("in "))
    assert counts.reachable == decided == counts.control + counts.sent + counts.left_out


@pytest.mark.parametrize("has_default", [True, False])
@pytest.mark.parametrize("control", [0, 30])
def test_counts_by_language_are_what_choosing_decides(
    make_campaign: Callable[..., Campaign],
    make_segment: Callable[..., Segment],
    crowd: list[Profile],
    tenant: Tenant,
    owner: User,
    now: datetime,
    control: int,
    has_default: bool,
) -> None:
    """Each language's words need something else, and not every variant is written in each."""
    speak(crowd)
    version = make_campaign(control=control).versions.get()
    first, second = version.variants.get(), add(version, owner, weight=70)
    third = add(version, owner, weight=10, segment=make_segment(BERLIN))
    if has_default:
        write(add(version, owner, is_default=True), owner, "<p>Olá</p>", language="pt")
    write(first, owner, "<p>{{ profile.first_name }}</p>")
    write(first, owner, "<p>{{ profile.plan }}</p>", language="pt")
    write(first, owner, "<p>{{ profile.city }}</p>", language="pt-BR")
    write(second, owner, "<p>{{ profile.city }}</p>", language="zh-Hant")
    write(third, owner, "<p>{{ profile.first_name }}</p>", language="pt")
    version.refresh_from_db()
    counts = launching.counts(version, now=now)
    one_by_one = chosen(version, crowd, tenant, now)
    assert_alike(counts, one_by_one)
    assert counts.languages == {tag: one_by_one[f"in {tag}"] for tag in ("en", "pt", "pt-BR", "zh-Hant")}
    assert sum(counts.languages.values()) == counts.sent
    assert sum(people > 0 for people in counts.languages.values()) >= 2  # as the draw falls, all four


def speak(crowd: list[Profile]) -> None:
    draw = random.Random(5)
    for person in crowd:
        person.language = draw.choice(["pt", "pt-BR", "pt-PT", "zh-TW", "zh", "en", "fr", "", "??", None])
    Profile.objects.bulk_update(crowd, ["language"])


@pytest.mark.parametrize("control", [0, 30])
def test_whom_only_the_event_can_tell_apart_are_counted_apart(
    make_campaign: Callable[..., Campaign],
    make_segment: Callable[..., Segment],
    crowd: list[Profile],
    owner: User,
    now: datetime,
    control: int,
) -> None:
    version = make_campaign(control=control).versions.get()
    berlin = make_segment(BERLIN)
    first = version.variants.get()
    small = [{"on": "property", "name": "value", "operator": "less", "value": 10}]
    drafts.change_variant(
        variant=first, actor=owner, name="A", weight=50, segment=berlin, is_default=False, where=small
    )
    add(version, owner, is_default=True, where=[])
    counts = launching.counts(version, now=now)
    berliners = [person for person in crowd if person.city == "Berlin" and not person.consent]
    assert 0 < counts.depends <= len(berliners)
    assert (counts.depends < len(berliners)) == bool(control)
    assert counts.arms["a"] == counts.left_out == 0
    assert counts.reachable == counts.control + counts.arms["b"] + counts.depends
    assert counts.sent == counts.arms["b"] + counts.depends


NEEDS = [
    "profile.first_name", "profile.plan", "profile.cart", "profile.cart.items", "profile.cart.items[0].sku",
    "profile.cart.items.first.sku",
    "profile.cart.items.last", "profile.cart.items.size", "profile.plan.size",
    'profile["odd name"]', "profile.nothing", "profile.deep.er.still", "profile.count", "profile.flag",
    'profile["odd%s"]',
    "profile.first_name.size", "profile.events.done", "profile.events.done.count", "profile.events.done.last_at",
    "profile.events.done.last", "profile.events.done.last.sku", "profile.events.done.first.sku",
    'profile.events["Done"].last.cart.items[0]', "profile.events.never.last.sku", "profile.events.never",
    "profile.cart.items[*].sku", "profile.cart.items[*]", "profile.cart[*][1]", "profile.plan[*]", "profile.plan[*].x",
    "profile.first_name[*]", "profile.rows[*].cells[*].text", "profile.rows[*].cells", "profile.rows",
    "profile.events.done.last.list[*].sku", "profile.nothing[*].x",
    "brand.name", "brand.nothing", "campaign.name", "event.total", "unsubscribe_url", "profile",
]  # fmt: skip
PEOPLE: list[dict[str, Any]] = [
    {},
    {"first_name": "Ada"},
    {"first_name": " \n"},
    {"attributes": {"plan": "gold"}},
    {"attributes": {"plan": "   "}},
    {"attributes": {"plan": None}},
    {"attributes": {"plan": ["a"]}},
    {"attributes": {"plan": 12}},
    {"attributes": {"cart": {}}},
    {"attributes": {"cart": {"items": []}}},
    {"attributes": {"cart": {"items": [{}]}}},
    {"attributes": {"cart": {"items": [{"sku": "x"}, {"sku": ""}]}}},
    {"attributes": {"cart": {"items": {"first": {"sku": 1}}}}},
    {"attributes": {"odd name": "here", "odd%s": "x"}},
    {"attributes": {"deep": {"er": {"still": False}}}},
    {"attributes": {"count": 0, "flag": False}},
    {"attributes": {"count": "0", "flag": None}},
    {"attributes": {"rows": [None, " "]}},
    {"attributes": {"rows": [{"cells": [{"text": "a"}]}, {"cells": []}]}},
    {"attributes": {"rows": [{"cells": [{"text": "a"}, {"text": None}]}, {}]}},
    {"attributes": {"rows": {"cells": [1]}}},
    {"attributes": {"rows": []}},
]


def test_a_need_is_met_in_sql_as_in_templates(
    make_campaign: Callable[..., Campaign],
    make_profile: Callable[..., Profile],
    make_event: Callable[..., Event],
    tenant: Tenant,
    now: datetime,
) -> None:
    people = [make_profile(**fields) for fields in PEOPLE]
    EventDefinition(tenant=tenant, name="Done", first_seen_at=now).save()
    for person, days, properties in (
        (people[0], 3, {"sku": "a"}),
        (people[0], 1, {"cart": {"items": [1]}}),
        (people[1], 2, {"sku": " ", "list": [{"sku": "a"}, {"sku": ""}]}),
        (people[2], 2, {}),
    ):
        make_event(person, "Done", now - timedelta(days=days), **properties)
    known = facts.load(
        tenant_id=tenant.pk, ids=[person.pk for person in people], past=past.asked(NEEDS), now=now
    )
    shared = contents.shared_context(make_campaign(), tenant=tenant)
    for need in NEEDS:
        way = arms.Way("a", 1, (arms.Words(1, "email", "", (need,)),))
        spec = arms.Spec(1, 1, 0, 1, 2, (arms.group("everyone", None, [way]),), None)
        counts = reach.count(
            spec,
            rule={"all": []},
            channel="email",
            is_marketing=True,
            tenant_id=tenant.pk,
            shared=shared,
            now=now,
        )
        contexts = [
            shared | contents.person_context(seen, unsubscribe_url="https://out/") for seen in known.values()
        ]
        assert counts.lacking[need] == sum(bool(unmet([need], context)) for context in contexts), need


def test_counting_takes_one_statement(
    make_campaign: Callable[..., Campaign], tenant: Tenant, now: datetime, django_assert_num_queries: Any
) -> None:
    spec = arms.load(make_campaign().versions.get())
    with django_assert_num_queries(1):
        reach.count(
            spec,
            rule={"all": []},
            channel="email",
            is_marketing=True,
            tenant_id=tenant.pk,
            shared={},
            now=now,
        )
