"""Send rates: evenly through the minute, never one too many, the urgent first, and nothing lost by waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django_scopes import scope

from campaigns import launching, versions
from campaigns.models import Campaign, Version
from delivery import claim, deciding, rates
from delivery.models import Delivery, Pace, Provider
from delivery.rates import Spent
from delivery.warm_up import WarmUp
from tenants import clock
from tenants.models import Tenant
from tests.delivery.steps import planned

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


# --- A minute -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spent", "seconds", "room"),
    [
        pytest.param(None, 0, 2, id="begins with a second's share, rounded up"),
        pytest.param(None, 31, 3, id="who begins in mid-minute is not given what has passed"),
        pytest.param((0, 2), 0.999, 0, id="no more in this second"),
        pytest.param((0, 2), 1, 2, id="the next brings its share"),
        pytest.param((0, 2), 29.9, 48, id="what nobody was there for is made up for"),
        pytest.param((0, 98), 59, 2, id="the last second has the rest"),
        pytest.param((0, 100), 59.999, 0, id="never more than its number"),
        pytest.param((-60, 3), 0, 2, id="a minute begins anew"),
        pytest.param((-60, 3), 59, 100, id="one that follows is made up for too"),
        pytest.param((-120, 3), 30, 2, id="after a pause in between, not"),
        pytest.param((60, 0), 59.9, 2, id="somebody was quicker by a moment: their minute counts"),
        pytest.param((60, 2), 59.9, 0, id="and what they took of it"),
        pytest.param((86_400, 100), 30, 2, id="a clock that was set back begins anew"),
    ],
)
def test_a_minute_lets_its_number_through_evenly(spent, seconds, room):
    had = Spent(1, at(spent[0]), spent[1]) if spent else Spent()
    assert had.in_minute(100, at(seconds))[2] == room


@pytest.mark.parametrize("per_minute", [1, 7, 60, 100, 4_001])
def test_asking_every_second_gives_exactly_the_number_a_minute(per_minute):
    spent, given = Spent(), {}
    for second in range(3 * 60):
        now = at(second)
        minute, used, room = spent.in_minute(per_minute, now)
        spent = Spent(1, minute, used + room)
        given[minute] = given.get(minute, 0) + room
    assert list(given.values()) == [per_minute] * 3


# --- A campaign ---------------------------------------------------------------------------------------------------


@pytest.fixture
def crowd(make_profile: Callable[..., Any]) -> Callable[[int], None]:
    def make(people: int) -> None:
        for n in range(people):
            make_profile(email=f"p{n}@example.test")

    return make


def sent() -> int:
    return Delivery.objects.filter(state="sent").count()


def test_a_campaign_with_a_rate_leaves_the_rest_waiting_as_it_was(
    crowd, make_campaign, postbox, run, tenant, later
):
    clock.set_to(tenant, NOON)
    crowd(5)
    make_campaign(per_minute=2)
    run()
    assert sent() == len(postbox.mails) == 1
    waiting = Delivery.objects.filter(state="planned")
    assert {(row.attempts, row.reserved_at, row.first_due_at) for row in waiting} == {(0, None, None)}
    later(timedelta(seconds=30))
    run()
    assert sent() == 2
    later(timedelta(seconds=30))
    run()
    assert sent() == 3


def test_those_due_first_go_first(crowd, make_campaign, postbox, run, tenant, later):
    clock.set_to(tenant, NOON)
    crowd(4)
    make_campaign(per_minute=2)
    planned(tenant)
    order = list(Delivery.objects.order_by("-pk").values_list("pk", flat=True))
    for place, pk in enumerate(order):
        Delivery.objects.filter(pk=pk).update(due_at=NOON - timedelta(minutes=10 - place))
    for _ in order:
        run()
        later(timedelta(seconds=30))
    assert list(Delivery.objects.order_by("sent_at").values_list("pk", flat=True)) == order


def test_whoever_gets_nothing_takes_no_room(crowd, make_profile, make_campaign, postbox, run, tenant):
    clock.set_to(tenant, NOON)
    for n in range(7):
        make_profile(email=f"no{n}@example.test", consent={"email": "unsubscribed"})
    crowd(1)
    make_campaign(per_minute=2)
    run()
    assert (sent(), Delivery.objects.filter(state="skipped").count()) == (1, 7)


def test_what_became_too_late_is_dropped_at_once_and_not_at_the_rate(
    crowd, make_campaign, postbox, run, tenant, later
):
    clock.set_to(tenant, NOON)
    crowd(9)
    make_campaign(per_minute=2, lateness_hours=1)
    run()
    later(timedelta(hours=1, minutes=1))
    run()
    assert Delivery.objects.filter(reason="too_late").count() == 8
    assert sent() == 1


def test_another_campaign_is_not_held_up(crowd, make_campaign, postbox, run, tenant):
    clock.set_to(tenant, NOON)
    crowd(5)
    make_campaign(per_minute=1, name="Slow")
    make_campaign(name="Free")
    run()
    assert sent() == 1 + 5


def test_a_new_version_brings_its_own_rate(crowd, make_campaign, postbox, run, tenant, owner):
    clock.set_to(tenant, NOON)
    crowd(5)
    campaign = make_campaign(per_minute=1)
    run()
    draft = versions.start(campaign=campaign, actor=owner)
    Version.objects.filter(pk=draft.pk).update(per_minute=None)
    launching.launch(version=versions.draft_of(campaign), actor=owner, now=clock.now(tenant))
    run()
    assert sent() == 5


def test_a_message_that_is_tried_again_counts_again(
    make_profile, make_campaign, provider, postbox, run, tenant, later
):
    clock.set_to(tenant, NOON)
    provider(**warming_up(10))
    make_profile(email="full@example.test")  # its mailbox is full at present
    make_campaign(per_minute=1)
    run()
    assert used_today() == 1
    Delivery.objects.update(lease_until=None)  # as if the pause before the next attempt were over
    run()
    assert used_today() == 1  # there is no room in this minute
    later(timedelta(minutes=1))
    run()
    assert (used_today(), Delivery.objects.get().attempts) == (2, 2)


def test_without_limits_nothing_more_is_asked(crowd, make_campaign, tenant):
    crowd(3)
    make_campaign()
    planned(tenant)
    now = clock.now(tenant)
    with CaptureQueriesContext(connection) as asked:
        chunk = claim.claim(tenant=tenant, channel="email", now=now)
        deciding.settle_decisions(chunk, tenant=tenant, channel="email", now=now)
    assert len(chunk.rows) == 3
    assert not [query for query in asked if "delivery_pace" in query["sql"]]
    assert (
        len([query for query in asked if "delivery_provider" in query["sql"]]) == 1
    )  # along with what is due


# --- A provider ---------------------------------------------------------------------------------------------------


@pytest.fixture
def provider(tenant: Tenant) -> Callable[..., Provider]:
    def make(**limits: Any) -> Provider:
        return Provider.objects.create(tenant=tenant, channel="email", name="Sandbox", **limits)

    return make


def used_today() -> int:
    return Pace.objects.get(campaign=None).used_today


def warming_up(first: int, ceiling: int = 1_000) -> dict[str, Any]:
    return {
        "warm_up_date": NOON.date(),
        "warm_up_first": first,
        "warm_up_percent": 50,
        "warm_up_ceiling": ceiling,
    }


def test_a_providers_rate_is_shared_by_all_campaigns(crowd, make_campaign, provider, postbox, run, tenant):
    clock.set_to(tenant, NOON)
    provider(per_minute=2)
    crowd(3)
    make_campaign(name="One")
    make_campaign(name="Other")
    run()
    assert sent() == 1
    assert Pace.objects.get().provider is not None


def test_what_people_wait_for_goes_first(crowd, make_campaign, provider, postbox, run, tenant, later):
    clock.set_to(tenant, NOON)
    provider(per_minute=2)
    crowd(2)
    make_campaign(name="Important")
    receipt = make_campaign(name="Receipt")
    Campaign.objects.filter(name="Important").update(priority=1)
    Campaign.objects.filter(pk=receipt.pk).update(message_class="transactional", priority=5)
    planned(tenant)
    for count in (1, 2):
        run()
        assert Delivery.objects.filter(state="sent", campaign=receipt).count() == count
        later(timedelta(seconds=30))


def test_a_warm_up_lets_its_days_number_through_and_more_the_next_day(
    crowd, make_campaign, provider, postbox, run, tenant, later
):
    clock.set_to(tenant, NOON)
    provider(**warming_up(4))
    crowd(12)
    make_campaign()
    run()
    assert sent() == 4
    later(timedelta(hours=9))
    run()
    assert sent() == 4  # 23:00 in Berlin
    later(timedelta(hours=2))
    run()
    assert sent() == 4 + 6


def test_its_days_are_the_tenants(crowd, make_campaign, provider, postbox, run, tenant, later):
    Tenant.objects.filter(pk=tenant.pk).update(timezone="America/Los_Angeles")
    clock.set_to(tenant, datetime(2026, 6, 16, 6, 30, tzinfo=UTC))  # there it is still the 15th
    provider(**warming_up(2))
    crowd(9)
    make_campaign()
    run()
    assert sent() == 2
    later(timedelta(hours=1))
    run()
    assert sent() == 2 + 3


def test_it_does_not_hold_back_what_people_wait_for_but_counts_it(
    crowd, make_campaign, provider, postbox, run, tenant
):
    clock.set_to(tenant, NOON)
    provider(**warming_up(4))
    crowd(3)
    receipt = make_campaign(name="Receipt")
    Campaign.objects.filter(pk=receipt.pk).update(message_class="transactional")
    make_campaign(name="News")
    planned(tenant)
    run()
    assert Delivery.objects.filter(state="sent", campaign=receipt).count() == 3
    assert sent() == 4
    second = make_campaign(name="Another receipt", is_launched=True)
    Campaign.objects.filter(pk=second.pk).update(message_class="transactional")
    run()
    assert Delivery.objects.filter(state="sent", campaign=second).count() == 3
    assert used_today() == 7


def test_once_it_is_over_only_the_rate_holds(crowd, make_campaign, provider, postbox, run, tenant, later):
    clock.set_to(tenant, NOON)
    provider(**warming_up(2, ceiling=3))  # 2 today; 3 tomorrow are the ceiling
    crowd(9)
    make_campaign()
    run()
    assert sent() == 2
    later(timedelta(hours=13))
    run()
    assert sent() == 9


def test_what_was_not_handed_over_is_given_back_to_the_day(
    crowd, make_campaign, provider, run, tenant, settings
):
    settings.SANDBOX_SMTP_PORT = 9  # nobody listens there
    clock.set_to(tenant, NOON)
    provider(**warming_up(10))
    crowd(8)
    make_campaign()
    run(3)
    assert used_today() == 0


def test_what_is_no_longer_ours_to_send_takes_nothing_of_the_day(
    crowd, make_campaign, provider, postbox, tenant
):
    clock.set_to(tenant, NOON)
    provider(**warming_up(10))
    crowd(8)
    make_campaign()
    planned(tenant)
    now = clock.now(tenant)
    chunk = claim.claim(tenant=tenant, channel="email", now=now)
    called_off = [row.id for row in chunk.rows[:3]]
    Delivery.objects.filter(pk__in=called_off).update(state="cancelled")
    assert len(deciding.settle_decisions(chunk, tenant=tenant, channel="email", now=now)) == 5
    assert used_today() == 5


@pytest.mark.parametrize(
    ("plan", "day", "most"),
    [
        pytest.param((500, 30, 50_000), date(2026, 6, 14), None, id="before it begins"),
        pytest.param((500, 30, 50_000), date(2026, 6, 15), 500, id="the first day"),
        pytest.param((500, 30, 50_000), date(2026, 6, 16), 650, id="the second"),
        pytest.param((500, 30, 50_000), date(2026, 7, 2), 43_252, id="the last"),
        pytest.param((500, 30, 50_000), date(2026, 7, 3), None, id="the ceiling is reached"),
        pytest.param((500, 30, 500), date(2026, 6, 15), None, id="nothing to warm up"),
        pytest.param((1, 1, 10), date(2026, 6, 16), 1, id="grows by less than one"),
    ],
)
def test_a_plan_grows_by_its_percentage_until_the_ceiling(plan, day, most):
    assert WarmUp(date(2026, 6, 15), *plan).limit(day) == most


# --- Many at once -------------------------------------------------------------------------------------------------

RACERS = 16


@pytest.fixture
def beside(tenant: Tenant) -> Iterator[Callable[..., Future]]:
    """Run functions in threads, each with its own connection and the tenant's scope."""

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            with scope(tenant=tenant):
                return function(*arguments)
        finally:
            connection.close()

    with ThreadPoolExecutor(RACERS) as pool:
        yield lambda function, *arguments: pool.submit(run, function, *arguments)


