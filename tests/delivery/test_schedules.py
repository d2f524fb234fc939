"""What goes out by a calendar: each person each time once, at the hour their clock or the brand's shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django_scopes import scope

from campaigns import launching, lifecycle, versions
from campaigns.calendar.schedule import Schedule
from campaigns.models import Version
from delivery import agenda, claim, diary, plan, results
from delivery.models import Delivery, Entry, Plan
from tenants import clock

pytestmark = pytest.mark.usefixtures("postbox")
BERLIN = ZoneInfo("Europe/Berlin")


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def repeating(kind: str, anchor: str, **more) -> dict:
    """A version's fields of what repeats, each time anew unless something else is said."""
    clock_, again = more.pop("clock", "tenant"), more.pop("again", "always")
    schedule = Schedule(kind, datetime.fromisoformat(anchor), **more)
    return {
        "when": "repeat",
        "schedule": schedule.as_json(),
        "clock": clock_,
        "again": again,
        "starts_at": schedule.anchor.replace(tzinfo=BERLIN),
    }


def once_by_person(anchor: str, past: str = "next_day") -> dict:
    schedule = Schedule("once", datetime.fromisoformat(anchor))
    starts_at = schedule.anchor.replace(tzinfo=BERLIN)
    return {
        "when": "at",
        "schedule": schedule.as_json(),
        "clock": "person",
        "past": past,
        "starts_at": starts_at,
    }


@pytest.fixture
def relaunch(tenant, owner):
    """Change a campaign's schedule and launch it again, now."""

    def change(campaign, **fields):
        draft = versions.start(campaign=campaign, actor=owner)
        Version.objects.filter(pk=draft.pk).update(**fields)
        draft.refresh_from_db()
        return launching.launch(version=draft, actor=owner, now=clock.now(tenant))

    return change


def sent(campaign, profile=None) -> list[tuple[str, datetime]]:
    """The occasions that went out, with the moments at which they were due."""
    rows = Delivery.objects.filter(campaign=campaign, state="sent").order_by("due_at", "id")
    if profile:
        rows = rows.filter(profile=profile)
    return list(rows.values_list("occasion", "due_at"))


# --- By the brand's clock ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("schedule", "launched_at", "until", "days"),
    [
        pytest.param(
            repeating("daily", "2026-11-23T09:00"), "2026-11-23T08:00", "2026-11-25T10:00",
            ["2026-11-23", "2026-11-24", "2026-11-25"], id="every day",
        ),
        pytest.param(
            repeating("daily", "2026-11-23T09:00"), "2026-11-23T09:30", "2026-11-25T10:00",
            ["2026-11-24", "2026-11-25"], id="launched after the hour, it begins the next day",
        ),
        pytest.param(
            repeating("daily", "2026-11-23T09:00", every=3), "2026-11-24T08:00", "2026-11-30T10:00",
            ["2026-11-26", "2026-11-29"], id="every third day is counted from the first",
        ),
        pytest.param(
            repeating("weekly", "2026-11-24T09:00", weekdays=(1, 4)), "2026-11-23T08:00", "2026-12-05T10:00",
            ["2026-11-24", "2026-11-27", "2026-12-01", "2026-12-04"], id="on the weekdays chosen",
        ),
        pytest.param(
            repeating("monthly", "2026-11-30T09:00", day=31), "2026-11-23T08:00", "2027-03-01T10:00",
            ["2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28"], id="the 31st is the month's last day",
        ),
        pytest.param(
            repeating("daily", "2026-11-23T09:00", until=date(2026, 11, 24)), "2026-11-23T08:00", "2026-11-30T10:00",
            ["2026-11-23", "2026-11-24"], id="it ends on the last day",
        ),
    ],
)  # fmt: skip
def test_it_goes_out_on_its_days(launched, live, make_profile, schedule, launched_at, until, days):
    make_profile()
    campaign = launched(berlin(launched_at), **schedule)
    live(berlin(until))
    assert sent(campaign) == [(day, berlin(f"{day}T09:00")) for day in days]


def test_what_is_over_is_finished_and_what_goes_on_is_not(launched, live, make_profile):
    make_profile()
    schedule = repeating("daily", "2026-11-23T09:00", until=date(2026, 11, 24))
    campaign = launched(berlin("2026-11-23T08:00"), **schedule)
    live(berlin("2026-11-23T10:00"))
    assert not results.of(campaign).is_finished
    live(berlin("2026-11-24T10:00"))
    assert results.of(campaign).is_finished


def test_an_older_versions_time_opens_nothing(launched, live, relaunch, make_profile):
    make_profile()
    campaign = launched(berlin("2026-11-23T08:00"), when="at", starts_at=berlin("2026-11-24T09:00"))
    live(berlin("2026-11-23T09:00"))
    relaunch(campaign, starts_at=berlin("2026-11-26T09:00"))
    live(berlin("2026-11-25T09:00"))
    assert sent(campaign) == []
    live(berlin("2026-11-26T10:00"))
    assert [key for key, _ in sent(campaign)] == ["once"]


