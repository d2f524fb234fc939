"""What a schedule may say, how it is kept, and how it reads."""

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.calendar.schedule import BadSchedule, Schedule
from campaigns.calendar.words import in_words
from tests.campaigns.calendar.schedules import schedules

TUESDAY = datetime(2026, 3, 3, 9)
VALID = {
    "kind": "weekly",
    "anchor": "2026-03-03T09:00:00",
    "every": 2,
    "weekdays": [1, 4],
    "until": "2026-06-30",
    "day": None,
}
MONTHLY = {"kind": "monthly", "weekdays": []}


@pytest.mark.parametrize(
    "changed, field, message",
    [
        pytest.param({"kind": "hourly"}, "kind", "Choose once, daily, weekly or monthly.", id="kind"),
        pytest.param({"kind": None}, "kind", "Choose once, daily, weekly or monthly.", id="no kind"),
        pytest.param({"kind": ["once"]}, "kind", "Choose once, daily, weekly or monthly.", id="several kinds"),
        pytest.param({"anchor": None}, "anchor", "Give the first date and time without a zone", id="no anchor"),
        pytest.param({"anchor": "soon"}, "anchor", "Give the first date and time without a zone", id="words"),
        pytest.param({"anchor": 7}, "anchor", "Give the first date and time without a zone", id="number"),
        pytest.param({"anchor": "2026-03-03T09:00Z"}, "anchor", "without a zone", id="anchor with a zone"),
        pytest.param({"anchor": "0206-03-03T09:00"}, "anchor", "from 1900 to 8999", id="mistyped year"),
        pytest.param({"anchor": "9000-01-01T09:00"}, "anchor", "from 1900 to 8999", id="the end of the calendar"),
        pytest.param({"every": 0}, "every", "Choose a whole number from 1 to 999.", id="every 0"),
        pytest.param({"every": 1000}, "every", "Choose a whole number from 1 to 999.", id="every 1000"),
        pytest.param({"every": 1.5}, "every", "Choose a whole number from 1 to 999.", id="every 1.5"),
        pytest.param({"every": True}, "every", "Choose a whole number from 1 to 999.", id="every True"),
        pytest.param({"every": None}, "every", "Choose a whole number from 1 to 999.", id="every nothing"),
        pytest.param(
            {"kind": "once", "weekdays": []}, "every", "Choose daily, weekly or monthly to repeat", id="once, every 2"
        ),
        pytest.param({"weekdays": [1, 7]}, "weekdays", "Choose weekdays by numbers from 0", id="weekday 7"),
        pytest.param({"weekdays": ["Tuesday"]}, "weekdays", "Choose weekdays by numbers from 0", id="weekday's name"),
        pytest.param({"weekdays": [True]}, "weekdays", "Choose weekdays by numbers from 0", id="weekday True"),
        pytest.param({"weekdays": "1"}, "weekdays", "Choose weekdays by numbers from 0", id="weekdays as text"),
        pytest.param({"weekdays": None}, "weekdays", "Choose weekdays by numbers from 0", id="weekdays null"),
        pytest.param({"kind": "daily"}, "weekdays", "Choose weekly to send on certain weekdays", id="only weekly"),
        pytest.param(
            {"weekdays": [0, 4]},
            "anchor",
            "Tuesday, 3 March 2026 is not on a weekday chosen: choose Tuesday too, or start on Friday, 6 March 2026.",
            id="first date on another weekday",
        ),
        pytest.param({"day": 3}, "day", "Choose monthly to send on a day of the month", id="only monthly"),
        pytest.param(MONTHLY | {"day": 32}, "day", "from 1 to 31; 31 is always the last", id="day 32"),
        pytest.param(MONTHLY | {"day": True}, "day", "from 1 to 31", id="day True"),
        pytest.param(MONTHLY | {"day": 31}, "anchor", "Start on Tuesday, 31 March 2026.", id="another day"),
        pytest.param({"until": "2026-06-30T09:00"}, "until", "Give the last date without a time", id="until a moment"),
        pytest.param({"until": "never"}, "until", "Give the last date without a time", id="until a word"),
        pytest.param({"until": ""}, "until", "Give the last date without a time", id="until empty"),
        pytest.param({"until": 0}, "until", "Give the last date without a time", id="until 0"),
        pytest.param(
            {"until": "2026-03-02"}, "until", "on or after the first, Tuesday, 3 March 2026", id="until too early"
        ),
        pytest.param({"untill": "2026-06-30"}, "untill", "Leave out untill.", id="misspelt"),
    ],
)  # fmt: skip
def test_a_schedule_that_cannot_be_meant_says_what_to_do(changed, field, message):
    assert Schedule.from_json(VALID).every == 2
    with pytest.raises(BadSchedule) as caught:
        Schedule.from_json(VALID | changed)
    assert message in str(caught.value)
    assert caught.value.field == field


