"""A wall-clock time has one instant in every zone, whatever its clocks do."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from campaigns.calendar import wall
from tests.campaigns.calendar.clock_changes import changes

BERLIN, SECOND = ZoneInfo("Europe/Berlin"), timedelta(seconds=1)


@pytest.mark.parametrize(
    "zone, local, expected",
    [
        pytest.param("Europe/Berlin", "2026-07-01T09:00", "2026-07-01T07:00", id="summer"),
        pytest.param(
            "Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59", id="the last second before a gap"
        ),
        pytest.param("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00", id="a gap's first minute"),
        pytest.param("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00", id="inside a gap"),
        pytest.param(
            "Europe/Berlin", "2026-03-29T02:59:59.999999", "2026-03-29T01:00", id="a gap's last microsecond"
        ),
        pytest.param(
            "Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00", id="the first minute after a gap"
        ),
        pytest.param("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30", id="an hour that comes twice"),
        pytest.param(
            "Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00", id="the hour after one that came twice"
        ),
        pytest.param(
            "Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30", id="a gap of half an hour"
        ),
        pytest.param(
            "Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45", id="half an hour that comes twice"
        ),
        pytest.param(
            "America/Sao_Paulo", "2018-11-04T00:00", "2018-11-04T03:00", id="a midnight that is skipped"
        ),
        pytest.param(
            "America/St_Johns", "2010-11-07T00:00", "2010-11-07T02:30", id="a midnight that comes twice"
        ),
        pytest.param(
            "Pacific/Apia", "2011-12-30T00:00", "2011-12-30T10:00", id="the first minute of a lost day"
        ),
        pytest.param(
            "Pacific/Apia", "2011-12-30T23:59", "2011-12-30T10:00", id="the last minute of a lost day"
        ),
        pytest.param(
            "Pacific/Kiritimati", "1994-12-31T12:00", "1994-12-31T10:00", id="a lost New Year's Eve"
        ),
        pytest.param(
            "Asia/Kathmandu", "2026-07-01T09:00", "2026-07-01T03:15", id="three quarters of an hour"
        ),
        pytest.param(
            "Europe/Berlin", "2100-06-01T09:00", "2100-06-01T07:00", id="beyond the tables of the database"
        ),
        pytest.param(
            "Africa/Monrovia", "1960-06-01T09:00", "1960-06-01T09:44:30", id="an offset with seconds"
        ),
    ],
)
def test_an_instant_is_the_first_at_which_the_clock_shows_the_time_or_later(zone, local, expected):
    found = wall.instant(datetime.fromisoformat(local), ZoneInfo(zone))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert found.tzinfo is UTC


def test_all_zones_agree_with_their_clocks_around_every_change():
    for name in available_timezones():
        zone = ZoneInfo(name)
        for change in changes(zone, datetime(2011, 1, 1, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC)):
            before, after = (wall.reading(change - SECOND, zone), wall.reading(change, zone))
            for local in (
                before,
                before + SECOND,
                min(before, after) + abs(after - before) / 2,
                after,
                after - SECOND,
            ):
                at = wall.instant(local, zone)
                assert wall.reading(at, zone) >= local, (name, local)
                assert wall.reading(at - SECOND, zone) < local, (name, local)


def test_a_later_time_is_never_at_an_earlier_instant():
    times = [
        datetime(2026, month, day, 1) + timedelta(minutes=7 * n)
        for month, day in ((3, 29), (10, 25))
        for n in range(30)
    ]
    assert all(one <= other for one, other in pairwise(wall.instant(time, BERLIN) for time in times))


def test_what_python_says_about_the_pass_changes_nothing():
    second_pass = datetime(2026, 10, 25, 2, 30, fold=1)
    assert wall.instant(second_pass, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_an_aware_time_has_no_instant_of_its_own():
    with pytest.raises(ValueError, match="naive"):
        wall.instant(datetime(2026, 7, 1, tzinfo=UTC), BERLIN)


def test_a_reading_is_naive_and_forgets_the_pass():
    assert wall.reading(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), BERLIN) == datetime(2026, 10, 25, 2, 30)
    assert wall.reading(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), BERLIN).fold == 0
    assert wall.reading(datetime(2026, 7, 1, 9, tzinfo=ZoneInfo("Asia/Tokyo")), BERLIN) == datetime(
        2026, 7, 1, 2
    )


def test_a_naive_moment_has_no_reading():
    with pytest.raises(ValueError, match="aware"):
        wall.reading(datetime(2026, 7, 1), BERLIN)


@pytest.mark.parametrize("name", ["Asia/Tokyo", "asia/tokyo", " Asia/Tokyo ", "ASIA/TOKYO"])
def test_a_zone_is_found_by_its_name_in_any_case(name):
    assert wall.zone_of(name, BERLIN) == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    "name",
    [
        None, "", " ", 7, True, ["Asia/Tokyo"], {"zone": "UTC"}, "Asia", "Asia/", "Asia/Atlantis", "UTC+2", "+02:00",
        "../UTC", "/etc/localtime", "Asia/Tokyo\0", "\ud800", "zone.tab", "posix/UTC", "localtime", "Factory", "a" * 99,
    ],
)  # fmt: skip
def test_whatever_else_people_send_falls_back(name):
    assert wall.zone_of(name, BERLIN) is BERLIN


def test_every_zone_of_the_database_is_known():
    names = available_timezones() - wall.NO_PLACES
    assert [name for name in names if wall.zone_of(name, BERLIN).key != name] == []


def test_the_calendar_imports_no_django():
    modules = "wall, schedule, words, occurrences, local_time, windows, periods"
    program = f"import sys\nfrom campaigns.calendar import {modules}\nsys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
