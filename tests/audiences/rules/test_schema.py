"""What is no rule is refused, with the place and what was expected."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from audiences.rules import operators, schema
from audiences.rules.tree import InvalidRule
from tests.audiences.rules.cases import CASES
from tests.audiences.rules.world import (
    SPRING,
    attribute,
    bucket,
    consent,
    event,
    language,
    local_time,
    location,
    message,
    near,
    property_,
    reachable,
    segment,
)

POINT = {"latitude": 0, "longitude": 0}
# (name, rule, where, part of what is said)
REFUSED: list[tuple[str, Any, str, str]] = [
    ("no object", [], "", "an object; found a list"),
    ("null", None, "", "found null"),
    ("neither group nor condition", {}, "", "a group"),
    ("unknown kind", {"on": "weather"}, "on", "found 'weather'"),
    ("a kind that is no text", {"on": ["attribute"]}, "on", "found ['attribute']"),
    ("two groups at once", {"all": [], "any": []}, "", "beside “all” there is “any”"),
    ("a group of no list", {"all": {}}, "all", "Expected a list"),
    ("deep inside", {"all": [{"any": [attribute("city", "is", "x"), {"none": [{"on": "event"}]}]}]},
     "all[0].any[1].none[0]", "Missing `name`"),
    ("an unknown key", attribute("city", "is", "x", colour="red"), "", "Unexpected `colour`"),
    ("a name of another type", attribute(7, "is", "x"), "name", "Expected `str`"),
    ("an empty name", attribute("", "is", "x"), "name", "Say what is compared"),
    ("an empty part of a path", attribute("a..b", "is", "x"), "name", "Expected a name"),
    ("NUL in a name", attribute("a\0", "is", "x"), "name", "no data can hold"),
    ("an unknown operator", attribute("city", "equals", "x"), "operator", "no operator “equals”"),
    ("no value", attribute("plan", "is"), "value", "needs a value"),
    ("a null value", attribute("plan", "is", None), "value", "Expected a text, a number, true or false"),
    ("a value with exists", attribute("plan", "exists", 1), "value", "leave the value out"),
    ("or_missing with is_missing", attribute("plan", "is_missing", or_missing=True), "or_missing", "itself about"),
    ("NaN", attribute("plan", "is", float("nan")), "value", "a size"),
    ("infinity", attribute("plan", "greater", float("inf")), "value", "a size"),
    ("a huge number", attribute("plan", "greater", 10**400), "value", "a size"),
    ("a text in order", attribute("plan", "greater", "5"), "value", "Expected a number"),
    ("true in order", attribute("plan", "greater", True), "value", "Expected a number"),
    ("NUL in a value", attribute("plan", "is", "a\0b"), "value", "no data can hold"),
    ("half a surrogate pair", attribute("plan", "is", "\ud800"), "value", "no data can hold"),
    ("a long value", attribute("plan", "is", "x" * 1001), "value", "at most 1000"),
    ("an empty text to look for", attribute("plan", "contains", ""), "value", "Expected a text"),
    ("an empty list", attribute("plan", "is_one_of", []), "value", "at least one"),
    ("a list in a list", attribute("plan", "is_one_of", [["x"]]), "value", "Expected a text"),
    ("no list", attribute("plan", "is_one_of", "x"), "value", "Expected a list"),
    ("between one", attribute("plan", "between", [1]), "value", "two values"),
    ("between the wrong way round", attribute("plan", "between", [2, 1]), "value", "must not be greater"),
    ("between a number and a text", attribute("plan", "between", [2, "2026-01-01"]), "value", "Expected a number"),
    ("between times the wrong way", attribute("d", "between", ["2026-01-02", "2026-01-01"]), "value", "be after"),
    ("no time", attribute("d", "before", "tomorrow"), "value", "ISO 8601"),
    ("no day", attribute("d", "before", "2026-02-30"), "value", "ISO 8601"),
    ("a year out of reach", attribute("d", "before", "1500-01-01"), "value", "from 1900"),
    ("no length", attribute("d", "within_last", 30), "value", '{"days": 30}'),
    ("a length of two units", attribute("d", "within_last", {"days": 1, "hours": 1}), "value", '{"days": 30}'),
    ("a unit that varies", attribute("d", "within_last", {"months": 1}), "value", "minutes, hours, days, weeks"),
    ("a length of nothing", attribute("d", "within_last", {"days": 0}), "value", "at least 1"),
    ("a fraction of a day", attribute("d", "within_last", {"days": 1.5}), "value", "whole number"),
    ("a millennium", attribute("d", "within_last", {"days": 10**9}), "value", "hundred years"),
    ("a column and another type", attribute("city", "is", 5), "value", "“city” is always a text"),
    ("a column and an operator of another type", attribute("city", "greater", 5), "operator", "always a text"),
    ("a time by equality", attribute("last_seen_at", "is", "2026-01-01"), "value", "always a time"),
    ("a column among other types", attribute("city", "is_one_of", ["x", 5]), "value", "always a text"),
    ("a property on its own", property_("total", "is", 1), "on", "not on “property”"),
    ("an attribute of an event", event("X", where=[attribute("city", "is", "x")]), "where[0].on", "not on “attribute”"),
    ("an operator inside where", event("X", where=[property_("a", "like", 1)]), "where[0].operator", "no operator"),
    ("where of no list", event("X", where={}), "where", "Expected `array`"),
    ("at least none", event("X", at_least=0), "at_least", "from 1"),
    ("too many to count", event("X", at_least=501), "at_least", "to 500"),
    ("a count that is a text", event("X", at_least="2"), "at_least", "Expected `int | null`"),
    ("exactly and at least", event("X", exactly=1, at_least=1), "exactly", "Leave out"),
    ("at least more than at most", event("X", at_least=3, at_most=2), "at_most", "not below"),
    ("within and from", event("X", within={"days": 1}, from_="2026-01-01"), "within", "either"),
    ("from what is no time", event("X", from_="yesterday"), "from", "ISO 8601"),
    ("to before from", event("X", from_="2026-02-01", to="2026-01-01"), "to", "must not be after"),
    ("which of what", event("X", which="last"), "which", "Say when"),
    ("which, counted", event("X", which="last", within={"days": 1}, at_least=2), "at_least", "only one last event"),
    ("which other", event("X", which="second", within={"days": 1}), "which", "Invalid enum value"),
    ("an event without a name", event(""), "name", "Say which event"),
    ("a message and an unknown deed", message("forwarded"), "what", "Invalid enum value"),
    ("a message of no campaign", message("opened", campaign="spring"), "campaign", "Invalid UUID"),
    ("a variant of which campaign", message("opened", variant="a"), "variant", "of which campaign"),
    ("NUL in a variant", message("opened", campaign=SPRING, variant="a\0"), "variant", "no data can hold"),
    ("a channel that is none", message("opened", channel="pigeon"), "channel", "there is 'email'"),
    ("a message opened exactly and at least", message("opened", exactly=1, at_least=1), "exactly", "Leave out"),
    ("a message, which", message("opened", which="last"), "", "Unexpected `which`"),
    ("ignored for how long", message("ignored"), "unopened_for", "for how long"),
    ("ignored for no length", message("ignored", unopened_for={"days": 0}), "unopened_for", "at least 1"),
    ("opened, and unopened", message("opened", unopened_for={"days": 1}), "unopened_for", "Only what is ignored"),
    ("ignored in too short a time", message("ignored", unopened_for={"days": 1}, within={"hours": 24}), "within",
     "so short a time"),
    ("a segment without an id", segment("mine"), "id", "Invalid UUID"),
    ("a segment's rule", segment("00000000-0000-4000-8000-000000000001", rule={"all": [{}]}), "rule.all[0]", "a group"),
    ("buckets the wrong way round", bucket(5, 4), "to", "not before"),
    ("a bucket out of range", bucket(0, 10_000), "to", "0 to 9999"),
    ("a negative salt", bucket(0, 1, salt=-1), "salt", "from 0"),
    ("consent that nobody gives", consent("email", "is", "maybe"), "value", "subscribed, opted_in or unsubscribed"),
    ("consent in order", consent("email", "greater", 1), "operator", "is, is_not"),
    ("in nowhere", location(), "country", "in which"),
    ("in no country", location(country=[]), "country", "list of 1"),
    ("in a country by its name", location(country=["France"]), "country", "“FR”"),
    ("in a city without a name", location(city=[""]), "city", "of 1 to"),
    ("NUL in a city", location(city=["a\0"]), "city", "no data can hold"),
    ("near nothing", near(within_km=1), "of", "1 to 100"),
    ("near a point, how near", near((0, 0)), "within_km", "how many kilometres"),
    ("near half a point", near({"latitude": 1}, within_km=1), "of[0]", "longitude"),
    ("near a point above the pole", near((0, 0), (91, 0), within_km=1), "of[1].latitude", "from -90 to 90"),
    ("near by no distance", near((0, 0), within_km=0), "within_km", "from 0.001"),
    ("near by more than there is", near((0, 0), within_km=30_000), "within_km", "to 20038"),
    ("NUL in the name of a point", near({"name": "a\0"} | POINT, within_km=1), "of[0].name", "no data can hold"),
    ("near a place that is no id", near({"place": "shop"}, within_km=1), "of[0].place", "Invalid UUID"),
    ("reachable by what", reachable("pigeon"), "channel", "there is 'email'"),
    ("a language in order", language("starts_with", "pt"), "operator", "is, is_not"),
    ("no language", language("is", "Portuguese!"), "value", "Expected a language"),
    ("a language that is a number", language("is", 7), "value", "Expected a language"),
    ("one of no languages", language("is_one_of", []), "value", "at least one"),
    ("one of a single language", language("is_one_of", "pt"), "value", "Expected a list"),
    ("no hours and no days", local_time(), "from", "between which times"),
    ("hours without an end", {"on": "local_time", "from": "18:00"}, "to", "both"),
    ("hours without a beginning", {"on": "local_time", "to": "18:00"}, "from", "both"),
    ("an hour that no clock shows", local_time("18:00", "24:00"), "to", "“18:00”"),
    ("hours from and to the same", local_time("18:00", "18:00"), "to", "another time"),
    ("on no weekday", local_time(weekdays=[]), "weekdays", "at least one"),
    ("a weekday that is none", local_time(weekdays=["Monday"]), "weekdays", "Expected monday"),
    ("consent to nothing", consent("", "exists"), "subject", "a channel"),
]  # fmt: skip


@pytest.mark.parametrize("rule, path, said", [pytest.param(*case, id=name) for name, *case in REFUSED])
def test_it_is_refused_with_place_and_reason(rule: Any, path: str, said: str) -> None:
    with pytest.raises(InvalidRule) as refusal:
        schema.check(rule)
    assert refusal.value.path == path
    assert said in refusal.value.message
    assert str(refusal.value).startswith(path)


def test_endless_nesting_is_refused() -> None:
    rule: dict[str, Any] = {"all": []}
    for _ in range(schema.DEEPEST + 1):
        rule = {"all": [rule]}
    with pytest.raises(InvalidRule, match="deep"):
        schema.check(rule)


def test_endless_lists_are_refused() -> None:
    condition = attribute("plan", "is", "x")
    schema.check({"all": [condition] * schema.MOST_CONDITIONS})
    with pytest.raises(InvalidRule, match="at most 500 conditions"):
        schema.check({"all": [condition] * (schema.MOST_CONDITIONS + 1)})


def test_a_filter_is_about_the_event_alone() -> None:
    schema.check_properties({"any": [property_("total", "greater", 5), {"none": []}]})
    with pytest.raises(InvalidRule, match="Only conditions on the properties of an event"):
        schema.check_properties(attribute("city", "is", "x"))


VALIDATOR = jsonschema.Draft202012Validator(schema.json_schema())


def test_the_json_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.json_schema())


@pytest.mark.parametrize("rule", [pytest.param(rule, id=name) for name, rule, _ in CASES])
def test_the_json_schema_takes_every_rule(rule: Any) -> None:
    VALIDATOR.validate(rule)


# What only values tell, and no schema can: which columns have which type, and what is in order with what.
BEYOND_SCHEMA = ("column", "a time by", "the wrong way", "times the", "no time", "no day", "year", "NUL", "surrogate",
                 "empty part", "NaN", "infinity", "huge", "long value", "millennium", "exactly and", "more than",
                 "within and", "what is no time", "to before", "which of", "which, counted", "consent that",
                 "consent in order", "a segment without", "between a number", "name of",
                 "a message of no", "too short", "from and to the same", "is no id")  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(rule, id=name)
        for name, rule, *_ in REFUSED
        if not any(part in name for part in BEYOND_SCHEMA)
    ],
)
def test_the_json_schema_refuses_what_has_another_shape(rule: Any) -> None:
    assert not VALIDATOR.is_valid(rule)


def test_the_examples_in_the_documentation_are_rules() -> None:
    page = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
    examples = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 5
    for example in examples:
        schema.check(json.loads(example))
    assert all(f"`{name}`" in page for name in operators.NAMES)
