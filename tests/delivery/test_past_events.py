"""What people did before, in messages: the same in what is sent, previewed, needed and counted beforehand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audiences import facts, past
from audiences.models import EventDefinition, EventTotal
from campaigns import contents, launching, preview
from campaigns.models import Content, Variant
from delivery import explain
from delivery.models import Delivery

LAST = "<p>Your last order came to {{ profile.events.order_completed.last.total }}.</p>"
TOLD = (
    "<p>{% assign orders = profile.events.order_completed %}{{ orders.count }} since"
    " {{ orders.first_at | date: '%Y' }}</p>"
)

NEVER = "<p>Nothing yet? Here is a start.</p>"


@pytest.fixture
def order(make_event, tenant, now):
    """An order so many days ago, and the definition that comes with the first."""

    def make(profile, total, days, name="Order Completed"):
        EventDefinition.objects.get_or_create(tenant=tenant, name=name, defaults={"first_seen_at": now})
        return make_event(profile, name, now - timedelta(days=days), total=total)

    return make


def words(mail):
    return mail.get_body(("html",)).get_content()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Order Completed", "order_completed"),
        ("order_completed", "order_completed"),
        ("orderCompleted", "order_completed"),
        ("Cart: Item(s) added!", "cart_item_s_added"),
        ("$pageview", "pageview"),
        ("HTTP Error 500", "http_error_500"),
        ("Größe geändert", "größe_geändert"),
        ("!!!", "!!!"),
    ],
)
def test_an_events_name_becomes_a_key(name, key):
    assert past.key(name) == key


def test_a_message_tells_each_what_they_did_last(make_profile, make_campaign, order, postbox, run):
    ada = make_profile(email="ada@example.test")
    bob = make_profile(email="bob@example.test")
    make_profile(email="cy@example.test")
    for total, days in ((10, 9), (30, 2), (20, 5)):
        order(ada, total, days)
    order(bob, 7, 1)
    make_campaign(variants=(("a", 100, "Hi", LAST),), default=("z", "Hello", NEVER))
    run()
    assert "came to 30." in words(postbox.to("ada@example.test"))
    assert "came to 7." in words(postbox.to("bob@example.test"))
    assert "Here is a start" in words(postbox.to("cy@example.test"))


def test_who_lacks_the_event_is_told_so_before_and_after(
    make_profile, make_campaign, order, postbox, run, now, tenant
):
    ada, cy = make_profile(), make_profile(email="cy@example.test")
    order(ada, 12, 1)
    campaign = make_campaign(variants=(("a", 100, "Hi", LAST),), is_launched=False)
    version = campaign.versions.get()
    counts = launching.counts(version, now=now)
    assert counts.lacking == {"profile.events.order_completed.last.total": 1}
    shown = preview.of_saved(variant=version.variants.get(), channel="email", profile=cy, now=now)
    assert shown.lacks == ["profile.events.order_completed.last.total"]
    assert shown.message is None
    default_added(version)
    launching.launch(version=version, actor=campaign.created_by, now=now)
    run()
    row = Delivery.objects.get(profile=cy)
    gate = next(gate for gate in row.decision["gates"] if gate[0] == "arm")
    assert gate[2] == {"arm": "z", "lacks": ["profile.events.order_completed.last.total"]}
    why = explain.why(campaign, cy, now=now)
    assert "profile.events.order_completed.last.total" in str(why)


def default_added(version):
    variant = Variant(tenant=version.tenant, version=version, key="z", name="Z", weight=0, is_default=True)
    variant.save()
    Content(
        tenant=version.tenant, variant=variant, channel="email", fields={},
        parts={
            "subject": {"text": "Hello", "output": "line"},
            "html": {"text": NEVER, "output": "html", "inline": False},
            "text": {"text": "Hello", "output": "text"},
        },
    ).save()  # fmt: skip


def test_counts_and_moments_include_what_retention_dropped(make_profile, tenant, order, now):
    ada, never = make_profile(), make_profile()
    order(ada, 5, 1)
    EventTotal(
        tenant=tenant, profile=ada, name="Order Completed", count=40, last_properties={"total": 1},
        first_at=now - timedelta(days=900), last_at=now - timedelta(days=600),
    ).save()  # fmt: skip
    asked = {"order_completed": {"count", "first", "last"}}
    found = facts.load(tenant_id=tenant.pk, ids=[ada.pk, never.pk], past=asked, now=now)
    told = found[ada.pk].past["order_completed"]
    assert told["count"] == 41
    assert told["first_at"] == (now - timedelta(days=900)).isoformat()
    assert told["last"] == {"total": 5}
    assert "first" not in told  # its properties are gone
    assert found[never.pk].past == {}
    assert facts.load(tenant_id=tenant.pk, ids=[ada.pk], now=now)[ada.pk].past is None


def test_events_of_one_key_are_one_and_each_is_to_be_had_alone(make_profile, tenant, order, now):
    ada = make_profile()
    order(ada, 1, 3, "Order Completed")
    order(ada, 2, 2, "orderCompleted")
    asked = {"order_completed": {"count", "last", "first"}, "Order Completed": {"count", "last"}}
    told = facts.load(tenant_id=tenant.pk, ids=[ada.pk], past=asked, now=now)[ada.pk].past
    assert told["order_completed"]["count"] == 2
    assert (told["order_completed"]["first"], told["order_completed"]["last"]) == ({"total": 1}, {"total": 2})
    assert (told["Order Completed"]["count"], told["Order Completed"]["last"]) == (1, {"total": 1})


def test_what_has_not_happened_yet_is_not_told(make_profile, tenant, order, now):
    ada = make_profile()
    order(ada, 1, -1)
    asked = {"order_completed": {"count", "last"}}
    assert facts.load(tenant_id=tenant.pk, ids=[ada.pk], past=asked, now=now)[ada.pk].past == {}


def test_how_often_is_nobodys_need(make_profile, make_campaign, order, postbox, run):
    ada = make_profile(email="ada@example.test")
    order(ada, 1, 2)
    make_profile(email="cy@example.test")
    count = "profile.events.order_completed.count"
    body = f"<p>{{% if {count} == 0 %}}None{{% else %}}{{{{ {count} }}}}{{% endif %}}.</p>"
    campaign = make_campaign(variants=(("a", 100, "Hi", body),))
    assert Content.objects.get(variant__version__campaign=campaign).needs == []
    run()
    assert "<p>1.</p>" in words(postbox.to("ada@example.test"))
    assert "<p>None.</p>" in words(postbox.to("cy@example.test"))


def test_an_attribute_called_events_does_not_get_in_the_way(
    make_profile, make_campaign, order, postbox, run, now
):
    ada = make_profile(email="ada@example.test", attributes={"events": {"order_completed": {"count": 99}}})
    order(ada, 1, 2)
    make_campaign(variants=(("a", 100, "Hi", TOLD),))
    run()
    assert f"<p>1 since {(now - timedelta(days=2)).year}" in words(postbox.to("ada@example.test"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<p>{{ profile.events.order_completed.lst.total }}</p>", "has count, first_at, last_at, first, last"),
        ("<p>{% for e in profile.events %}x{% endfor %}</p>", "profile.events has every event by its name"),
    ],
)  # fmt: skip
def test_what_no_past_event_has_is_a_problem(make_campaign, body, said):
    campaign = make_campaign(variants=(("a", 100, "Hi", body),), is_launched=False)
    (problem,) = Content.objects.get(variant__version__campaign=campaign).problems
    assert said in problem["message"]


def test_an_event_nobody_knows_is_pointed_out(make_campaign, make_profile, order):
    for name in ("Order Completed", "orderCompleted"):
        order(make_profile(), 1, 1, name)
    version = make_campaign(is_launched=False).versions.get()

    def notes(key):
        words = {
            "subject": "Hi",
            "body": f"<p>{{{{ profile.events.{key}.count }}}}</p>",
            "body_format": "html",
        }
        return str(contents.compile_fields(channel="email", fields=words, version=version).notes)

    assert "No event order_complete has come in yet. Did you mean order_completed?" in notes("order_complete")
    assert "stands for “Order Completed” and “orderCompleted” together" in notes("order_completed")


def test_the_statements_do_not_grow_with_the_people(
    make_profile, order, tenant, now, django_assert_num_queries
):
    people = [make_profile() for _ in range(5)]
    for person in people:
        order(person, 1, 1)
    asked = {"order_completed": {"count", "last"}}
    for ids in ([people[0].pk], [person.pk for person in people]):
        with django_assert_num_queries(4):  # the profiles, the names, the totals, the last ones
            facts.load(tenant_id=tenant.pk, ids=ids, past=asked, now=now)
