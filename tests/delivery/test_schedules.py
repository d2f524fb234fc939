"""What goes out by a calendar: each person each time once, at the hour their clock or the brand's shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from delivery import diary, results
from delivery.models import Delivery, Entry
from tenants import clock
from tests.delivery.calendars import DAILY, berlin, once_by_person, plan_all, repeating, sent, utc

pytestmark = pytest.mark.usefixtures("postbox")


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
