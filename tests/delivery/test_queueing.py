"""Whose turn comes when: what is said where people look at messages that a send rate holds back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from campaigns import launching
from campaigns.models import Campaign, Version
from delivery import explain, queueing
from delivery.models import Delivery, Provider
from delivery.queueing import Queue
from delivery.warm_up import WarmUp
from tenants import clock

NOON = datetime(2026, 6, 15, 10, tzinfo=UTC)  # in Berlin
BERLIN = ZoneInfo("Europe/Berlin")
PLAN = WarmUp(date(2026, 6, 15), 100, 100, 400)  # 100, 200, then any number
WARMING_UP = {
    "warm_up_date": PLAN.begins,
    "warm_up_first": 100,
    "warm_up_percent": 100,
    "warm_up_ceiling": 400,
}


def berlin(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("queue", "number", "at"),
    [
        pytest.param((60, None, 0), 600, berlin(15, 12, 10), id="so many a minute"),
        pytest.param((None, PLAN, 0), 100, NOON, id="fits into today"),
        pytest.param((None, PLAN, 60), 41, berlin(16), id="one too many for today"),
        pytest.param((None, PLAN, 130), 1, berlin(16), id="today has had more than its number"),
        pytest.param((None, PLAN, 0), 301, berlin(17), id="all it has, and one more"),
        pytest.param((None, PLAN, 0), 9_000, berlin(17), id="once it is over any number goes at once"),
        pytest.param((1, PLAN, 0), 220, berlin(16, 2), id="the rate holds on each day too"),
        pytest.param(
            (60, WarmUp(date(2026, 6, 16), 9, 100, 400), 0), 600, berlin(15, 12, 10), id="not begun yet"
        ),
    ],
)
def test_when_the_last_of_so_many_leaves(queue, number, at):
    assert Queue(*queue, BERLIN).leaves_at(number, NOON) == at


@pytest.fixture
def crowd(make_profile: Any) -> Any:
    return lambda people: [make_profile(email=f"p{n}@example.test") for n in range(people)]


@pytest.fixture
def provider(tenant):
    def make(**limits: Any) -> Provider:
        return Provider.objects.create(tenant=tenant, channel="email", name="Sandbox", **limits)

    return make


LAUNCHES = [
    pytest.param({}, {}, [], id="nothing holds it back"),
    pytest.param({"per_minute": 60}, {}, [("done", "180 people take 3 min at 60 a minute", "")], id="in time"),
    pytest.param(
        {"per_minute": 1, "lateness_hours": 2}, {},
        [("warn", "180 people take 3 h at 1 a minute", "What is later than 2 h is dropped.")],
        id="a part of them too late",
    ),
    pytest.param(
        {"per_minute": 60}, {"per_minute": 2},
        [("done", "180 people take 1 h 30 min at your mail server’s 2 a minute", "")],
        id="the mail server is slower",
    ),
    pytest.param(
        {"lateness_hours": 4}, WARMING_UP,
        [("warn", "180 people take 12 h while your mail server warms up", "What is later than 4 h is dropped.")],
        id="until tomorrow",
    ),
    pytest.param({}, WARMING_UP | {"warm_up_first": 180}, [], id="fits into today"),
    pytest.param({"when": "api", "per_minute": 1}, {}, [], id="set off by each person alone"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "limits", "said"), LAUNCHES)
def test_the_launch_says_how_long_everybody_takes(make_campaign, provider, tenant, fields, limits, said):
    if limits:
        provider(**limits)
    clock.set_to(tenant, NOON)
    version = make_campaign(is_launched=False, **fields).versions.get()
    counts = launching.Counts(audience=180, reachable=180, arms={"a": 180})
    found = launching.pace(version, counts, now=NOON)
    assert [(check.state, check.words, check.detail) for check in found] == said


def progress(client: Any, campaign: Campaign) -> str:
    return client.get(reverse("campaign_progress", args=[campaign.public_id])).content.decode()


def test_the_campaigns_page_says_what_holds_it_and_for_how_long(
    crowd, make_campaign, postbox, run, tenant, client_of
):
    clock.set_to(tenant, NOON)
    crowd(5)
    campaign = make_campaign(per_minute=1, lateness_hours=1)
    run()
    page = progress(client_of("analyst"), campaign)
    assert page.count("Held to 1 a minute, about 4 min left") >= 2  # in words, and in the waterfall
    Version.objects.update(per_minute=None)
    assert "Held to" not in progress(client_of("analyst"), campaign)


def test_it_says_when_the_rest_will_be_too_late(crowd, make_campaign, postbox, run, tenant):
    clock.set_to(tenant, NOON)
    crowd(70)
    campaign = make_campaign(per_minute=1, lateness_hours=1)
    run()
    campaign.refresh_from_db()
    said = queueing.standing(campaign, now=clock.now(tenant))
    assert said == "Held to 1 a minute, about 1 h 9 min left; what is later than 1 h is dropped"


def test_it_says_that_todays_warm_up_is_used_up(crowd, make_campaign, provider, postbox, run, tenant):
    clock.set_to(tenant, NOON)
    provider(**WARMING_UP | {"warm_up_first": 2})
    crowd(5)
    campaign = make_campaign()
    run()
    campaign.refresh_from_db()
    said = queueing.standing(campaign, now=clock.now(tenant))
    assert said == "Waits for tomorrow: today’s warm-up of 2 is used up, about 12 h left"


def test_why_says_when_somebodys_turn_comes(crowd, make_campaign, postbox, run, tenant):
    clock.set_to(tenant, NOON)
    crowd(200)
    campaign = make_campaign(per_minute=1, lateness_hours=2)
    run()
    waiting = Delivery.objects.filter(state="planned").order_by("due_at", "pk").select_related("profile")
    now = clock.now(tenant)
    soon = explain.why(campaign, waiting[59].profile, now=now)
    assert soon.verdict == "will_get_it"
    assert soon.at - now == timedelta(hours=1)
    assert soon.deliveries[0].waits_for == "Held to 1 a minute; its turn comes in about 1 h"
    late = explain.why(campaign, waiting[150].profile, now=now)
    assert late.sentence == "Will not get it, as things stand: it would have come too late"
