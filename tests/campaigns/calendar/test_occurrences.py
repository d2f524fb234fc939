"""A schedule's occurrences: those of its local dates, each once, wherever one starts to look."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.calendar import wall
from campaigns.calendar.occurrences import Occurrence, occurrences
from campaigns.calendar.schedule import Schedule
from tests.campaigns.calendar.clock_changes import ZONES
from tests.campaigns.calendar.schedules import schedules

BERLIN, APIA = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")
LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(
    schedule: Schedule, count: int, zone: ZoneInfo = BERLIN, after: datetime = LONG_AGO
) -> list[Occurrence]:
    return list(islice(occurrences(schedule, zone, after), count))


def keys(found: list[Occurrence]) -> list[str]:
    return [one.key for one in found]


@pytest.mark.parametrize(
    "schedule, expected",
    [
        pytest.param(Schedule("once", datetime(2026, 3, 3, 9)), ["2026-03-03"], id="once"),
        pytest.param(
            Schedule("daily", datetime(2026, 2, 27, 9)), ["2026-02-27", "2026-02-28", "2026-03-01"], id="daily"
        ),
        pytest.param(
            Schedule("daily", datetime(2026, 2, 27, 9), every=30), ["2026-02-27", "2026-03-29", "2026-04-28"], id="30"
        ),
        pytest.param(
            Schedule("weekly", datetime(2026, 3, 3, 9)), ["2026-03-03", "2026-03-10", "2026-03-17"], id="weekly"
        ),
        pytest.param(
            Schedule("weekly", datetime(2026, 3, 3, 9), every=2, weekdays=(1, 4)),
            ["2026-03-03", "2026-03-06", "2026-03-17", "2026-03-20"],
            id="every second Tuesday and Friday",
        ),
        pytest.param(
            Schedule("weekly", datetime(2026, 3, 6, 9), every=2, weekdays=(1, 4)),
            ["2026-03-06", "2026-03-17", "2026-03-20"],
            id="begun in the middle of a week",
        ),
        pytest.param(
            Schedule("weekly", datetime(2026, 3, 8, 9), every=2, weekdays=(0, 6)),
            ["2026-03-08", "2026-03-16", "2026-03-22"],
            id="a week begins on Monday",
        ),
        pytest.param(
            Schedule("monthly", datetime(2026, 1, 31, 9)),
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"],
            id="the 31st is the last day",
        ),
        pytest.param(
            Schedule("monthly", datetime(2026, 11, 30, 9), day=31),
            ["2026-11-30", "2026-12-31", "2027-01-31"],
            id="the last day, begun in a short month",
        ),
        pytest.param(
            Schedule("monthly", datetime(2027, 11, 30, 9)),
            ["2027-11-30", "2027-12-30", "2028-01-30", "2028-02-29", "2028-03-30"],
            id="the 30th in a leap year",
        ),
        pytest.param(
            Schedule("monthly", datetime(2026, 11, 15, 9), every=2),
            ["2026-11-15", "2027-01-15", "2027-03-15"],
            id="every second month over New Year",
        ),
        pytest.param(
            Schedule("monthly", datetime(2024, 2, 29, 9), every=12),
            ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"],
            id="every year on leap day",
        ),
        pytest.param(
            Schedule("daily", datetime(2026, 2, 27, 9), until=date(2026, 2, 28)), ["2026-02-27", "2026-02-28"], id="end"
        ),
        pytest.param(
            Schedule("daily", datetime(8999, 12, 30, 9), until=date(9999, 12, 31)),
            ["8999-12-30", "8999-12-31"],
            id="the end of the calendar",
        ),
    ],
)  # fmt: skip
def test_dates_are_counted_from_the_anchor(schedule, expected):
    found = keys(first(schedule, len(expected)))
    ends = schedule.kind == "once" or schedule.until or schedule.anchor.year > 8000
    assert found == expected
    assert len(first(schedule, 6)) == (len(expected) if ends else 6)


@pytest.mark.parametrize(
    "zone, anchor, expected",
    [
        pytest.param(
            "Europe/Berlin",
            "2026-03-28T02:30",
            ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"],
            id="a gap moves one day only",
        ),
        pytest.param(
            "Europe/Berlin",
            "2026-10-24T02:30",
            ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"],
            id="an hour that comes twice has one",
        ),
        pytest.param(
            "Pacific/Apia",
            "2011-12-29T09:00",
            ["2011-12-29T19:00", "2011-12-30T10:00", "2011-12-30T19:00"],
            id="the lost day has one when it is over",
        ),
        pytest.param(
            "Pacific/Apia",
            "2011-12-29T00:00",
            ["2011-12-29T10:00", "2011-12-30T10:00", "2011-12-30T10:00", "2011-12-31T10:00"],
            id="at midnight the lost day and the next share an instant",
        ),
    ],
)
def test_clock_changes_neither_skip_nor_repeat(zone, anchor, expected):
    anchor = datetime.fromisoformat(anchor)
    found = first(Schedule("daily", anchor), len(expected), ZoneInfo(zone))
    assert [one.at for one in found] == [utc(text) for text in expected]
    assert [one.local for one in found] == [anchor + timedelta(days=day) for day in range(len(expected))]
    assert keys(found) == [f"{one.local:%Y-%m-%d}" for one in found]


def test_the_first_moment_is_left_out_and_the_last_is_not():
    daily = Schedule("daily", datetime(2026, 7, 1, 9))
    assert keys(list(occurrences(daily, BERLIN, utc("2026-07-01T07:00"), utc("2026-07-03T07:00")))) == [
        "2026-07-02",
        "2026-07-03",
    ]
    assert list(occurrences(daily, BERLIN, utc("2026-07-03T07:00"), utc("2026-07-03T07:00"))) == []


@pytest.mark.parametrize("moments", [(datetime(2026, 7, 1),), (LONG_AGO, datetime(2026, 7, 1))])
def test_moments_must_be_aware(moments):
    with pytest.raises(ValueError, match="aware"):
        next(occurrences(Schedule("daily", datetime(2026, 7, 1, 9)), BERLIN, *moments))


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly"])
def test_looking_far_ahead_takes_no_longer(kind):
    schedule, began = Schedule(kind, datetime(1900, 1, 1, 9)), process_time()
    for year in range(8800, 8900):
        assert first(schedule, 1, after=datetime(year, 5, 5, tzinfo=UTC))[0].local.year == year
    assert process_time() - began < 1  # a walk from the anchor would take minutes


def walk(schedule: Schedule, last: date) -> Iterator[date]:
    """The schedule's dates, by asking each day from the anchor on."""
    day, anchor = schedule.anchor.date(), schedule.anchor.date()
    weeks = months = 0  # begun since the anchor's
    while day <= min(last, schedule.until or last):
        is_last = (day + timedelta(days=1)).day == 1
        comes_round = {
            "once": day == anchor,
            "daily": (day - anchor).days % schedule.every == 0,
            "weekly": weeks % schedule.every == 0
            and day.weekday() in (schedule.weekdays or (anchor.weekday(),)),
            "monthly": months % schedule.every == 0
            and (day.day == schedule.on_day or (is_last and day.day < schedule.on_day)),
        }
        if comes_round[schedule.kind]:
            yield day
        day += timedelta(days=1)
        weeks += day.weekday() == 0
        months += day.day == 1


