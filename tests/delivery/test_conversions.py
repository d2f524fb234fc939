"""An event is credited to the latest exposure before it, inside the conversion window, once, whoever was reached."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from audiences import ingest
from delivery import conversions, recording, sweep
from delivery.models import Conversion, Delivery
from tenants import clock
from tests.delivery.steps import claimed

GOAL = {"goal": "Orders", "conversion_event": "Order Completed", "conversion_hours": 48}
HOUR = timedelta(hours=1)


@pytest.fixture
def order(tenant, later):
    """Tell of an order so long after the exposure; it arrives then, or as much later as told."""

    def tell(row: Delivery, after: timedelta, *, arrives_later: timedelta = timedelta(0), **call):
        assert row.exposed_at is not None
        at = row.exposed_at + after
        wait = at + arrives_later - clock.now(tenant)
        now = later(wait) if wait > timedelta(0) else clock.now(tenant)
        whole = {
            "type": "track",
            "userId": row.profile.external_id,
            "event": "Order Completed",
            "timestamp": at.isoformat(),
            "properties": {"revenue": 30},
        }
        stored = ingest.store(tenant=tenant, calls=[whole | call], now=now)
        assert stored.refused == []
        return stored

    return tell


@pytest.fixture
def sent(make_profile, make_campaign, postbox, run) -> Delivery:
    make_profile()
    make_campaign(**GOAL)
    run()
    return Delivery.objects.select_related("profile").get()


def test_an_order_inside_the_window_is_a_conversion_of_the_exposure(sent, order):
    order(sent, HOUR)
    conversion = Conversion.objects.get()
    assert (conversion.delivery_id, conversion.arm, conversion.goal) == (sent.pk, "a", "Orders")
    assert (conversion.exposed_at, conversion.converted_at) == (sent.exposed_at, sent.exposed_at + HOUR)
    assert conversion.revenue == 30


@pytest.mark.parametrize(
    ("after", "counts"),
    [
        pytest.param(-timedelta(seconds=1), 0, id="just before it"),
        pytest.param(timedelta(0), 1, id="at the very moment"),
        pytest.param(48 * HOUR - timedelta(seconds=1), 1, id="just inside"),
        pytest.param(48 * HOUR, 0, id="at the window's end"),
    ],
)
def test_the_window_begins_at_the_exposure_and_ends_after_its_hours(sent, order, after, counts):
    order(sent, after)
    assert Conversion.objects.count() == counts


def test_several_orders_are_one_conversion_whose_revenue_is_their_sum(sent, order):
    order(sent, 2 * HOUR)
    order(sent, 3 * HOUR, properties={"revenue": "12.50"})
    order(sent, HOUR, properties={"revenue": 1})  # arrives last, happened first
    conversion = Conversion.objects.get()
    assert (conversion.events, conversion.revenue) == (3, Decimal("43.5"))
    assert conversion.converted_at == sent.exposed_at + HOUR


def test_several_orders_in_one_request_are_one_conversion(sent, tenant, later):
    now = later(2 * HOUR)
    call = {"type": "track", "userId": sent.profile.external_id, "event": "Order Completed"}
    calls = [call | {"properties": {"revenue": revenue}} for revenue in (1, 2, 3)]
    ingest.store(tenant=tenant, calls=calls, now=now)
    assert [(one.events, one.revenue) for one in Conversion.objects.all()] == [(3, 6)]


def test_an_event_that_arrives_late_counts_from_when_it_happened(sent, order):
    order(sent, HOUR, arrives_later=72 * HOUR)
    assert Conversion.objects.get().converted_at == sent.exposed_at + HOUR


def test_the_same_call_again_changes_nothing(sent, order):
    for _ in range(3):
        order(sent, HOUR, messageId="order-1")
    assert Conversion.objects.get().events == 1


def test_the_control_group_converts_alike(make_profile, make_campaign, postbox, run, order):
    for _ in range(40):
        make_profile()
    make_campaign(control_percent=50, **GOAL)
    run()
    held_out = Delivery.objects.filter(state="held_out").select_related("profile").first()
    order(held_out, HOUR)
    assert Conversion.objects.get().arm == "control"


def test_who_was_skipped_was_not_exposed_and_converts_nobody(
    make_profile, make_campaign, postbox, run, tenant, later
):
    profile = make_profile(email=None)
    make_campaign(**GOAL)
    run()
    call = {"type": "track", "userId": profile.external_id, "event": "Order Completed"}
    ingest.store(tenant=tenant, calls=[call], now=later(HOUR))
    assert not Conversion.objects.exists()


def test_of_two_exposures_in_one_campaign_the_latest_before_the_event_gets_it(sent, order, later):
    again = Delivery.objects.get(pk=sent.pk)
    again.pk, again.occasion = None, "again"
    again.exposed_at = again.sent_at = sent.exposed_at + 10 * HOUR
    again.save()
    order(sent, 5 * HOUR)
    order(sent, 11 * HOUR)
    assert set(Conversion.objects.values_list("delivery_id", "events")) == {(sent.pk, 1), (again.pk, 1)}


def test_each_campaign_counts_for_itself(make_profile, make_campaign, postbox, run, order):
    make_profile()
    make_campaign(name="One", **GOAL)
    make_campaign(name="Two", **GOAL)
    make_campaign(name="Another goal", goal="Visits", conversion_event="Page Viewed")
    run()
    order(Delivery.objects.select_related("profile").order_by("-exposed_at").first(), HOUR)
    assert sorted(Conversion.objects.values_list("campaign__name", flat=True)) == ["One", "Two"]


def test_only_events_that_pass_the_filter_count(make_profile, make_campaign, postbox, run, order):
    make_profile()
    vinyl = {"all": [{"on": "property", "name": "kind", "operator": "is", "value": "vinyl"}]}
    make_campaign(conversion_filter=vinyl, **GOAL)
    run()
    row = Delivery.objects.select_related("profile").get()
    order(row, HOUR, properties={"kind": "cd", "revenue": 10})
    order(row, 2 * HOUR, properties={"kind": "vinyl", "revenue": 20})
    assert [(one.events, one.revenue) for one in Conversion.objects.all()] == [(1, 20)]


@pytest.mark.parametrize(
    ("properties", "name", "number"),
    [
        ({"revenue": 12}, "revenue", 12),
        ({"revenue": 12.5}, "revenue", 12.5),
        ({"revenue": "12.50"}, "revenue", 12.5),
        ({"revenue": -4}, "revenue", -4),
        ({"total": 7}, "total", 7),
        ({"revenue": 12}, "", 0),
        ({}, "revenue", 0),
        ({"revenue": None}, "revenue", 0),
        ({"revenue": True}, "revenue", 0),
        ({"revenue": "a lot"}, "revenue", 0),
        ({"revenue": "nan"}, "revenue", 0),
        ({"revenue": 1e300}, "revenue", 0),
        ({"revenue": [12]}, "revenue", 0),
    ],
)
def test_revenue_is_the_number_an_event_carries(properties, name, number):
    assert conversions.revenue(properties, name) == number


def test_a_recount_comes_to_the_same(sent, order, tenant):
    order(sent, HOUR)
    order(sent, 2 * HOUR)
    before = list(
        Conversion.objects.values_list("delivery_id", "events", "revenue", "converted_at", "event_id")
    )
    conversions.recount(tenant=tenant, profile_ids=[sent.profile_id], now=clock.now(tenant))
    after = list(
        Conversion.objects.values_list("delivery_id", "events", "revenue", "converted_at", "event_id")
    )
    assert before == after
    assert isinstance(before[0][3], datetime)


def test_our_own_messages_convert_nobody(make_profile, make_campaign, postbox, run):
    make_profile()
    make_campaign(goal="Sends", conversion_event="Email Sent")
    run()
    assert not Conversion.objects.exists()


def test_what_was_bought_before_a_lost_answer_was_given_up_counts_too(
    make_profile, make_campaign, postbox, tenant
):
    profile = make_profile(email="ada@example.test")
    make_campaign(**GOAL)
    chunk, (known,) = claimed(tenant)
    recording.mark_intent([(known.row, "ada@example.test")], tenant=tenant, token=chunk.token)
    call = {"type": "track", "userId": profile.external_id, "event": "Order Completed"}
    ingest.store(tenant=tenant, calls=[call], now=clock.now(tenant))
    assert not Conversion.objects.exists()
    with connection.cursor() as cursor:  # handed over a while ago
        cursor.execute("UPDATE delivery_delivery SET lease_until = clock_timestamp() - interval '1 second'")
    assert sweep.doubtful() == 1
    assert Delivery.objects.get().state == "unknown"
    assert Conversion.objects.get().delivery_id == known.row.id


def test_revenue_stays_at_what_its_column_holds(sent, order):
    huge = {"revenue": 9.9e11}
    for place in range(3):
        order(sent, HOUR, properties=huge, messageId=f"huge {place}")
    Conversion.objects.update(revenue=conversions.MOST_REVENUE)
    order(sent, HOUR, properties=huge, messageId="one more")
    conversion = Conversion.objects.get()
    assert (conversion.events, conversion.revenue) == (4, conversions.MOST_REVENUE)
