"""What repeats for those whose day it is: so long before or after a date of theirs, every year or that very day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audiences import facts
from audiences.models import Profile
from audiences.rules import memory
from audiences.rules.tree import InvalidRule
from campaigns import anniversaries, launching, summary
from delivery import explain
from delivery.models import Delivery
from tenants import clock
from tests.delivery.test_schedules import berlin, repeating

pytestmark = pytest.mark.usefixtures("postbox")
BIRTHDAY = anniversaries.make("birthday", days=0, is_yearly=True)


@pytest.fixture
def born(tenant, make_profile):
    def make(birthday, **fields):
        return make_profile(attributes={"birthday": birthday}, **fields)

    return make


@pytest.mark.parametrize(
    ("days", "is_yearly", "day", "value", "is_theirs"),
    [
        (0, True, "2026-05-17", "1990-05-17", True),
        (0, True, "2026-05-17", "1990-05-18", False),
        (0, True, "2026-05-17", "1990-05-17T22:30:00Z", True),
        (0, True, "2026-05-17", "17.05.1990", False),
        (0, True, "2026-05-17", 19900517, False),
        (0, True, "2026-05-17", None, False),
        (-3, True, "2026-05-14", "1990-05-17", True),
        (-3, True, "2026-05-17", "1990-05-17", False),
        (7, True, "2026-05-24", "1990-05-17", True),
        (-3, True, "2026-12-30", "1990-01-02", True),
        (0, True, "2027-02-28", "1992-02-29", True),
        (0, True, "2028-02-28", "1992-02-29", False),
        (0, True, "2028-02-29", "1992-02-29", True),
        (-1, True, "2027-02-27", "1992-02-29", True),
        (0, False, "2026-05-17", "2026-05-17", True),
        (0, False, "2026-05-17", "1990-05-17", False),
        (-30, False, "2026-05-17", "2026-06-16", True),
        (-30, False, "2026-05-17", "2026-06-16T08:00:00+02:00", True),
    ],
    ids=[
        "on the day", "not on another", "a time after the date changes nothing", "another way to write dates is none",
        "a number is no date", "nobody's day without a date", "three days before", "the day itself is not before it",
        "a week after", "before it, across the year's end", "a leap day's child has the 28th", "but not in a leap year",
        "then it is the 29th", "the day before a leap day's child's 28th", "that very date", "not each year then",
        "thirty days before it expires", "whatever the time it expires",
    ],
)  # fmt: skip
def test_whose_day_it_is(tenant, live, launched, born, days, is_yearly, day, value, is_theirs):
    person = born(value) if value is not None else born("x", email="x@example.test")
    if value is None:
        Profile.objects.filter(pk=person.pk).update(attributes={})
    date_of = anniversaries.make("birthday", days=days, is_yearly=is_yearly)
    morning = berlin(f"{day}T09:00")
    fields = repeating("daily", f"{day}T09:00") | {"date_of": date_of}
    campaign = launched(morning - timedelta(hours=2), **fields)
    rule = anniversaries.audience(campaign.versions.get(), day)
    seen = facts.load(tenant_id=tenant.pk, ids=[person.pk], rules=[rule], now=morning)[person.pk]
    assert memory.matches(rule, seen, now=morning) is is_theirs
    live(morning + timedelta(hours=1))
    assert Delivery.objects.filter(campaign=campaign, state="sent").count() == is_theirs


def test_before_the_launch_those_are_counted_whose_day_comes_next(launched, born):
    for n, day in enumerate(("1990-06-16", "1991-06-16", "1990-06-15", "1990-06-17")):
        born(day, email=f"p{n}@example.test")
    fields = repeating("daily", "2026-06-16T09:00") | {"date_of": BIRTHDAY}
    campaign = launched(berlin("2026-06-15T12:00"), **fields)
    version = campaign.versions.get()
    assert version.counts["audience"] == 2
    that_evening = launching.counts(version, now=berlin("2026-06-16T18:00"))
    assert that_evening.audience == 1


def test_each_gets_it_on_their_own_day_and_by_their_own_clock(live, launched, born):
    """Kiribati's day begins a day before Hawaii's: each is asked about the date their own clock shows."""
    zones = {
        "Pacific/Kiritimati": "1990-06-16",
        "Europe/Berlin": "1991-06-16",
        "Pacific/Honolulu": "1992-06-16",
    }
    for zone, birthday in zones.items():
        born(birthday, timezone=zone)
    born("1990-06-17", timezone="Europe/Berlin")
    fields = repeating("daily", "2026-06-14T09:00", clock="person") | {"date_of": BIRTHDAY}
    campaign = launched(berlin("2026-06-13T12:00"), **fields)
    live(berlin("2026-06-20T12:00"))
    sent = Delivery.objects.filter(campaign=campaign, state="sent").order_by("due_at")
    assert [(row.profile.timezone, row.occasion) for row in sent.select_related("profile")] == [
        ("Pacific/Kiritimati", "2026-06-16"),
        ("Europe/Berlin", "2026-06-16"),
        ("Pacific/Honolulu", "2026-06-16"),
        ("Europe/Berlin", "2026-06-17"),
    ]


def test_a_date_that_changes_meanwhile_is_looked_at_again(tenant, live, launched, born):
    person = born("1990-06-16", timezone="Pacific/Honolulu")
    fields = repeating("daily", "2026-06-16T09:00", clock="person") | {"date_of": BIRTHDAY}
    campaign = launched(berlin("2026-06-15T06:00"), **fields)
    live(berlin("2026-06-15T22:00"))
    assert Delivery.objects.get(campaign=campaign).state == "planned"
    Profile.objects.filter(pk=person.pk).update(attributes={"birthday": "1990-08-01"})
    live(berlin("2026-06-17T12:00"))
    row = Delivery.objects.get(campaign=campaign)
    assert (row.state, row.reason) == ("skipped", "left_audience")


def test_why_says_so_for_somebody_whose_day_it_is_not(tenant, launched, born):
    person = born("1990-08-01")
    fields = repeating("daily", "2026-06-16T09:00") | {"date_of": BIRTHDAY}
    campaign = launched(berlin("2026-06-15T06:00"), **fields)
    told = explain.why(campaign, person, now=clock.now(tenant))
    assert (told.verdict, told.now and told.now.decision.reason) == ("never_entered", "left_audience")


@pytest.mark.parametrize(
    ("date_of", "said"),
    [
        (BIRTHDAY, "on their birthday, every year"),
        (anniversaries.make("birthday", days=-1, is_yearly=True), "1 day before their birthday, every year"),
        (anniversaries.make("expires", days=30, is_yearly=False), "30 days after their expires"),
    ],
)
def test_it_is_said(launched, date_of, said):
    campaign = launched(berlin("2026-06-15T06:00"), **repeating("daily", "2026-06-16T09:00"))
    version = campaign.versions.get()
    version.date_of = date_of
    assert said in summary.sentence(version)


@pytest.mark.parametrize(("name", "days"), [("", 0), ("birthday", 366), ("birthday", -366)])
def test_what_is_no_day_is_refused(name, days):
    with pytest.raises(InvalidRule):
        anniversaries.make(name, days=days, is_yearly=True)