@pytest.mark.parametrize("data", [None, [], "daily", 7])
def test_only_an_object_is_a_schedule(data):
    with pytest.raises(BadSchedule, match="as an object with kind and anchor"):
        Schedule.from_json(data)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"anchor": TUESDAY.replace(tzinfo=UTC)}, id="an aware anchor"),
        pytest.param({"anchor": TUESDAY.date()}, id="a date for an anchor"),
        pytest.param({"until": datetime(2026, 6, 30)}, id="a moment for a date"),
        pytest.param({"until": "2026-06-30"}, id="text for a date"),
    ],
)
def test_python_values_are_checked_as_well(fields):
    with pytest.raises(BadSchedule):
        Schedule(**{"kind": "daily", "anchor": TUESDAY} | fields)


def test_a_schedule_is_kept_as_plain_json():
    schedule = Schedule("weekly", TUESDAY, every=2, weekdays=(4, 1, 4), until=date(2026, 6, 30))
    assert schedule.as_json() == VALID
    assert Schedule.from_json({"kind": "daily", "anchor": "2026-03-03 09:00"}) == Schedule("daily", TUESDAY)


def test_an_anchor_forgets_the_pass():
    assert Schedule("daily", TUESDAY.replace(fold=1)).anchor.fold == 0


@given(schedules())
def test_a_schedule_survives_being_kept(schedule):
    assert Schedule.from_json(json.loads(json.dumps(schedule.as_json()))) == schedule


value = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.integers(0, 7), max_size=3)
)


@given(st.dictionaries(st.sampled_from([*VALID, "x"]), value).map(lambda changed: VALID | changed) | value)
def test_any_json_is_a_schedule_or_is_refused(data):
    try:
        Schedule.from_json(data)
    except BadSchedule as refusal:
        assert str(refusal).endswith(".")


def weekly(*weekdays: int, every: int = 1) -> Schedule:
    return Schedule("weekly", TUESDAY, weekdays=weekdays, every=every)


def monthly(day: int, every: int = 1) -> Schedule:
    return Schedule("monthly", datetime(2026, 1, day, 9), every=every)


@pytest.mark.parametrize(
    "schedule, words",
    [
        (Schedule("once", TUESDAY), "Once, on Tuesday, 3 March 2026 at 09:00"),
        (Schedule("once", TUESDAY, until=date(2026, 4, 1)), "Once, on Tuesday, 3 March 2026 at 09:00"),
        (Schedule("daily", TUESDAY), "Every day at 09:00"),
        (Schedule("daily", TUESDAY, every=2), "Every second day at 09:00"),
        (Schedule("daily", TUESDAY, every=7), "Every 7th day at 09:00"),
        (Schedule("daily", TUESDAY, every=112), "Every 112th day at 09:00"),
        (Schedule("daily", TUESDAY, every=21), "Every 21st day at 09:00"),
        (Schedule("daily", TUESDAY.replace(hour=23, minute=5, second=9)), "Every day at 23:05:09"),
        (weekly(), "Every Tuesday at 09:00"),
        (weekly(4, 1, every=2), "Every second Tuesday and Friday at 09:00"),
        (weekly(0, 1, 6), "Every Monday, Tuesday and Sunday at 09:00"),
        (weekly(*range(7)), "Every day at 09:00"),
        (weekly(*range(7), every=3), "Every day of every third week at 09:00"),
        (monthly(1), "On the 1st of every month at 09:00"),
        (monthly(22, every=2), "On the 22nd of every second month at 09:00"),
        (monthly(3, every=12), "On the 3rd of every 12th month at 09:00"),
        (monthly(28), "On the 28th of every month at 09:00"),
        (monthly(30), "On the 30th, or else the last day, of every month at 09:00"),
        (monthly(31), "On the last day of every month at 09:00"),
    ],
)
def test_a_schedule_reads_as_a_sentence(schedule, words):
    assert in_words(schedule) == f"{words} in each person's local time"


def test_the_sentence_says_whose_clock_and_how_long():
    schedule = Schedule("daily", TUESDAY, until=date(2026, 6, 30))
    assert in_words(schedule, "in Berlin time") == "Every day at 09:00 in Berlin time, until 30 June 2026"