# --- By each person's own clock ------------------------------------------------------------------------
def test_each_person_gets_it_when_their_clock_shows_the_hour(launched, live, make_profile):
    zones = {
        "Asia/Tokyo": "00:00", "Asia/Kolkata": "03:30", "Europe/Berlin": "08:00", "America/New_York": "14:00",
        "Pacific/Kiritimati": "", None: "08:00", "": "08:00", "Nowhere/At_all": "08:00",
    }  # fmt: skip
    people = {zone: make_profile(timezone=zone) for zone in zones}
    campaign = launched(berlin("2026-11-22T08:00"), **once_by_person("2026-11-23T09:00"))
    live(berlin("2026-11-25T08:00"))
    for zone, hour in zones.items():
        expected = utc(f"2026-11-23T{hour}") if hour else utc("2026-11-22T19:00")
        assert sent(campaign, people[zone]) == [("once", expected)], zone


@pytest.mark.parametrize(
    ("zone", "hour", "first", "expected"),
    [
        pytest.param(
            "Europe/Berlin", "02:30", "2026-03-28",
            ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"], id="skipped: at the gap's first instant",
        ),
        pytest.param(
            "Europe/Berlin", "02:30", "2026-10-24",
            ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"], id="twice: in the first pass only",
        ),
        pytest.param(
            "America/New_York", "02:00", "2026-03-07",
            ["2026-03-07T07:00", "2026-03-08T07:00", "2026-03-09T06:00"], id="as the clocks go forward",
        ),
        pytest.param(
            "America/New_York", "01:15", "2026-10-31",
            ["2026-10-31T05:15", "2026-11-01T05:15", "2026-11-02T06:15"], id="as the clocks go back",
        ),
        pytest.param(
            "Australia/Lord_Howe", "02:15", "2026-10-03",
            ["2026-10-02T15:45", "2026-10-03T15:30", "2026-10-04T15:15"], id="half an hour skipped",
        ),
        pytest.param(
            "Australia/Lord_Howe", "01:45", "2026-04-04",
            ["2026-04-03T14:45", "2026-04-04T14:45", "2026-04-05T15:15"], id="half an hour twice",
        ),
        pytest.param(
            "Pacific/Apia", "09:00", "2011-12-29",
            ["2011-12-29T19:00", "2011-12-30T10:00", "2011-12-30T19:00"], id="a day that never was",
        ),
        pytest.param(
            "Asia/Kolkata", "09:00", "2026-10-24",
            ["2026-10-24T03:30", "2026-10-25T03:30", "2026-10-26T03:30"], id="no change, half an hour off",
        ),
    ],
)  # fmt: skip
def test_no_clock_change_skips_or_repeats_a_day(launched, live, make_profile, zone, hour, first, expected):
    person = make_profile(timezone=zone)
    begins = datetime.fromisoformat(f"{first}T{hour}")
    schedule = repeating("daily", begins.isoformat(), clock="person", until=begins.date() + timedelta(days=2))
    campaign = launched(begins.replace(tzinfo=UTC) - timedelta(days=2), **schedule)
    live(begins.replace(tzinfo=UTC) + timedelta(days=4))
    days = [(begins + timedelta(days=n)).date().isoformat() for n in range(3)]
    assert sent(campaign, person) == [(day, utc(at)) for day, at in zip(days, expected, strict=True)]


def test_who_moves_between_two_times_gets_each_once(launched, live, make_profile):
    person = make_profile(timezone="Asia/Tokyo")
    campaign = launched(berlin("2026-11-22T08:00"), **repeating("daily", "2026-11-24T09:00", clock="person"))
    live(utc("2026-11-24T00:30"))
    person.timezone = "America/New_York"  # where the 24th has its 9 o'clock still to come
    person.save()
    live(utc("2026-11-25T15:00"))
    days = sent(campaign, person)
    assert [day for day, _ in days] == ["2026-11-24", "2026-11-25"]
    assert days[0][1] == utc("2026-11-24T00:00")


def test_the_audience_is_looked_at_again_when_the_hour_comes(launched, live, make_profile):
    here, gone = (
        make_profile(city="Paris", timezone="Asia/Tokyo"),
        make_profile(city="Paris", timezone="Europe/Paris"),
    )
    rule = {"all": [{"on": "attribute", "name": "city", "operator": "is", "value": "Paris"}]}
    campaign = launched(berlin("2026-11-22T08:00"), rule=rule, **once_by_person("2026-11-23T09:00"))
    live(utc("2026-11-23T04:00"))
    gone.city = "Rome"
    gone.save()
    live(utc("2026-11-24T04:00"))
    states = dict(Delivery.objects.filter(campaign=campaign).values_list("profile_id", "reason"))
    assert states == {here.pk: "", gone.pk: "left_audience"}


