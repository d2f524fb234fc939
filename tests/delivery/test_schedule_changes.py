"""What comes late or changes: missed times, a moved clock, a new version, a stop, a planner that is killed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, timedelta

import pytest
from django.db import connection, transaction
from django_scopes import scope

from campaigns import lifecycle
from delivery import agenda, claim, diary, plan
from delivery.models import Delivery, Plan
from tenants import clock
from tests.delivery.calendars import DAILY, berlin, once_by_person, plan_all, repeating, sent, utc

pytestmark = pytest.mark.usefixtures("postbox")


# --- Missed ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("back_at", "planned", "passed_over"),
    [
        pytest.param("2026-11-23T20:00", ["2026-11-23"], [], id="late, and still welcome"),
        pytest.param(
            "2026-11-24T09:00", ["2026-11-23", "2026-11-24"], [], id="as long as its lateness lasts"
        ),
        pytest.param("2026-11-24T09:01", ["2026-11-24"], ["2026-11-23"], id="too late to be welcome"),
        pytest.param(
            "2026-11-26T10:00", ["2026-11-26"], ["2026-11-23", "2026-11-24", "2026-11-25"], id="days later"
        ),
    ],
)
@pytest.mark.parametrize("was_paused", [True, False], ids=["paused", "down"])
def test_what_was_missed_is_made_up_for_while_it_is_welcome(
    launched, make_profile, owner, tenant, back_at, planned, passed_over, was_paused
):
    make_profile()
    campaign = launched(berlin("2026-11-23T08:00"), **DAILY)
    plan_all(tenant, berlin("2026-11-23T08:00"))
    tenant.is_sandbox, tenant.clock_offset = False, timedelta(0)  # from now on its clock is the world's
    tenant.save()
    if was_paused:
        lifecycle.pause(campaign=campaign, actor=owner)
        plan_all(tenant, berlin(back_at))
        assert not Plan.objects.exclude(opened_at=None).exists()
        lifecycle.resume(campaign=campaign, actor=owner)
    plan_all(tenant, berlin(back_at))
    begun = Plan.objects.exclude(opened_at=None, done_at=None).order_by("occasion")
    assert [each.occasion for each in begun if each.opened_at] == planned
    assert [each.occasion for each in begun if not each.opened_at] == passed_over
    assert sorted(Delivery.objects.values_list("occasion", flat=True)) == planned
    assert not claim.tenants_with_work([])


def test_moving_a_sandboxs_clock_lets_every_time_in_between_happen_in_order(
    launched, make_profile, later, run
):
    make_profile()
    campaign = launched(berlin("2026-11-23T08:00"), **DAILY)
    run()
    later(timedelta(days=3))
    run()
    rows = Delivery.objects.filter(campaign=campaign).order_by("sent_at")
    assert list(rows.values_list("occasion", "state")) == [(f"2026-11-{day}", "sent") for day in (23, 24, 25)]


def test_it_also_brings_those_who_waited_for_their_own_hour(launched, live, make_profile, later, run):
    person = make_profile(timezone="America/New_York")
    campaign = launched(berlin("2026-11-23T08:00"), **repeating("daily", "2026-11-24T09:00", clock="person"))
    live(utc("2026-11-24T01:00"))
    assert Delivery.objects.get(profile=person).state == "planned"
    later(timedelta(days=3))
    run()
    rows = Delivery.objects.filter(campaign=campaign).order_by("sent_at")
    assert list(rows.values_list("occasion", "state")) == [
        (f"2026-11-{day}", "sent") for day in (24, 25, 26)
    ] + [("2026-11-27", "planned")]


def test_a_sandboxs_clock_that_jumps_a_year_brings_a_month(launched, make_profile, later, run):
    make_profile()
    launched(berlin("2026-11-23T08:00"), **repeating("weekly", "2026-11-23T09:00"))
    run()
    later(timedelta(days=365))
    run(most=500)
    assert Plan.objects.exclude(done_at=None).filter(opened_at=None).count() == 48
    assert Delivery.objects.filter(state="sent").count() == 5


# --- Changed ----------------------------------------------------------------------------------------------
def test_from_a_launch_on_the_new_version_holds_and_no_day_comes_twice(
    launched, live, relaunch, make_profile
):
    make_profile()
    campaign = launched(berlin("2026-11-23T08:00"), **DAILY)
    live(berlin("2026-11-24T12:00"))
    relaunch(campaign, **repeating("daily", "2026-11-23T17:00"))
    live(berlin("2026-11-26T18:00"))
    assert sent(campaign) == [
        ("2026-11-23", berlin("2026-11-23T09:00")),
        ("2026-11-24", berlin("2026-11-24T09:00")),
        ("2026-11-25", berlin("2026-11-25T17:00")),
        ("2026-11-26", berlin("2026-11-26T17:00")),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            repeating("daily", "2026-11-24T15:00", clock="person"), [("2026-11-24", utc("2026-11-24T20:00"))],
            id="another hour: those still to come get it then",
        ),
        pytest.param(
            repeating("daily", "2026-11-25T09:00", clock="person"), [("2026-11-25", utc("2026-11-25T14:00"))],
            id="begun a day later: those still to come get it then",
        ),
        pytest.param(
            {"when": "event", "trigger": {"on": "event", "name": "Signed Up"}, "schedule": None, "clock": "tenant"},
            [], id="set off by an event instead: nobody gets it any more",
        ),
        pytest.param(
            repeating("daily", "2026-11-24T18:00"), [("2026-11-24", berlin("2026-11-24T18:00"))],
            id="by the brand's clock instead",
        ),
    ],
)  # fmt: skip
def test_what_was_planned_for_hours_to_come_follows_the_new_version(
    launched, live, relaunch, make_profile, change, expected
):
    had, waits = make_profile(timezone="Europe/Berlin"), make_profile(timezone="America/New_York")
    campaign = launched(
        berlin("2026-11-23T12:00"),
        **repeating("daily", "2026-11-24T09:00", clock="person", until=date(2026, 11, 24)),
    )
    live(berlin("2026-11-24T12:00"))
    assert Delivery.objects.get(profile=waits).state == "planned"
    relaunch(campaign, **change)
    live(berlin("2026-11-24T12:01"))
    planned = Delivery.objects.filter(profile=waits, state="planned").values_list("occasion", "due_at")
    assert set(planned) <= set(expected)
    live(utc("2026-11-25T23:30"))
    assert sent(campaign, waits)[: len(expected)] == expected
    assert bool(sent(campaign, waits)) == bool(expected)
    assert sent(campaign, had)[0] == ("2026-11-24", berlin("2026-11-24T09:00"))
    assert len({day for day, _ in sent(campaign, had)}) == len(sent(campaign, had))


def test_a_single_time_can_be_put_off_while_part_of_the_world_waits(launched, live, relaunch, make_profile):
    had, waits = make_profile(timezone="Asia/Tokyo"), make_profile(timezone="America/New_York")
    campaign = launched(berlin("2026-11-22T12:00"), **once_by_person("2026-11-23T09:00"))
    live(utc("2026-11-23T08:00"))
    relaunch(campaign, **once_by_person("2026-11-27T09:00"))
    live(utc("2026-11-26T08:00"))
    assert sent(campaign) == [("once", utc("2026-11-23T00:00"))]
    live(utc("2026-11-29T08:00"))
    assert sent(campaign, waits) == [("once", utc("2026-11-27T14:00"))]
    assert len(sent(campaign, had)) == 1


def test_stopped_nothing_more_comes(launched, live, make_profile, owner, tenant):
    make_profile()
    campaign = launched(berlin("2026-11-23T08:00"), **DAILY)
    live(berlin("2026-11-23T12:00"))
    lifecycle.stop(campaign=campaign, actor=owner)
    live(berlin("2026-11-26T12:00"))
    assert len(sent(campaign)) == 1
    campaign.refresh_from_db()
    assert diary.of(campaign, now=clock.now(tenant)).coming == []


# --- Killed, twice, beside its twin ----------------------------------------------------------------------
BY_PERSON = repeating("daily", "2026-11-24T09:00", clock="person")


def outcome(tenant) -> tuple[list, list]:
    rows = Delivery.objects.order_by("profile_id", "occasion").values_list("profile_id", "occasion", "due_at")
    plans = Plan.objects.order_by("occasion").values_list("occasion", "audience", "opened_at")
    return list(rows), [(key, people, at is None) for key, people, at in plans]


def test_killed_at_any_step_the_planner_comes_to_the_same(
    launched, make_profile, tenant, monkeypatch, relaunch
):
    monkeypatch.setattr(plan, "SLICE", 3)
    for n in range(8):
        make_profile(timezone=["Asia/Tokyo", "America/New_York", None][n % 3])
    campaign = launched(berlin("2026-11-23T08:00"), **BY_PERSON)
    now = berlin("2026-11-24T02:00")
    for step in (agenda.open_due, plan.advance) * 8:
        with transaction.atomic():  # what a kill leaves of a step: nothing
            step(tenant=tenant, now=now)
            transaction.set_rollback(True)
        step(tenant=tenant, now=now)
    clock.set_to(tenant, now)
    relaunch(campaign, **repeating("daily", "2026-11-24T10:00", clock="person"))
    for step in (agenda.open_due, plan.advance) * 12:
        with transaction.atomic():
            step(tenant=tenant, now=clock.now(tenant))
            transaction.set_rollback(True)
        step(tenant=tenant, now=clock.now(tenant))
    rows, plans = outcome(tenant)
    assert len(rows) == 8
    hours = {due_at.astimezone(UTC).hour for _, _, due_at in rows}
    assert hours == {
        0,
        15,
        9,
    }  # Tokyo's 9 o'clock had come before; New York and Berlin follow the new version
    assert plans == [("2026-11-24", 8, False), ("2026-11-25", 0, True)]


@pytest.mark.django_db(transaction=True)
def test_twin_planners_plan_everybody_once(launched, make_profile, tenant, monkeypatch):
    monkeypatch.setattr(plan, "SLICE", 5)
    for n in range(40):
        make_profile(timezone=["Asia/Tokyo", "America/New_York", None][n % 3])
    launched(berlin("2026-11-22T08:00"), **BY_PERSON)
    now = berlin("2026-11-25T02:00")

    def planner() -> None:
        with scope(tenant=tenant):
            idle = 0
            while idle < 5:
                idle = (
                    0
                    if agenda.open_due(tenant=tenant, now=now) + plan.advance(tenant=tenant, now=now)
                    else idle + 1
                )
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(planner) for _ in range(4)]:
            done.result(timeout=120)
    rows, plans = outcome(tenant)
    assert len(rows) == len(set(rows)) == 80
    assert plans == [("2026-11-24", 40, False), ("2026-11-25", 40, False), ("2026-11-26", 0, True)]


@pytest.mark.django_db(transaction=True)
def test_launched_anew_while_an_occasion_opens_the_old_calendar_ends(
    launched, relaunch, make_profile, tenant
):
    make_profile()
    campaign = launched(berlin("2026-11-23T08:00"), **BY_PERSON)
    agenda.open_due(tenant=tenant, now=berlin("2026-11-23T08:01"))
    waiting, now = Plan.objects.get().pk, berlin("2026-11-24T02:00")
    clock.set_to(tenant, now)

    def relaunched() -> None:
        with scope(tenant=tenant):
            relaunch(campaign, **repeating("weekly", "2026-11-28T09:00", clock="person"))
        connection.close()

    def laid_out() -> None:
        with scope(tenant=tenant):
            agenda.open_due(tenant=tenant, now=now)
        connection.close()

    with ThreadPoolExecutor(1) as beside:
        with transaction.atomic():
            agenda._open(waiting, now=now)
            beside.submit(relaunched).result(timeout=20)
            laying_out = beside.submit(laid_out)
            time.sleep(0.5)  # it waits for the plan that is being opened
        laying_out.result(timeout=20)
    coming = Plan.objects.filter(opened_at=None, done_at=None)
    assert list(coming.values_list("occasion", flat=True)) == ["2026-11-28"]
