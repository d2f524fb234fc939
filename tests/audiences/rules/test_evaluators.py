"""One table of cases, two evaluators: SQL and memory mean the same people, and the right ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from audiences import facts, partitions, retention
from audiences.models import Event, Profile
from audiences.rules import explain, memory, schema, sql, words
from audiences.rules.tree import Unresolved
from tenants.models import Tenant
from tests.audiences.rules.cases import CASES, ID, PARIS
from tests.audiences.rules.world import (
    AUTUMN,
    DAY,
    NOW,
    SPRING,
    attribute,
    event,
    found_by_sql,
    found_in_memory,
    message,
    property_,
    segment,
    store_events,
    trace,
)

People = dict[str, Profile]
each_case = pytest.mark.parametrize("rule, who", [pytest.param(r, w, id=name) for name, r, w in CASES])


@each_case
def test_both_evaluators_find(rule: Any, who: str, tenant: Tenant, people: People) -> None:
    expected = set(who.split())
    ids = [profile.pk for profile in Profile.objects.all()]  # the merged and the erased with them
    assert found_by_sql(rule, tenant, people) == expected
    assert found_by_sql(rule, tenant, people, ids=ids) == expected
    assert found_by_sql(rule, tenant, people, between=(min(ids), max(ids))) == expected
    assert found_in_memory(rule, tenant, people) == expected
    assert sql.count(rule, tenant_id=tenant.pk, now=NOW) == len(expected)


@each_case
def test_the_opposite_is_everyone_else(rule: Any, who: str, tenant: Tenant, people: People) -> None:
    expected = set(people) - set(who.split())
    assert found_by_sql({"none": [rule]}, tenant, people) == expected
    assert found_in_memory({"none": [rule]}, tenant, people) == expected


@each_case
def test_every_rule_has_a_sentence_and_an_explanation(
    rule: Any, who: str, tenant: Tenant, people: People
) -> None:
    ids = [profile.pk for profile in people.values()]
    known = facts.load(tenant_id=tenant.pk, ids=ids, rules=[rule], now=NOW)
    why = {name: explain.explain(rule, known[profile.pk], now=NOW) for name, profile in people.items()}
    assert {name for name, node in why.items() if node.verdict} == set(who.split())
    assert words.sentence(rule).startswith(("everyone", "no one"))


def test_only_keeps_to_some_profiles(tenant: Tenant, people: People) -> None:
    ada, ben, eve = people["ada"].pk, people["ben"].pk, people["eve"].pk
    rule = {"none": [event("Moon Reached")]}
    assert found_by_sql(rule, tenant, people, ids=[ada, eve]) == {"ada", "eve"}
    assert found_by_sql(rule, tenant, people, ids=[]) == set()
    assert found_by_sql(rule, tenant, people, between=(ada, ben)) == {"ada", "ben"}


def test_members_stand_inside_another_statement(tenant: Tenant, people: People) -> None:
    query = sql.members({"all": [PARIS, event("Order Completed")]}, tenant_id=tenant.pk, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.first_name FROM audiences_profile p WHERE p.tenant_id = %s AND p.id IN ({query.sql})",
            [tenant.pk, *query.params],
        )
        assert cursor.fetchall() == [("Ada",)]


def test_another_tenant_sees_only_its_own(other_tenant: Tenant, people: People) -> None:
    assert sql.count({"all": []}, tenant_id=other_tenant.pk, now=NOW) == 1
    ids = [profile.pk for profile in people.values()]
    assert facts.load(tenant_id=other_tenant.pk, ids=ids, now=NOW) == {}


def test_tombstones_have_no_facts(tenant: Tenant, people: People) -> None:
    ids = [profile.pk for profile in Profile.objects.all()]
    assert len(ids) > len(people)
    found = facts.load(tenant_id=tenant.pk, ids=ids, now=NOW)
    assert sorted(found) == sorted(profile.pk for profile in people.values())


def test_a_reference_alone_is_refused_by_both(tenant: Tenant, people: People) -> None:
    with pytest.raises(Unresolved):
        sql.members(segment(ID), tenant_id=tenant.pk, now=NOW)
    with pytest.raises(Unresolved):
        found_in_memory(segment(ID), tenant, people)


def test_facts_that_were_not_loaded_are_not_guessed(tenant: Tenant, people: People) -> None:
    ada = people["ada"].pk
    known = facts.load(tenant_id=tenant.pk, ids=[ada], rules=[PARIS], now=NOW)[ada]
    for rule in (event("Order Completed"), event("Order Completed", within={"days": 1})):
        with pytest.raises(facts.NotLoaded):
            memory.matches(rule, known, now=NOW)


def test_properties_that_were_not_loaded_are_not_guessed(tenant: Tenant, people: People) -> None:
    ada = people["ada"].pk
    rules = [event("Order Completed", within={"days": 60}), event("Order Completed")]
    known = facts.load(tenant_id=tenant.pk, ids=[ada], rules=rules, now=NOW)[ada]
    where = [property_("total", "exists")]
    for rule in (
        event("Order Completed", within={"days": 60}, where=where),
        event("Order Completed", which="last", where=where),
    ):
        with pytest.raises(facts.NotLoaded):
            memory.matches(rule, known, now=NOW)


def test_what_retention_dropped_still_counts(tenant: Tenant, people: People) -> None:
    for month in partitions.months_before("audiences_event", datetime(2026, 5, 1, tzinfo=UTC)):
        retention.fold(month)
    rule = event("Order Completed", at_least=4)
    assert found_by_sql(rule, tenant, people) == found_in_memory(rule, tenant, people) == {"ada"}
    first = event("Order Completed", which="first", where=[property_("total", "exists")])
    assert found_by_sql(first, tenant, people) == found_in_memory(first, tenant, people) == {"ben", "cleo"}


VIEWED, LONG_AGO = "Page Viewed", NOW - 90 * DAY


@pytest.mark.parametrize(
    "older, newer, rule",
    [
        pytest.param(
            [(VIEWED, NOW - 2 * DAY, {"path": "/vip"})],
            (VIEWED, NOW - DAY, {"path": "/"}),
            event(VIEWED, where=[property_("path", "is", "/vip")]),
            id="by a filter",
        ),
        pytest.param(
            [(VIEWED, LONG_AGO, {})],
            (VIEWED, NOW - DAY, {}),
            event(VIEWED, from_=LONG_AGO.date().isoformat(), to=LONG_AGO.date().isoformat()),
            id="by days long ago",
        ),
        pytest.param(
            [(VIEWED, LONG_AGO, {"path": "/vip"}), (VIEWED, NOW - 2 * DAY, {"path": "/vip"})],
            (VIEWED, NOW - DAY, {"path": "/"}),
            event(
                VIEWED, where=[property_("path", "is", "/vip")], within={"days": 89}, at_most=1, at_least=1
            ),
            id="by a filter, so often and lately",
        ),
        pytest.param(
            [trace("Email Opened", 2 * DAY, 9, SPRING)],
            trace("Email Opened", DAY, 10, AUTUMN),
            message("opened", campaign=SPRING),
            id="of one campaign",
        ),
        pytest.param(
            [trace("Email Sent", 20 * DAY, 9, SPRING)],
            trace("Email Sent", 10 * DAY, 10, AUTUMN),
            message("ignored", campaign=SPRING, unopened_for={"days": 3}),
            id="of one campaign, and ignored",
        ),
    ],
)
def test_what_a_condition_counts_is_found_among_any_number_of_newer_events(
    older: list[Any], newer: Any, rule: Any, tenant: Tenant, people: People
) -> None:
    """Eve did it, and more of the same since than are loaded of anything."""
    eve, (name, at, properties) = people["eve"], newer
    done = [*older, *((name, at + timedelta(seconds=number), properties) for number in range(facts.NEWEST))]
    store_events(
        tenant,
        [
            Event(
                tenant=tenant, profile=eve, name=name, occurred_at=at, received_at=NOW, properties=properties
            )
            for name, at, properties in done
        ],
    )
    assert "eve" in found_by_sql(rule, tenant, people)
    assert found_in_memory(rule, tenant, people) == found_by_sql(rule, tenant, people)


def test_templates_see_standard_attributes_over_custom_ones(tenant: Tenant, people: People) -> None:
    known = facts.load(tenant_id=tenant.pk, ids=[people["ada"].pk, people["cleo"].pk], now=NOW)
    ada, cleo = (facts.liquid(known[people[name].pk]) for name in ("ada", "cleo"))
    assert (ada["first_name"], ada["city"], ada["address"]["zip"]) == ("Ada", "Paris", "75001")
    assert "email" not in ada, "the custom namesake does not stand in for the column"
    assert "plan" not in cleo
    assert "city" not in cleo


@pytest.mark.parametrize(
    "rule, passes",
    [
        pytest.param({"all": []}, True, id="no condition"),
        pytest.param(property_("total", "greater", 50), True, id="greater"),
        pytest.param(
            {"all": [property_("total", "greater", 50), property_("currency", "is", "USD")]}, False, id="all"
        ),
        pytest.param({"none": [property_("ship.to", "exists")]}, True, id="none"),
        pytest.param(property_("at", "within_last", {"days": 1}), True, id="time"),
    ],
)
def test_filters_on_events_agree_in_sql_and_memory(rule: Any, passes: bool, db: None) -> None:
    properties = {"total": 60, "currency": "EUR", "at": "2026-06-15T00:00:00Z"}
    assert memory.matches_properties(rule, properties, now=NOW) is passes
    query = sql.properties(rule, document="e.properties", now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT %s::jsonb AS properties) e WHERE {query.sql}",
            ['{"total": 60, "currency": "EUR", "at": "2026-06-15T00:00:00Z"}', *query.params],
        )
        assert cursor.fetchone()[0] == passes


def test_a_parsed_rule_serves_as_well(tenant: Tenant, people: People) -> None:
    assert found_by_sql(schema.parse(attribute("city", "is", "Lyon")), tenant, people) == {"ben"}
