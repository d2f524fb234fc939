"""Schedules of every kind, for Hypothesis."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from campaigns.calendar.schedule import KINDS, Schedule


@st.composite
def schedules(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS, most_every: int = 999) -> Schedule:
    kind = draw(st.sampled_from(kinds))
    anchor = draw(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)))
    is_at_months_end = kind == "monthly" and (anchor + timedelta(days=1)).day == 1
    others = draw(st.sets(st.integers(0, 6))) if kind == "weekly" else set()
    return Schedule(
        kind=kind,
        anchor=anchor,
        every=1 if kind == "once" else draw(st.integers(1, most_every)),
        weekdays=tuple(others | {anchor.weekday()}) if others else (),
        until=draw(st.none() | st.integers(0, 2000).map(lambda days: anchor.date() + timedelta(days=days))),
        day=draw(st.none() | st.integers(anchor.day, 31)) if is_at_months_end else None,
    )
