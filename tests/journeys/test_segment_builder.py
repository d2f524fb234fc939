"""A marketer builds a segment by choosing, sees whom it means, saves it, and asks why somebody is out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django_scopes import scope
from playwright.sync_api import Locator, Page, expect

from audiences import ingest, segments
from audiences.models import Profile, Segment
from campaigns import drafts
from tenants import clock
from tenants.models import Tenant
from tests.audiences.rules.cases import CASES
from tests.audiences.rules.world import attribute, event, message, property_
from tests.journeys.editors import questions_of

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

RICH = {
    "all": [
        attribute("city", "is_one_of", ["Paris", "Lyon"]),
        {
            "any": [
                attribute("age", "between", [18, 35]),
                event("Order Completed", within={"days": 60}, where=[property_("total", "greater", 50)]),
            ]
        },
    ]
}


@pytest.fixture
def shop(tenant: Tenant) -> Tenant:
    """Twenty people in two cities, every second of whom bought something."""
    now = clock.now(tenant)
    calls: list[dict[str, Any]] = []
    for number in range(20):
        who = {"userId": f"u{number}", "timestamp": (now - timedelta(days=5)).isoformat()}
        traits = {
            "firstName": f"Ana{number}",
            "email": f"ana{number}@example.test",
            "plan": "pro",
            "age": 20 + number,
        }
        calls.append(
            {"type": "identify", "traits": traits | {"city": "Paris" if number < 8 else "Lyon"}, **who}
        )
        if number % 2:
            calls.append(
                {"type": "track", "event": "Order Completed", "properties": {"total": number * 10}, **who}
            )
    ingest.store(tenant=tenant, calls=calls, now=now)
    return tenant


def condition(page: Page, number: int) -> Locator:
    return page.locator(f'.rule-condition[data-path="all[{number}]"]')


def counted(page: Page, people: int) -> None:
    expect(page.locator("#glimpse .stat-value")).to_have_text(str(people))


def rule_in(page: Page) -> Any:
    return json.loads(page.locator("#id_rule").input_value())


def test_leaving_with_a_rule_that_was_not_saved_asks_and_saving_settles_it(
    shop: Tenant, open_browser: Callable[..., Page]
) -> None:
    page = open_browser("marketer")
    questions = questions_of(page)
    page.goto(reverse("segment_new"))
    page.get_by_role("button", name="About them").click()
    page.goto(reverse("segment_list"))
    assert questions == ["beforeunload"]
    page.goto(reverse("segment_new"))
    page.get_by_label("Name").first.fill("Everyone")
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_text("Segment saved.")).to_be_visible()
    assert questions == ["beforeunload"]


def test_a_segment_is_built_by_choosing(shop: Tenant, open_browser: Callable[..., Page]) -> None:
    page = open_browser("marketer")
    page.goto(reverse("segment_new"))
    counted(page, 20)
    page.get_by_label("Name").first.fill("Young buyers in Paris")
    page.get_by_role("button", name="About them").click()
    city = condition(page, 0)
    expect(city.get_by_label("Attribute's name")).to_be_focused()
    expect(page.locator("#glimpse")).to_contain_text("Not finished yet")
    city.get_by_label("Attribute's name").fill("city")
    city.get_by_label("Value").focus()
    expect(page.locator("[id^=rule-list-values] option")).to_have_count(2)
    city.get_by_label("Value").fill("Paris")
    counted(page, 8)
    page.get_by_role("button", name="What they did").click()
    order = condition(page, 1)
    order.get_by_label("Event's name").fill("Order Completed")
    order.get_by_label("When").select_option("in the last")
    order.get_by_role("button", name="where").click()
    order.get_by_label("Property's name").fill("total")
    order.get_by_label("How it is compared").select_option("is greater than")
    order.get_by_label("Value").fill("30")
    counted(page, 2)
    expect(page.locator("#glimpse .sentence")).to_have_text(
        "Everyone whose city is Paris and who did “Order Completed” in the last 30 days where total is greater than 30."
    )
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_role("heading", name="Young buyers in Paris")).to_be_visible()
    with scope(tenant=shop):
        assert Segment.objects.get().rule == {
            "all": [
                attribute("city", "is", "Paris"),
                event("Order Completed", within={"days": 30}, where=[property_("total", "greater", 30)]),
            ]
        }
    page.get_by_label("Email, id or name").fill("ana2@example.test")
    expect(page.locator("#why")).to_contain_text("is out")
    expect(page.locator("#why")).to_contain_text("not in that time")


def test_messages_are_chosen_by_deed_campaign_and_variant(
    shop: Tenant, open_browser: Callable[..., Page]
) -> None:
    with scope(tenant=shop):
        spring = drafts.create(tenant=shop, actor=None, name="Spring")
        draft = spring.versions.get()
        drafts.add_variant(version=draft, actor=None)
        somebody = Profile.objects.get(external_id="u3")
        sent = {"campaign": str(spring.public_id), "variant": "b", "channel": "email", "delivery": 1}
        now = clock.now(shop)
        trace = ingest.InternalEvent("t1", somebody.pk, "Email Sent", now - timedelta(days=4), sent)
        ingest.record_internal(tenant=shop, events=[trace], now=now)
    page = open_browser("marketer")
    page.goto(reverse("segment_new"))
    page.get_by_role("button", name="Messages").click()
    row = condition(page, 0)
    expect(row.get_by_label("Whether they did it")).to_be_focused()
    row.get_by_label("What they did with it").select_option("left unopened")
    row.get_by_label("Campaign").select_option("Spring")
    counted(page, 1)
    row.get_by_label("Variant").select_option("variant B")
    row.get_by_label("How many", exact=True).fill("5")
    counted(page, 0)
    row.get_by_label("How many", exact=True).fill("2")
    counted(page, 1)
    row.get_by_label("How often").select_option("at least")
    row.get_by_label("How many times").fill("1")
    row.get_by_label("When").select_option("in the last")
    expect(page.locator("#glimpse .sentence")).to_have_text(
        "Everyone who left variant “B” of “Spring” unopened for 2 days in the last 30 days."
    )
    row.get_by_label("Whether they did it").select_option("has not")
    counted(page, 19)
    row.get_by_label("What they did with it").select_option("opened")
    assert rule_in(page)["all"] == [
        message(
            "opened", did=False, campaign=str(spring.public_id), variant="b", at_least=1, within={"days": 30}
        )
    ]


def test_groups_are_nested_copied_and_removed_by_keyboard(
    shop: Tenant, open_browser: Callable[..., Page]
) -> None:
    page = open_browser("marketer")
    page.goto(reverse("segment_new"))
    page.get_by_role("button", name="Group").focus()
    page.keyboard.press("Enter")
    inner = page.locator('.rule-group[data-path="all[0]"]')
    expect(inner.get_by_label("How these are combined")).to_be_focused()
    inner.get_by_role("button", name="About them").press("Enter")
    page.keyboard.type("age")
    page.keyboard.press("Tab")
    inner.get_by_label("How it is compared").select_option("is at least")
    inner.get_by_label("Value").fill("30")
    counted(page, 10)
    inner.get_by_role("button", name="Copy this condition").press("Enter")
    assert rule_in(page) == {"all": [{"any": [attribute("age", "at_least", 30)] * 2}]}
    inner.get_by_label("How these are combined").select_option("None of these holds")
    counted(page, 10)
    expect(page.locator("#glimpse .sentence")).to_contain_text("also those without an age")
    inner.get_by_role("button", name="Remove this condition").first.press("Enter")
    expect(inner.get_by_role("button", name="About them")).to_be_focused()
    inner.get_by_role("button", name="Remove this group").press("Enter")
    assert rule_in(page) == {"all": []}
    counted(page, 20)


def test_values_are_typed_as_the_data_has_them(shop: Tenant, open_browser: Callable[..., Page]) -> None:
    page = open_browser("marketer")
    page.goto(reverse("segment_new"))
    page.get_by_role("button", name="About them").click()
    row = condition(page, 0)
    row.get_by_label("Attribute's name").fill("age")
    row.get_by_label("Value").fill("25")
    assert rule_in(page) == {"all": [attribute("age", "is", 25)]}
    row.get_by_label("How it is compared").select_option("is one of")
    row.get_by_label("Add a value").fill("26")
    row.get_by_label("Add a value").press("Enter")
    row.get_by_label("Add a value").fill("27")
    row.get_by_label("or missing").check()
    expect(row.get_by_role("button", name="Remove 27")).to_be_visible()  # taken once the mouse is released
    assert rule_in(page) == {"all": [attribute("age", "is_one_of", [25, 26, 27], or_missing=True)]}
    row.get_by_role("button", name="Remove 26").click()
    row.get_by_label("Attribute's name").fill("plan")
    row.get_by_label("Attribute's name").press("Tab")
    assert rule_in(page)["all"][0]["name"] == "plan"
    counted_after = page.locator("#glimpse .sentence")
    expect(counted_after).to_contain_text("plan")


def test_json_that_is_typed_is_shown_by_the_builder(shop: Tenant, open_browser: Callable[..., Page]) -> None:
    page = open_browser("marketer")
    page.goto(reverse("segment_new"))
    page.get_by_text("Rule as JSON, for").click()
    page.locator("#id_rule").fill(json.dumps(RICH))
    expect(page.locator(".rule-condition")).to_have_count(3)
    counted(page, 18)
    page.locator("#id_rule").fill('{"all": [{"on": "attribute", "name": "city", "operator": "like"}]}')
    expect(page.locator(".rule-condition.is-problem")).to_have_count(1)
    page.locator("#id_rule").fill('{"all": [')
    expect(page.locator("#glimpse")).to_contain_text("This is no JSON")
    page.get_by_label("Name").first.fill("Broken")
    page.get_by_role("button", name="Save segment").click()
    expect(page.locator("#id_rule")).to_have_value('{"all": [')
    expect(page.get_by_role("alert")).to_contain_text("This is no JSON")


# Type each rule, add a group to it in the builder, which writes the rule anew, and read what it wrote.
WITH_ONE_GROUP_MORE = """(texts) => texts.map((text) => {
    const field = document.getElementById("id_rule");
    field.value = text;
    field.dispatchEvent(new Event("input", {bubbles: true}));
    const board = document.querySelector(".rule-board");
    if (board.checkVisibility()) [...board.querySelectorAll(".rule-adders button")].at(-1).click();
    return field.value;
})"""
TOO_LONG = "12345678901234567890"  # a number that JavaScript would round


def test_every_rule_survives_the_builder(shop: Tenant, open_browser: Callable[..., Page]) -> None:
    page = open_browser("marketer")
    page.goto(reverse("segment_new"))
    page.get_by_text("Rule as JSON, for").click()
    rules = [{"all": [rule]} if "on" in rule else rule for _, rule, _ in CASES]
    kept = page.evaluate(WITH_ONE_GROUP_MORE, [json.dumps(rule) for rule in rules])
    for rule, written in zip(rules, kept, strict=True):
        ((kind, members),) = rule.items()
        more: list[Any] = [] if TOO_LONG in written else [{"any": []}]
        assert json.loads(written) == {kind: [*members, *more]}
    page.locator("#id_rule").fill(next(text for text in kept if TOO_LONG in text))
    expect(page.get_by_text("too long for a browser")).to_be_visible()


def test_language_clock_and_reach_are_chosen(shop: Tenant, open_browser: Callable[..., Page]) -> None:
    page = open_browser("marketer")
    page.goto(reverse("segment_new"))
    counted(page, 20)
    for kind in ("Language", "Local time", "Reachable"):
        page.get_by_role("button", name=kind, exact=True).click()
    condition(page, 0).get_by_label("Whether they speak it").select_option("is_one_of")
    for tag in ("pt", "fr"):
        condition(page, 0).get_by_label("Add a value").fill(tag)
        condition(page, 0).get_by_label("Add a value").press("Enter")
    condition(page, 0).get_by_label("exactly").check()
    condition(page, 0).get_by_label("or missing").check()
    condition(page, 1).get_by_label("From").fill("22:00")
    condition(page, 1).get_by_label("To", exact=True).fill("")
    for day in ("Sat", "Fri"):
        condition(page, 1).get_by_label(day).check()
    expect(page.locator("[data-rule-problem]")).to_contain_text("Give both")
    condition(page, 1).get_by_label("From").fill("")
    condition(page, 2).get_by_label("Channel").select_option("email")
    assert rule_in(page)["all"] == [
        {
            "on": "language",
            "operator": "is_one_of",
            "value": ["pt", "fr"],
            "exactly": True,
            "or_missing": True,
        },
        {"on": "local_time", "weekdays": ["friday", "saturday"]},
        {"on": "reachable", "channel": "email"},
    ]
    expect(page.locator("#glimpse")).to_contain_text("now Friday or Saturday and who can be sent an email")


def test_archive_and_undo(shop: Tenant, open_browser: Callable[..., Page]) -> None:
    segments.create(tenant=shop, actor=None, name="Parisians", rule=attribute("city", "is", "Paris"))
    page = open_browser("marketer")
    page.goto(reverse("segment_list"))
    expect(page.get_by_role("cell", name="8", exact=True)).to_be_visible()
    page.get_by_role("link", name="Parisians").click()
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Edit")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [pytest.param(1280, id="desk"), pytest.param(390, id="phone")])
def test_the_pages_keep_nobody_out(
    shop: Tenant,
    open_browser: Callable[..., Page],
    grave_faults: Callable[[Page], list[str]],
    width: int,
    scheme: str,
) -> None:
    one = segments.create(tenant=shop, actor=None, name="Rich", rule=RICH)
    page = open_browser(width=width, scheme=scheme)
    for name in ("segment_edit", "segment_detail"):
        page.goto(reverse(name, args=[one.public_id]))
        counted(page, 18)
        page.get_by_label("Email, id or name").fill("ana3@example.test")
        expect(page.locator("#why")).to_contain_text(re.compile("is (in|out)"))
        assert grave_faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
