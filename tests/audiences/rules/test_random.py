"""Random rules on random people: SQL and memory agree, the sentence can be said, the JSON Schema takes the rule."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.models import Event, Profile, Suppression
from audiences.rules import memory, schema, sql, words
from tenants.models import Tenant
from tests.audiences.rules import strategies
from tests.audiences.rules.world import NOW, found_by_sql, found_in_memory, store_events

VALIDATOR = jsonschema.Draft202012Validator(schema.json_schema())


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    people=st.lists(strategies.people, min_size=1, max_size=5),
    rules=st.lists(strategies.rules, min_size=5, max_size=8),
)
def test_evaluators_agree(
    tenant: Tenant, months: None, people: list[dict[str, Any]], rules: list[Any]
) -> None:
    with transaction.atomic():
        stored = _store(tenant, people)
        for rule in rules:
            by_sql = found_by_sql(rule, tenant, stored)
            assert by_sql == found_in_memory(rule, tenant, stored), rule
            assert by_sql == found_by_sql(
                rule, tenant, stored, ids=[profile.pk for profile in stored.values()]
            ), rule
            opposite = {"none": [rule]}
            assert set(stored) - by_sql == found_by_sql(opposite, tenant, stored), rule
        transaction.set_rollback(True)


def _store(tenant: Tenant, people: list[dict[str, Any]]) -> dict[str, Profile]:
    """Store the people and what they did, and return them named by their place."""
    profiles = [
        Profile(tenant=tenant, **{key: value for key, value in person.items() if key != "done"})
        for person in people
    ]
    Profile.objects.bulk_create(profiles)
    Suppression.objects.create(tenant=tenant, channel="email", address="b@x.test", reason="manual", at=NOW)
    done = [
        (profile, one) for profile, person in zip(profiles, people, strict=True) for one in person["done"]
    ]
    store_events(
        tenant,
        [
            Event(
                tenant=tenant, profile=who, name=name, occurred_at=at, received_at=NOW, properties=properties
            )
            for who, (name, at, properties) in done
        ],
    )
    return {str(number): profile for number, profile in enumerate(profiles)}


@settings(
    max_examples=500,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(strategies.close_calls())
def test_comparisons_agree_where_it_is_close(
    db: None, case: tuple[dict[str, Any], list[dict[str, Any]]]
) -> None:
    properties, conditions = case
    queries = [sql.properties(condition, now=NOW) for condition in conditions]
    columns = ", ".join(f"({query.sql}) IS TRUE" for query in queries)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM (SELECT %s::jsonb AS properties) e",
            [*(param for query in queries for param in query.params), json.dumps(properties)],
        )
        by_sql = cursor.fetchone()
    for condition, verdict in zip(conditions, by_sql, strict=True):
        assert memory.matches_properties(condition, properties, now=NOW) == verdict, condition


@settings(max_examples=150)
@given(rule=strategies.rules)
def test_every_rule_has_a_sentence_and_fits_the_json_schema(rule: Any) -> None:
    sentence = words.sentence(rule)
    assert sentence.startswith(("everyone", "no one"))
    VALIDATOR.validate(rule)