@given(schedules(most_every=5), st.sampled_from(ZONES), st.integers(-500, 1500), st.integers(0, 400))
def test_any_part_of_a_schedule_is_what_a_walk_from_the_anchor_finds(schedule, name, skipped, length):
    zone = ZoneInfo(name)
    after = schedule.anchor.replace(tzinfo=UTC) + timedelta(days=skipped)
    until = after + timedelta(days=length)
    expected = [
        Occurrence(key=day.isoformat(), local=local, at=wall.instant(local, zone))
        for day in walk(schedule, until.date() + timedelta(days=2))
        for local in [datetime.combine(day, schedule.anchor.time())]
        if after < wall.instant(local, zone) <= until
    ]
    assert list(occurrences(schedule, zone, after, until)) == expected


@given(schedules(), st.sampled_from(ZONES), st.lists(st.integers(-10, 3000), min_size=2, max_size=6))
def test_parts_of_a_schedule_join_without_loss_or_repeat(schedule, name, days):
    zone, start = ZoneInfo(name), schedule.anchor.replace(tzinfo=UTC)
    cuts = [start + timedelta(days=day) for day in sorted(days)]
    parts = [one for after, until in pairwise(cuts) for one in occurrences(schedule, zone, after, until)]
    assert parts == list(occurrences(schedule, zone, cuts[0], cuts[-1]))
    assert len(set(keys(parts))) == len(parts)
