"""Calendar days and weeks for caps, case by case. test_clock_changes.py walks around every change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.calendar import periods
from tests.campaigns.calendar.clock_changes import ZONES


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "zone, moment, day, day_ends, week, week_ends",
    [
        pytest.param(
            "Europe/Berlin", "2026-07-01T21:59:59", "2026-07-01", "2026-07-01T22:00", "2026-06-29", "2026-07-05T22:00",
            id="before midnight",
        ),
        pytest.param(
            "Europe/Berlin", "2026-07-01T22:00", "2026-07-02", "2026-07-02T22:00", "2026-06-29", "2026-07-05T22:00",
            id="midnight is tomorrow",
        ),
        pytest.param(
            "Asia/Tokyo", "2026-07-01T21:59", "2026-07-02", "2026-07-02T15:00", "2026-06-29", "2026-07-05T15:00",
            id="another zone",
        ),
        pytest.param(
            "Europe/Berlin", "2026-12-31T12:00", "2026-12-31", "2026-12-31T23:00", "2026-12-28", "2027-01-03T23:00",
            id="a week over New Year",
        ),
        pytest.param(
            "Europe/Berlin", "2026-03-29T12:00", "2026-03-29", "2026-03-29T22:00", "2026-03-23", "2026-03-29T22:00",
            id="a day of 23 hours",
        ),
        pytest.param(
            "America/Sao_Paulo", "2018-11-04T02:59", "2018-11-03", "2018-11-04T03:00", "2018-10-29", "2018-11-05T02:00",
            id="a midnight that is skipped",
        ),
        pytest.param(
            "America/Sao_Paulo", "2018-02-18T02:30", "2018-02-17", "2018-02-18T03:00", "2018-02-12", "2018-02-19T03:00",
            id="the hour before midnight comes twice",
        ),
        pytest.param(
            "America/St_Johns", "2010-11-07T03:00", "2010-11-07", "2010-11-08T03:30", "2010-11-01", "2010-11-08T03:30",
            id="put back over midnight, a day does not begin twice",
        ),
        pytest.param(
            "Pacific/Apia", "2011-12-30T09:59", "2011-12-29", "2011-12-30T10:00", "2011-12-26", "2012-01-01T10:00",
            id="before a lost day",
        ),
        pytest.param(
            "Pacific/Apia", "2011-12-30T10:00", "2011-12-31", "2011-12-31T10:00", "2011-12-26", "2012-01-01T10:00",
            id="after a lost day",
        ),
    ],
)  # fmt: skip
def test_periods_are_the_local_calendars(zone, moment, day, day_ends, week, week_ends):
    asked = (utc(moment), ZoneInfo(zone))
    assert (periods.key(*asked, "day"), periods.ends_at(*asked, "day")) == (day, utc(day_ends))
    assert (periods.key(*asked, "week"), periods.ends_at(*asked, "week")) == (week, utc(week_ends))


@given(
    st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
    st.sampled_from(["day", "week"]),
)
def test_a_period_ends_where_the_next_begins(moment, name, period):
    zone = ZoneInfo(name)
    start, end = periods.begins_at(moment, zone, period), periods.ends_at(moment, zone, period)
    assert start <= moment < end
    assert start.tzinfo is end.tzinfo is UTC
    assert periods.begins_at(end, zone, period) == end
    assert periods.ends_at(start - timedelta(microseconds=1), zone, period) == start
    assert periods.key(start, zone, period) == periods.key(moment, zone, period)
    assert periods.key(end - timedelta(microseconds=1), zone, period) == periods.key(moment, zone, period)
    assert periods.key(end, zone, period) > periods.key(moment, zone, period)


@pytest.mark.parametrize("ask", [periods.key, periods.begins_at, periods.ends_at])
def test_periods_are_asked_about_aware_moments(ask):
    with pytest.raises(ValueError, match="aware"):
        ask(datetime(2026, 7, 1), ZoneInfo("UTC"), "day")


@pytest.mark.parametrize("ask", [periods.key, periods.begins_at, periods.ends_at])
def test_only_days_and_weeks_are_periods(ask):
    with pytest.raises(AssertionError):
        ask(datetime(2026, 7, 1, tzinfo=UTC), ZoneInfo("UTC"), "month")
