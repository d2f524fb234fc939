"""Rules as sentences: exact, in plain English, and honest about whom a missing value lets in."""

from __future__ import annotations

from typing import Any

import pytest

from audiences.attributes import STANDARD
from audiences.rules import operands, words
from tests.audiences.rules.cases import SHOP
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

PARIS = attribute("city", "is", "Paris")
PRO = attribute("plan", "is", "pro")
ID = "00000000-0000-4000-8000-000000000001"

SENTENCES: list[tuple[Any, str]] = [
    ({"all": []}, "everyone"),
    ({"any": []}, "no one"),
    ({"none": [{"all": []}]}, "no one"),
    ({"all": [PRO, {"any": []}]}, "no one"),
    ({"any": [PRO, {"all": []}]}, "everyone"),
    ({"any": [PRO, {"any": []}]}, "everyone whose plan is pro"),
    (PARIS, "everyone whose city is Paris"),
    (
        {"all": [PARIS, event("Order Completed", at_least=2, within={"days": 30})]},
        "everyone whose city is Paris and who did “Order Completed” at least twice in the last 30 days",
    ),
    ({"none": [PARIS]}, "everyone whose city is not Paris (also those without a city)"),
    (
        {"none": [attribute("city", "is", "Paris", or_missing=True)]},
        "everyone whose city is not Paris",
    ),
    (
        {"none": [attribute("city", "is_not", "Paris")]},
        "everyone whose city is Paris (also those without a city)",
    ),
    (
        {"none": [PARIS, event("Order Completed")]},
        "everyone whose city is not Paris (also those without a city) and who never did “Order Completed”",
    ),
    (
        {"all": [PRO, {"any": [PARIS, attribute("age", "less", 30)]}]},
        "everyone whose plan is pro and (whose city is Paris or whose age is less than 30)",
    ),
    (
        {"all": [PRO, {"none": [{"all": [PARIS, attribute("age", "exists")]}]}]},
        "everyone whose plan is pro and"
        " (whose city is not Paris (also those without a city) or who has no age)",
    ),
    ({"all": [{"all": [PRO]}, {"any": [PARIS]}]}, "everyone whose plan is pro and whose city is Paris"),
    (attribute("plan", "is", "pro plus"), "everyone whose plan is “pro plus”"),
    (attribute("age", "is", "36"), "everyone whose age is “36”"),
    (attribute("age", "is", 36), "everyone whose age is 36"),
    (attribute("vip", "is", True), "everyone whose vip is true"),
    (attribute("vip", "is", "true"), "everyone whose vip is “true”"),
    (attribute("plan", "is", ""), "everyone whose plan is “”"),
    (
        attribute("city", "is_one_of", ["Paris", "Lyon", "New York"]),
        "everyone whose city is Paris, Lyon or “New York”",
    ),
    (attribute("city", "is_none_of", ["Paris", "Lyon"]), "everyone whose city is not Paris or Lyon"),
    (attribute("first_name", "contains", "an"), "everyone whose first name contains “an”"),
    ({"none": [attribute("plan", "starts_with", "pro")]},
     "everyone whose plan does not start with “pro” (also those without a plan)"),
    (attribute("age", "between", [18, 35]), "everyone whose age is between 18 and 35"),
    (
        attribute("birthday", "between", ["1990-05-01", "1990-05-31"]),
        "everyone whose birthday is between 1 May 1990 and 31 May 1990",
    ),
    (
        attribute("renews", "before", "2026-06-15T14:00:00+02:00"),
        "everyone whose renews is before 15 June 2026, 12:00 UTC",
    ),
    (attribute("renews", "within_next", {"weeks": 1}), "everyone whose renews is in the next week"),
    (attribute("renews", "within_last", {"hours": 12}), "everyone whose renews is in the last 12 hours"),
    (
        attribute("last_seen_at", "longer_ago_than", {"days": 1}),
        "everyone whose last activity is more than 1 day ago",
    ),
    (attribute("genres", "includes_any_of", ["jazz", "folk"]), "everyone whose genres includes jazz or folk"),
    (attribute("address.zip", "exists"), "everyone who has an address.zip"),
    (attribute("city", "is_missing"), "everyone who has no city"),
    ({"none": [attribute("city", "is_missing")]}, "everyone who has a city"),
    (event("Order Completed", did=False), "everyone who never did “Order Completed”"),
    (event("Order Completed", exactly=0), "everyone who never did “Order Completed”"),
    (
        event("Order Completed", did=False, within={"days": 7}),
        "everyone who did not do “Order Completed” in the last 7 days",
    ),
    (
        event("Order Completed", exactly=3, from_="2026-05-01", to="2026-05-31"),
        "everyone who did “Order Completed” exactly 3 times between 1 May 2026 and 31 May 2026",
    ),
    (event("Order Completed", at_most=1), "everyone who did “Order Completed” at most once"),
    (event("Order Completed", from_="2026-05-01"), "everyone who did “Order Completed” since 1 May 2026"),
    (
        event("Order Completed", where=[property_("total", "greater", 50), property_("currency", "is", "EUR")]),
        "everyone who did “Order Completed” where total is greater than 50 and currency is EUR",
    ),
    (
        event("Order Completed", which="last", to="2026-05-31", where=[property_("coupon", "is_missing")]),
        "everyone whose last “Order Completed” was until 31 May 2026 where it has no coupon",
    ),
    (
        event("Order Completed", which="first", did=False, within={"days": 30}),
        "everyone whose first “Order Completed” was not in the last 30 days (also those who never did it)",
    ),
    (message("received"), "everyone who received a message"),
    (message("received", channel="email", did=False), "everyone who never received an email"),
    (message("opened", campaign=SPRING), f"everyone who opened “{SPRING}”"),
    (
        message("opened", campaign=SPRING, campaign_name="Spring", at_least=2, within={"days": 30}),
        "everyone who opened “Spring” at least twice in the last 30 days",
    ),
    (
        message("clicked", campaign=SPRING, campaign_name="Spring", variant="b", variant_name="Short",
                channel="email", did=False, from_="2026-05-01"),
        "everyone who did not click a link in the email variant “Short” of “Spring” since 1 May 2026",
    ),
    (message("converted", campaign=SPRING, campaign_name="Spring"), "everyone who converted after “Spring”"),
    (
        message("ignored", unopened_for={"days": 3}, at_least=3, within={"days": 30}),
        "everyone who left a message unopened for 3 days at least 3 times in the last 30 days",
    ),
    (
        {"none": [message("ignored", campaign=SPRING, campaign_name="Spring", unopened_for={"hours": 1})]},
        "everyone who never left “Spring” unopened for 1 hour",
    ),
    (message("unsubscribed", exactly=0), "everyone who never unsubscribed from a message"),
    (consent("email", "is", "unsubscribed"), "everyone who has unsubscribed from email"),
    (
        consent("topic:jazz", "is_not", "unsubscribed", or_missing=True),
        "everyone who has not unsubscribed from the topic “jazz” (also those who said nothing)",
    ),
    (consent("email", "is_missing"), "everyone who has said nothing about email"),
    (reachable("email"), "everyone who can be sent an email"),
    (reachable("email", is_=False), "everyone who cannot be sent an email"),
    ({"none": [reachable()]}, "everyone who cannot be sent a message on any channel"),
    (location(country=["FR", "US"]), "everyone who is in France or United States"),
    (location(city=["Paris", "New York"], country=["FR"]), "everyone who is in Paris or “New York” in France"),
    (location(city=["Paris"], in_=False), "everyone who is not in Paris"),
    ({"none": [location(city=["Paris"], country=["FR"])]},
     "everyone who is not in Paris in France (also those without a city or country)"),
    (near((40.71, -74.01), within_km=5), "everyone who is within 5 km of 40.71, -74.01"),
    (near(SHOP), "everyone who is at “Shop” (within 1.2 km)"),
    (near({"place": ID}, within_km=0.3), f"everyone who is within 300 m of “{ID}”"),
    (near(SHOP, (0, 0), within_km=2.5, is_=False), "everyone who is not within 2.5 km of “Shop” or 0, 0"),
    ({"none": [near(SHOP)]}, "everyone who is not at “Shop” (within 1.2 km) (also those without a location)"),
    (language("is", "pt"), "everyone who speaks Portuguese"),
    (language("is_one_of", ["pt-BR", "zh-Hant", "xx"]),
     "everyone who speaks Portuguese (Brazil), Chinese (Traditional) or “xx”"),
    (language("is_not", "fr", or_missing=True), "everyone who does not speak French (also those without a language)"),
    ({"none": [language("is", "fr")]}, "everyone who does not speak French (also those without a language)"),
    (language("is", "pt", exactly=True), "everyone whose language is exactly “pt”"),
    (language("is_none_of", ["pt", "fr"], exactly=True), "everyone whose language is not exactly “pt” or “fr”"),
    (local_time("18:00", "22:00"), "everyone for whom it is now between 18:00 and 22:00"),
    (local_time("22:00", "06:00", weekdays=["saturday", "friday"]),
     "everyone for whom it is now between 22:00 and 06:00 on Friday or Saturday"),
    ({"none": [local_time(weekdays=["sunday"])]}, "everyone for whom it is not now Sunday"),
    (segment(ID, name="VIP", rule={"all": []}), "everyone who is in the segment “VIP”"),
    ({"none": [segment(ID, name="VIP", rule={"all": []})]}, "everyone who is not in the segment “VIP”"),
    (bucket(0, 999), "everyone who is in a random 10 % (buckets 0 to 999, salt 7)"),
]  # fmt: skip


@pytest.mark.parametrize("rule, sentence", [pytest.param(*case, id=case[1][:70]) for case in SENTENCES])
def test_it_says(rule: Any, sentence: str) -> None:
    assert words.sentence(rule) == sentence


@pytest.mark.parametrize(
    "rule, sentence",
    [
        ({"all": []}, ""),
        ({"any": []}, "where nothing ever fits"),
        (property_("total", "at_least", 50), "where total is at least 50"),
        (
            {"none": [property_("total", "at_least", 50)]},
            "where total is not at least 50 (also those without a total)",
        ),
    ],
)
def test_a_filter_says(rule: Any, sentence: str) -> None:
    assert words.filter_sentence(rule) == sentence


def test_every_standard_attribute_is_a_column_of_the_same_type() -> None:
    assert {name: standard.kind for name, standard in STANDARD.items()}.items() <= operands.COLUMNS.items()