PAST_CASES = [
    pytest.param("next_day", ("sent", "", berlin("2026-11-24T09:00")), id="at that time the next day"),
    pytest.param("now", ("sent", "", berlin("2026-11-23T12:00")), id="at once"),
    pytest.param("skip", ("skipped", "hour_passed", None), id="not at all, and it is said why"),
]


@pytest.mark.parametrize(("past", "expected"), PAST_CASES)
def test_where_the_hour_has_passed_at_the_launch(launched, live, make_profile, past, expected):
    late, early = make_profile(timezone="Europe/Berlin"), make_profile(timezone="America/New_York")
    campaign = launched(berlin("2026-11-23T12:00"), **once_by_person("2026-11-23T09:00", past))
    live(berlin("2026-11-25T12:00"))
    row = Delivery.objects.get(campaign=campaign, profile=late)
    state, reason, due_at = expected
    assert (row.state, row.reason) == (state, reason)
    if due_at:
        assert timedelta(0) <= row.due_at - due_at < timedelta(minutes=1)
    assert sent(campaign, early) == [("once", utc("2026-11-23T14:00"))]
    assert results.of(campaign).audience == 2


def test_what_repeats_begins_with_the_next_where_the_hour_has_passed(launched, live, make_profile):
    late, early = make_profile(timezone="Europe/Berlin"), make_profile(timezone="America/New_York")
    campaign = launched(berlin("2026-11-23T12:00"), **repeating("daily", "2026-11-23T09:00", clock="person"))
    live(berlin("2026-11-24T20:00"))
    assert [day for day, _ in sent(campaign, late)] == ["2026-11-24"]
    assert [day for day, _ in sent(campaign, early)] == ["2026-11-23", "2026-11-24"]


# --- Missed ---------------------------------------------------------------------------------------------
DAILY = repeating("daily", "2026-11-23T09:00")


def plan_all(tenant, now: datetime) -> None:
    """What the planner does when it comes back at a moment of the world's own clock."""
    while agenda.open_due(tenant=tenant, now=now) + plan.advance(tenant=tenant, now=now):
        pass


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


# --- Once for each person ------------------------------------------------------------------------------
def test_it_may_be_for_each_person_only_once(launched, live, make_profile):
    old = make_profile()
    campaign = launched(berlin("2026-11-23T08:00"), **DAILY | {"again": "once"})
    live(berlin("2026-11-23T12:00"))
    new = make_profile()
    live(berlin("2026-11-25T12:00"))
    assert [day for day, _ in sent(campaign, old)] == ["2026-11-23"]
    assert [day for day, _ in sent(campaign, new)] == ["2026-11-24"]
    assert Delivery.objects.filter(campaign=campaign).count() == 2


def test_who_gets_it_while_another_is_planned_had_it(launched, make_profile, tenant, run):
    person = make_profile()
    campaign = launched(berlin("2026-11-23T08:00"), lateness_hours=48, **DAILY | {"again": "once"})
    for day in (23, 24):
        plan_all(tenant, berlin(f"2026-11-{day}T09:00"))
    clock.set_to(tenant, berlin("2026-11-24T09:00"))
    run()
    assert list(Delivery.objects.order_by("occasion").values_list("state", "reason")) == [
        ("sent", ""), ("skipped", "had_it"),
    ]  # fmt: skip
    assert Entry.objects.get(campaign=campaign, profile=person).count == 1


# --- Results --------------------------------------------------------------------------------------------
def test_results_add_up_over_many_times(launched, live, make_profile):
    for _ in range(6):
        make_profile()
    campaign = launched(berlin("2026-11-23T08:00"), control_percent=50, **DAILY)
    live(berlin("2026-11-25T12:00"))
    found = results.of(campaign)
    assert found.audience == 18
    (version,) = found.versions
    assert sum(arm.audience for arm in version.everyone) == 18
    assert version.treated.exposed + version.held_out.exposed == 6
    assert found.progress["held_out"] == 3 * version.held_out.exposed


def test_the_diary_says_what_comes_and_what_was(launched, live, make_profile, tenant):
    make_profile()
    campaign = launched(berlin("2026-11-23T08:00"), **DAILY)
    live(berlin("2026-11-24T12:00"))
    campaign.refresh_from_db()
    found = diary.of(campaign, now=clock.now(tenant))
    assert [each.key for each in found.coming] == ["2026-11-25", "2026-11-26", "2026-11-27"]
    assert found.coming[0].day == "Wednesday, 25 November 2026, 09:00"
    assert [(page.day.day, page.people, page.sent, page.state) for page in found.past] == [
        (24, 1, 1, ""), (23, 1, 1, ""),
    ]  # fmt: skip


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
