"""Send windows and quiet hours, case by case. test_clock_changes.py walks around every change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.calendar.windows import (
    BadHours,
    Quiet,
    Window,
    closes_at,
    is_open,
    next_allowed,
    next_opening,
    quiet_until,
)
from tests.campaigns.calendar.clock_changes import ZONES

BERLIN, NEW_YORK, APIA = (ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Pacific/Apia"))
MONDAY, FRIDAY, SUNDAY = 0, 4, 6
OFFICE = Window(time(9), time(18), frozenset(range(5)))
NIGHT = Window(time(22), time(2), frozenset({FRIDAY}))
ALL_DAY = Window(time(9), time(9))
GAP = Window(time(2, 15), time(2, 45), frozenset({SUNDAY}))
TWICE = Window(time(2, 30), time(4), frozenset({SUNDAY}))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "window, zone, moment, opens, closes",
    [
        pytest.param(OFFICE, BERLIN, "2026-07-01T06:59:59", "2026-07-01T07:00", "2026-07-01T16:00", id="just before"),
        pytest.param(OFFICE, BERLIN, "2026-07-01T07:00", "2026-07-01T07:00", "2026-07-01T16:00", id="at the start"),
        pytest.param(OFFICE, BERLIN, "2026-07-01T15:59:59", "2026-07-01T15:59:59", "2026-07-01T16:00", id="just open"),
        pytest.param(OFFICE, BERLIN, "2026-07-01T16:00", "2026-07-02T07:00", "2026-07-02T16:00", id="the end is out"),
        pytest.param(OFFICE, BERLIN, "2026-07-03T16:00", "2026-07-06T07:00", "2026-07-06T16:00", id="over a weekend"),
        pytest.param(OFFICE, NEW_YORK, "2026-07-01T07:00", "2026-07-01T13:00", "2026-07-01T22:00", id="another zone"),
        pytest.param(NIGHT, BERLIN, "2026-07-03T23:30", "2026-07-03T23:30", "2026-07-04T00:00", id="past midnight"),
        pytest.param(NIGHT, BERLIN, "2026-07-02T23:30", "2026-07-03T20:00", "2026-07-04T00:00", id="shut on Thursday"),
        pytest.param(NIGHT, BERLIN, "2026-07-04T20:30", "2026-07-10T20:00", "2026-07-11T00:00", id="a week to wait"),
        pytest.param(ALL_DAY, BERLIN, "2026-07-04T03:00", "2026-07-04T03:00", None, id="never shut"),
        pytest.param(
            Window(time(), time(), frozenset(range(5))),
            BERLIN, "2026-07-01T12:00", "2026-07-01T12:00", "2026-07-03T22:00",
            id="all day from Monday to Friday",
        ),
        pytest.param(
            Window(time(9), time(9), frozenset({MONDAY})),
            BERLIN, "2026-07-01T12:00", "2026-07-06T07:00", "2026-07-07T07:00",
            id="all day from the opening on",
        ),
        pytest.param(GAP, BERLIN, "2026-03-28T12:00", "2026-03-29T01:00", "2026-03-29T01:30", id="wholly in a gap"),
        pytest.param(GAP, BERLIN, "2026-03-29T01:29", "2026-03-29T01:29", "2026-03-29T01:30", id="made up for in full"),
        pytest.param(GAP, BERLIN, "2026-03-29T01:30", "2026-04-05T00:15", "2026-04-05T00:45", id="made up for once"),
        pytest.param(GAP, BERLIN, "2026-10-25T00:45", "2026-11-01T01:15", "2026-11-01T01:45", id="not twice in a fold"),
        pytest.param(
            Window(time(1), time(2, 30)), BERLIN, "2026-03-29T00:30", "2026-03-29T00:30", "2026-03-29T01:00", id="gap"
        ),
        pytest.param(
            Window(time(2, 30), time(4)), BERLIN, "2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T02:00",
            id="out of a gap",
        ),
        pytest.param(TWICE, BERLIN, "2026-10-25T00:15", "2026-10-25T00:30", "2026-10-25T03:00", id="before passes"),
        pytest.param(TWICE, BERLIN, "2026-10-25T01:15", "2026-10-25T01:15", "2026-10-25T03:00", id="between them"),
        pytest.param(
            Window(time(9), time(18), frozenset({FRIDAY})),
            APIA, "2011-12-29T20:00", "2011-12-30T10:00", "2011-12-30T19:00",
            id="on a lost day",
        ),
    ],
)  # fmt: skip
def test_a_window_opens_and_closes_by_the_clock(window, zone, moment, opens, closes):
    assert next_opening(window, zone, utc(moment)) == utc(opens)
    assert closes_at(window, zone, utc(moment)) == (closes and utc(closes))
    assert is_open(window, zone, utc(moment)) == (opens == moment)


DAYTIME = Quiet(time(21), time(8))


@pytest.mark.parametrize(
    "quiet, zone, moment, expected",
    [
        pytest.param(DAYTIME, BERLIN, "2026-07-01T18:59:59", "2026-07-01T18:59:59", id="just before"),
        pytest.param(DAYTIME, BERLIN, "2026-07-01T19:00", "2026-07-02T06:00", id="from the start"),
        pytest.param(DAYTIME, BERLIN, "2026-07-02T05:59:59", "2026-07-02T06:00", id="to the end"),
        pytest.param(DAYTIME, BERLIN, "2026-07-02T06:00", "2026-07-02T06:00", id="the end is out"),
        pytest.param(DAYTIME, BERLIN, "2026-03-28T21:00", "2026-03-29T06:00", id="a short night"),
        pytest.param(DAYTIME, BERLIN, "2026-10-24T21:00", "2026-10-25T07:00", id="a long night"),
        pytest.param(Quiet(time(12), time(14)), BERLIN, "2026-07-01T11:00", "2026-07-01T12:00", id="at noon"),
        pytest.param(Quiet(time(9), time(9)), BERLIN, "2026-07-01T11:00", "2026-07-01T11:00", id="none"),
        pytest.param(Quiet(time(22), time(2, 30)), BERLIN, "2026-03-28T22:00", "2026-03-29T01:00", id="ends in a gap"),
        pytest.param(Quiet(time(2, 15), time(2, 45)), BERLIN, "2026-03-29T01:00", "2026-03-29T01:00", id="in a gap"),
        pytest.param(Quiet(time(3), time(2)), BERLIN, "2026-03-28T12:00", "2026-03-30T00:00", id="a break in a gap"),
        pytest.param(Quiet(time(22), time(8)), APIA, "2011-12-30T09:00", "2011-12-30T18:00", id="a lost day is quiet"),
    ],
)  # fmt: skip
def test_quiet_hours_last_until_the_clock_shows_their_end(quiet, zone, moment, expected):
    assert quiet_until(quiet, zone, utc(moment)) == utc(expected)
    assert next_allowed(utc(moment), zone, None, quiet) == utc(expected)


@pytest.mark.parametrize(
    "window, quiet, moment, expected",
    [
        pytest.param(None, None, "2026-07-01T03:00", "2026-07-01T03:00", id="no limits"),
        pytest.param(OFFICE, None, "2026-07-01T03:00", "2026-07-01T07:00", id="a window alone"),
        pytest.param(OFFICE, DAYTIME, "2026-07-03T17:00", "2026-07-06T07:00", id="both"),
        pytest.param(OFFICE, Quiet(time(20), time(10)), "2026-07-03T17:00", "2026-07-06T08:00", id="quiet ends later"),
        pytest.param(OFFICE, Quiet(time(12), time(14)), "2026-07-01T11:00", "2026-07-01T12:00", id="quiet at noon"),
        pytest.param(OFFICE, Quiet(time(12), time(20)), "2026-07-03T11:00", "2026-07-06T07:00", id="quiet to its end"),
        pytest.param(NIGHT, Quiet(time(21), time(1)), "2026-07-01T11:00", "2026-07-03T23:00", id="an hour left"),
        pytest.param(NIGHT, Quiet(time(21), time(2)), "2026-07-01T11:00", None, id="quiet as long as the window"),
        pytest.param(NIGHT, DAYTIME, "2026-07-01T11:00", None, id="a window inside quiet hours"),
        pytest.param(NIGHT, Quiet(time(21), time(21)), "2026-07-01T11:00", "2026-07-03T20:00", id="no quiet hours"),
        pytest.param(ALL_DAY, DAYTIME, "2026-07-01T22:00", "2026-07-02T06:00", id="all day"),
        pytest.param(Window(time(), time()), DAYTIME, "2026-07-01T22:00", "2026-07-02T06:00", id="from midnight on"),
        pytest.param(GAP, Quiet(time(2), time(3)), "2026-03-28T12:00", None, id="a gap leaves no moment free"),
        pytest.param(
            Window(time(2), time(3), frozenset({SUNDAY})), Quiet(time(2, 30), time(2)),
            "2026-03-28T12:00", "2026-04-05T00:00",
            id="what is left lies in a gap",
        ),
    ],
)  # fmt: skip
def test_the_next_allowed_moment_is_in_the_window_and_not_quiet(window, quiet, moment, expected):
    assert next_allowed(utc(moment), BERLIN, window, quiet) == (expected and utc(expected))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Window(time(9), time(18), frozenset()),
        lambda: Window(time(9), time(18), frozenset({7})),
        lambda: Window(time(9, tzinfo=UTC), time(18)),
        lambda: Quiet(time(21), time(8, tzinfo=UTC)),
    ],
)
def test_hours_that_cannot_be_meant_say_what_to_do(make):
    with pytest.raises(BadHours, match=r"^(Choose at least one weekday|Give times without a zone)"):
        make()


@pytest.mark.parametrize("ask", [is_open, next_opening, closes_at])
def test_a_window_is_asked_about_aware_moments(ask):
    with pytest.raises(ValueError, match="aware"):
        ask(OFFICE, BERLIN, datetime(2026, 7, 1))


def test_quiet_hours_are_asked_about_aware_moments():
    for quiet in (DAYTIME, Quiet(time(9), time(9))):
        with pytest.raises(ValueError, match="aware"):
            quiet_until(quiet, BERLIN, datetime(2026, 7, 1))
    with pytest.raises(ValueError, match="aware"):
        next_allowed(datetime(2026, 7, 1), BERLIN, None, None)


def test_answers_are_in_utc():
    local = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    assert next_opening(ALL_DAY, BERLIN, local) == utc("2026-10-25T01:30")
    assert next_opening(ALL_DAY, BERLIN, local).tzinfo is UTC
    assert is_open(ALL_DAY, BERLIN, local)
    assert quiet_until(Quiet(time(9), time(9)), BERLIN, local).tzinfo is UTC
    assert next_allowed(local, BERLIN, None, None).tzinfo is UTC


hours = st.times().map(lambda at: at.replace(microsecond=0))
windows = st.builds(Window, hours, hours, st.frozensets(st.integers(0, 6), min_size=1))
quiets = st.builds(Quiet, hours, hours)
moments = st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(windows, quiets, moments, st.sampled_from(ZONES))
def test_what_is_allowed_is_open_and_not_quiet_and_stays_so(window, quiet, moment, name):
    zone = ZoneInfo(name)
    at = next_allowed(moment, zone, window, quiet)
    if at is None:
        return
    assert at >= moment
    assert is_open(window, zone, at)
    assert quiet_until(quiet, zone, at) == at
    assert next_allowed(at, zone, window, quiet) == at
    assert at - moment < timedelta(days=15)


@given(windows, moments, st.sampled_from(ZONES))
def test_a_window_is_open_until_it_closes_and_not_then(window, moment, name):
    zone = ZoneInfo(name)
    opens, closes = next_opening(window, zone, moment), closes_at(window, zone, moment)
    assert is_open(window, zone, opens)
    assert (closes is None) == window.never_closes
    if closes:
        assert opens < closes
        assert is_open(window, zone, closes - timedelta(seconds=1))
        assert not is_open(window, zone, closes)


def test_the_order_and_kind_of_weekdays_do_not_matter():
    assert Window(time(9), time(18), [4, 0, 4]) == Window(time(9), time(18), frozenset({0, 4}))