@pytest.mark.parametrize(
    ("campaigns", "limits"),
    [
        pytest.param([90], {}, id="a campaign's"),
        pytest.param([None, None], {"per_minute": 90}, id="a provider's"),
        pytest.param([60, None], {"per_minute": 90}, id="both"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_sixteen_racers_let_through_exactly_the_number_of_each_minute(
    crowd, make_campaign, provider, beside, tenant, campaigns, limits
):
    clock.set_to(tenant, NOON)
    if limits:
        provider(**limits)
    crowd(300)
    for n, per_minute in enumerate(campaigns):
        make_campaign(name=f"Campaign {n}", per_minute=per_minute)
    planned(tenant)

    def race(now: datetime) -> list[int]:
        chunk = claim.claim(tenant=tenant, channel="email", now=now)
        ready = deciding.settle_decisions(chunk, tenant=tenant, channel="email", now=now)
        return [one.row.campaign_id for one in ready]

    own = dict(Version.objects.exclude(per_minute=None).values_list("campaign_id", "per_minute"))
    for minute in range(1, 4):
        let_through: list[int] = []
        for second, by_then in ((0, 2), (29, 45), (59, 90)):
            racers = [beside(race, at(60 * minute + second)) for _ in range(RACERS)]
            let_through += [campaign_id for racer in racers for campaign_id in racer.result(timeout=120)]
            assert len(let_through) == by_then
        assert all(let_through.count(campaign_id) <= most for campaign_id, most in own.items())


@pytest.mark.django_db(transaction=True)
def test_sixteen_racers_give_a_warm_ups_day_all_of_its_number(crowd, beside, provider, tenant):
    limits = provider(**warming_up(100))
    carrier = rates.carrier(limits, tenant=tenant, now=NOON)

    def race() -> int:
        let_through = 0
        for n in range(5):
            asking = [rates.Asking(10 * n + m, 1, None, False) for m in range(3)]
            with transaction.atomic():
                let_through += 3 - len(rates.take(asking, carrier, tenant=tenant, now=NOON))
        return let_through

    racers = [beside(race) for _ in range(RACERS)]
    assert sum(racer.result(timeout=60) for racer in racers) == 100
    assert used_today() == 100
