"""Occurrences, windows, quiet hours and periods against a walk through every minute around every clock change.

The definitions here are naive on purpose: they know what the clock showed in each minute, and nothing of offsets.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime, time, timedelta
from operator import gt
from random import Random

import pytest

from campaigns.calendar import periods
from campaigns.calendar.occurrences import occurrences
from campaigns.calendar.schedule import Schedule
from campaigns.calendar.windows import (
    EVERY_DAY,
    Quiet,
    Window,
    closes_at,
    is_open,
    next_allowed,
    next_opening,
    quiet_until,
)
from tests.campaigns.calendar.clock_changes import MINUTE, WEEK, ZONES, Strip, aimed_at, minutes, strips

TIMES, SCHEDULES = 9, 2  # for each clock change, and for each time
WINDOWS, MOMENTS = 4, 3  # for each clock change, and for each window


def test_every_zone_is_aimed_at_and_cases_are_many():
    found = [len(aimed_at(name)) for name in ZONES]
    assert min(found) > 0
    assert sum(found) * (TIMES * SCHEDULES + WINDOWS * MOMENTS) > 10_000


# Occurrences


def aimed_times(strip: Strip) -> list[time]:
    """Just before, in, and just after what the clock skips or shows twice."""
    first, second = sorted(strip.jump)
    around = (first - 1, first, first + 1, (first + second) // 2, second - 1, second, second + 1, first - 61)
    return [as_time(minute) for minute in around] + [time()]


def as_time(minute: int) -> time:
    return time(minute % 1440 // 60, minute % 60)


def schedules(strip: Strip, at: time, random: Random) -> list[Schedule]:
    near = datetime.combine(strip.change.date() + timedelta(days=random.randint(-1, 1)), at)
    years_ago = near - timedelta(days=random.randrange(2000))
    others = [
        Schedule("daily", years_ago, every=random.randint(2, 3)),
        Schedule("weekly", years_ago, weekdays=(years_ago.weekday(), *random.sample(range(7), 4))),
        Schedule("monthly", near.replace(year=near.year - 1, month=1, day=31)),
        Schedule("once", near),
    ]
    return [Schedule("daily", years_ago), *random.sample(others, SCHEDULES - 1)]


def comes_round(schedule: Schedule, day: date) -> bool:
    first = schedule.anchor.date()
    if schedule.kind == "once":
        return day == first
    if schedule.kind == "daily":
        return day >= first and (day - first).days % schedule.every == 0
    if schedule.kind == "weekly":
        return day >= first and day.weekday() in schedule.weekdays
    return day >= first and (day.day == 31 or (day + timedelta(days=1)).day == 1)


def expected_occurrences(strip: Strip, schedule: Schedule) -> list[tuple[str, datetime]]:
    """A date's occurrence is in the first minute by which the clock has shown its time."""
    days = (date.fromordinal(day + 1) for day in range(strip.shown[0] // 1440, strip.shown[-1] // 1440 + 1))
    wanted = [(day, minutes(datetime.combine(day, schedule.anchor.time()))) for day in days]
    return [
        (day.isoformat(), strip.at(bisect_left(strip.shown, minute)))
        for day, minute in wanted
        if strip.shown[0] < minute <= strip.shown[-1] and comes_round(schedule, day)
    ]


@pytest.mark.parametrize("name", ZONES)
def test_each_local_date_has_one_occurrence(name):
    random = Random(name)
    for strip in strips(name):
        for at in aimed_times(strip):
            for schedule in schedules(strip, at, random):
                expected = expected_occurrences(strip, schedule)
                after = strip.at(random.randrange(len(strip.shown)))
                found = [
                    (one.key, one.at) for one in occurrences(schedule, strip.zone, strip.start, strip.end)
                ]
                later = [(one.key, one.at) for one in occurrences(schedule, strip.zone, after, strip.end)]
                assert found == expected, (strip.change, schedule)
                assert later == [one for one in expected if one[1] > after], (strip.change, schedule, after)


# Send windows and quiet hours


def aimed_hours(strip: Strip, random: Random) -> tuple[time, time]:
    first, second = sorted(strip.jump)
    edges = [first + offset for offset in (-90, -1, 0, 1, 15, 25)] + [
        second + offset for offset in (-5, -1, 0, 1, 90)
    ]
    start, end = random.choice(edges), random.choice([*edges, 0, 22 * 60, 8 * 60])
    return as_time(start), as_time(end)


def aimed_weekdays(strip: Strip, random: Random) -> frozenset[int]:
    of_change = strip.jump[0] // 1440 % 7
    return random.choice(
        [
            EVERY_DAY,
            EVERY_DAY,
            frozenset({of_change}),
            frozenset({(of_change - 1) % 7}),
            EVERY_DAY - {of_change},
        ]
    )


def aimed_moment(strip: Strip, random: Random) -> datetime:
    near, hours = random.randint(-3, 3), random.randint(-200, 200)
    anywhere = random.randrange(len(strip.shown))
    return random.choice([strip.change + near * MINUTE, strip.change + hours * MINUTE, strip.at(anywhere)])


def length(hours: Window | Quiet) -> int:
    start, end = (at.hour * 60 + at.minute for at in (hours.start, hours.end))
    return (end - start) % 1440 or 1440


def openings(hours: Window | Quiet) -> list[int]:
    weekdays = hours.weekdays if isinstance(hours, Window) else EVERY_DAY
    return [day * 1440 + hours.start.hour * 60 + hours.start.minute for day in weekdays]


def week_of(hours: Window | Quiet) -> bytes:
    """For each minute of a week without clock changes whether it is within the hours."""
    week = bytearray(WEEK)
    for opening in openings(hours):
        of_next_week = max(opening + length(hours) - WEEK, 0)
        week[opening : opening + length(hours)] = b"\1" * (length(hours) - of_next_week)
        week[:of_next_week] = b"\1" * of_next_week
    return bytes(week)


def within(strip: Strip, week: bytes) -> bytearray:
    """For each minute of the strip whether the furthest that the clock has shown is within the hours."""
    return bytearray(map(week.__getitem__, strip.of_week))


def open_minutes(strip: Strip, window: Window, week: bytes) -> bytearray:
    """As ``within``; and those wholly in lost minutes are made up for when the clock has changed."""
    found, changed = within(strip, week), strip.index(strip.change)
    starts = set(openings(window))
    for minute in strip.lost:
        if minute % WEEK in starts and minute + length(window) <= strip.lost.stop:
            found[changed : changed + length(window)] = b"\1" * length(window)
    return found


def agrees(strip: Strip, found: datetime | None, expected: int) -> bool:
    """Whether the moment found is that of the minute's number, or lies beyond the strip for none."""
    if expected == -1:
        return found is None or found > strip.end
    return found == strip.at(expected)


@pytest.mark.parametrize("name", ZONES)
def test_windows_and_quiet_hours_are_what_the_clock_shows(name):
    random = Random(name)
    for strip in strips(name):
        for _ in range(WINDOWS):
            window = Window(*aimed_hours(strip, random), weekdays=aimed_weekdays(strip, random))
            quiet = Quiet(*aimed_hours(strip, random))
            moments = [aimed_moment(strip, random) for _ in range(MOMENTS)]
            compare(strip, window, quiet, moments)


def compare(strip: Strip, window: Window, quiet: Quiet, moments: list[datetime]) -> None:
    week, quiet_week = week_of(window), week_of(quiet) if quiet.start != quiet.end else bytes(WEEK)
    opened, silent = open_minutes(strip, window, week), within(strip, quiet_week)
    room = any(map(gt, week, quiet_week))
    allowed = bytes(map(gt, opened, silent))
    for moment in moments:
        case, index = (strip.change, window, quiet, moment), strip.index(moment)
        opening = opened.find(1, index)
        closing = opened.find(0, opening) if opening >= 0 else -1
        assert is_open(window, strip.zone, moment) == bool(opened[index]), case
        assert agrees(strip, next_opening(window, strip.zone, moment), opening), case
        assert agrees(strip, closes_at(window, strip.zone, moment), closing), case
        assert agrees(strip, quiet_until(quiet, strip.zone, moment), silent.find(0, index)), case
        found = next_allowed(moment, strip.zone, window, quiet)
        assert agrees(strip, found, allowed.find(1, index)) if room else found is None, case


# Periods


@pytest.mark.parametrize("name", ZONES)
def test_periods_follow_each_other_without_gap_or_overlap(name):
    random = Random(name)
    for strip in strips(name):
        midnights = [
            index for index in range(1, len(strip.shown)) if day(strip, index) != day(strip, index - 1)
        ]
        for index in [
            0,
            *midnights,
            *(m - 1 for m in midnights),
            *random.choices(range(len(strip.shown)), k=20),
        ]:
            moment, today = strip.at(index), date.fromordinal(day(strip, index) + 1)
            monday = today - timedelta(days=today.weekday())
            later = [midnight for midnight in midnights if midnight > index]
            assert periods.key(moment, strip.zone, "day") == today.isoformat(), moment
            assert periods.key(moment, strip.zone, "week") == monday.isoformat(), moment
            assert agrees(strip, periods.ends_at(moment, strip.zone, "day"), later[0] if later else -1), (
                moment
            )
            end = periods.ends_at(moment, strip.zone, "week")
            assert periods.key(end - MINUTE, strip.zone, "week") == monday.isoformat(), moment
            assert periods.key(end, strip.zone, "week") == (monday + timedelta(days=7)).isoformat(), moment


def day(strip: Strip, index: int) -> int:
    return strip.shown[index] // 1440
