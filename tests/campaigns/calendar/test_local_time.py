"""One send at everybody's own time: in each zone once, and within known bounds."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.calendar import wall
from campaigns.calendar.local_time import earliest_instant, latest_instant, local_send
from tests.campaigns.calendar.clock_changes import ZONES

BERLIN = ZoneInfo("Europe/Berlin")
NINE = datetime(2026, 7, 1, 9)
NOW = datetime(2026, 7, 1, 7, tzinfo=UTC)  # 09:00 in Berlin


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "past, in_tokyo", [("next_day", utc("2026-07-02T00:00")), ("now", NOW), ("skip", None)]
)
def test_zones_whose_time_has_passed_are_treated_as_chosen(past, in_tokyo):
    zones = ["Asia/Tokyo", "Europe/Berlin", "America/New_York"]
    assert local_send(NINE, zones, NOW, past, fallback=BERLIN) == {
        "Asia/Tokyo": in_tokyo,
        "Europe/Berlin": NOW,  # it is nine there now
        "America/New_York": utc("2026-07-01T13:00"),
    }


def test_a_name_that_is_no_zone_counts_as_the_fallback():
    found = local_send(NINE, ["Mars/Olympus", ""], NOW, "skip", fallback=BERLIN)
    assert found == {"Mars/Olympus": NOW, "": NOW}


def test_the_answer_is_in_utc_whatever_now_is_in():
    now = NOW.astimezone(ZoneInfo("Asia/Tokyo"))
    assert local_send(NINE, ["Asia/Tokyo"], now, "now", fallback=BERLIN)["Asia/Tokyo"].tzinfo is UTC


@pytest.mark.parametrize(
    "zone, local, now, expected",
    [
        pytest.param(
            "Europe/Berlin", "2026-03-28T02:30", "2026-03-28T12:00", "2026-03-29T01:00", id="into a gap"
        ),
        pytest.param(
            "Europe/Berlin", "2026-10-25T02:30", "2026-10-25T01:00", "2026-10-26T01:30", id="between two passes"
        ),
        pytest.param("Europe/Berlin", "2026-01-01T09:00", "2026-07-01T06:00", "2026-07-01T07:00", id="months late"),
        pytest.param("Europe/Berlin", "2026-01-01T09:00", "2026-07-01T07:00", "2026-07-01T07:00", id="at that time"),
        pytest.param("Pacific/Apia", "2011-12-29T09:00", "2011-12-29T20:00", "2011-12-30T10:00", id="into a lost day"),
        pytest.param(
            "America/St_Johns", "2010-11-07T00:00", "2010-11-07T03:00", "2010-11-08T03:30", id="midnight came twice"
        ),
    ],
)  # fmt: skip
def test_the_next_day_is_the_next_that_still_has_the_time(zone, local, now, expected):
    found = local_send(datetime.fromisoformat(local), [zone], utc(now), "next_day", fallback=BERLIN)
    assert found == {zone: utc(expected)}


@given(
    st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1)), st.sampled_from(ZONES), st.integers(-3000, 9000)
)
def test_the_next_day_is_the_first_that_is_not_past(local, name, minutes):
    now, zone = local.replace(tzinfo=UTC) + timedelta(minutes=minutes), ZoneInfo(name)
    days = [wall.instant(local + timedelta(days=day), zone) for day in range(10)]
    expected = next(at for at in days if at >= now)
    assert local_send(local, [name], now, "next_day", fallback=BERLIN) == {name: expected}


def test_naive_and_aware_are_not_confused():
    with pytest.raises(ValueError, match="naive"):
        local_send(NOW, ["UTC"], NOW, "now", fallback=BERLIN)
    with pytest.raises(ValueError, match="aware"):
        local_send(NINE, ["UTC"], NINE, "now", fallback=BERLIN)
    for bound in (earliest_instant, latest_instant):
        with pytest.raises(ValueError, match="naive"):
            bound(NOW)


@pytest.mark.parametrize(
    "local",
    [
        pytest.param(datetime(2026, 7, 1, 9), id="summer"),
        pytest.param(datetime(2026, 1, 1), id="New Year"),
        pytest.param(datetime(2011, 12, 30, 12), id="Samoa's lost day"),
        pytest.param(datetime(1994, 12, 31, 12), id="Kiribati's lost day"),
        pytest.param(datetime(1900, 1, 2), id="long ago"),
        pytest.param(datetime(2100, 7, 1, 9), id="far ahead"),
    ],
)
def test_no_zone_is_earlier_than_the_earliest_nor_later_than_the_latest(local):
    instants = [wall.instant(local, wall.zone_of(name, BERLIN)) for name in available_timezones()]
    assert (min(instants), max(instants)) == (earliest_instant(local), latest_instant(local))
