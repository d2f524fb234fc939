"""The part of the schedule step that says how often a campaign goes out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import forms

from audiences.rules.tree import InvalidRule
from campaigns import anniversaries, schedules
from campaigns.calendar.schedule import (
    LAST_DATE,
    MOST_EVERY,
    BadSchedule,
    Kind,
    Schedule,
    day_in_month,
    next_on,
)
from campaigns.calendar.words import WEEKDAYS
from campaigns.models import Version

UNITS: dict[str, Kind] = {"days": "daily", "weeks": "weekly", "months": "monthly"}
FIELDS = {"anchor": "first"}  # what a schedule calls otherwise than this form


class RepeatForm(forms.Form):
    """Every so many days, weeks or months. The first time is on the first day that fits, the day given or later."""

    every = forms.IntegerField(required=False, min_value=1, max_value=MOST_EVERY, label="Every")
    unit = forms.ChoiceField(required=False, label="Unit", choices=[(unit, unit) for unit in UNITS])
    weekdays = forms.TypedMultipleChoiceField(
        required=False,
        label="On",
        coerce=int,
        choices=list(enumerate(WEEKDAYS)),
        widget=forms.CheckboxSelectMultiple({"class": "form-check-input"}),
    )
    day = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=31,
        label="On day",
        help_text="31 is the last day of every month.",
    )
    time = forms.TimeField(
        required=False, label="At", widget=forms.TimeInput({"type": "time"}, format="%H:%M")
    )
    first = forms.DateField(
        required=False, label="From", widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        required=False,
        label="Last day",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text="Leave it empty to go on until you stop it.",
    )
    whose = forms.ChoiceField(
        required=False,
        label="For whom",
        choices=[("everybody", "Everybody in the audience"), ("date", "Only those whose day it is")],
    )
    date_days = forms.IntegerField(
        required=False, min_value=0, max_value=anniversaries.FURTHEST_DAYS, label="Days"
    )
    date_side = forms.ChoiceField(
        required=False, label="Side", choices=[("before", "before"), ("after", "after")]
    )
    date_name = forms.CharField(
        required=False,
        max_length=200,
        label="The date in",
        widget=forms.TextInput({"list": "attributes", "autocomplete": "off", "placeholder": "birthday"}),
        help_text="An attribute that holds a date, such as 1990-05-17.",
    )
    date_yearly = forms.ChoiceField(
        required=False, label="Counts", choices=[("yes", "Every year"), ("no", "That very date only")]
    )
    again = forms.ChoiceField(
        required=False,
        label="The same person gets it",
        choices=[(Version.Again.ALWAYS, "Each time"), (Version.Again.ONCE, "Only the first time")],
    )

    def __init__(self, data: Any = None, *, version: Version, today: date) -> None:
        super().__init__(data, prefix="repeat", initial=_initial(version, today))

    def schedule(self) -> Schedule | None:
        """Return what was entered; None for what cannot be meant, with the form's errors saying what to do."""
        if not self.is_valid():
            return None
        data = self.cleaned_data
        for name, wanted in (
            ("first", "Say from which day on."),
            ("time", "Say at what time."),
            ("every", "Say how often."),
        ):
            if data[name] is None:
                self.add_error(name, wanted)
        if self.errors:
            return None
        kind = UNITS[data["unit"] or "days"]
        weekdays = tuple(data["weekdays"] or [data["first"].weekday()]) if kind == "weekly" else ()
        day = data["day"] or data["first"].day if kind == "monthly" else None
        first = _first(data["first"], weekdays, day)
        try:
            return Schedule(
                kind,
                datetime.combine(first, data["time"]),
                every=data["every"],
                weekdays=weekdays,
                until=data["until"],
                day=day,
            )
        except BadSchedule as wrong:
            self.add_error(FIELDS.get(wrong.field, wrong.field), str(wrong))
            return None

    def date_of(self) -> anniversaries.DateOf | None:
        """Return whose day it has to be; None for everybody's, and for what is wrong, which the form's errors say."""
        data = self.cleaned_data
        if data.get("whose") != "date":
            return None
        days = data.get("date_days") or 0
        try:
            return anniversaries.make(
                (data.get("date_name") or "").strip(),
                days=-days if data.get("date_side") != "after" else days,
                is_yearly=data.get("date_yearly") != "no",
            )
        except InvalidRule as wrong:
            self.add_error(
                "date_name", str(wrong) if data.get("date_name") else "Say which attribute holds it."
            )
            return None


def _first(given: date, weekdays: tuple[int, ...], day: int | None) -> date:
    """Return the first date, the one given or later, on one of the weekdays, or on the day of the month."""
    if given > LAST_DATE:
        return given  # which no schedule takes
    if weekdays:
        return next_on(weekdays, given)
    if day is None:
        return given
    if day_in_month(day, given) < given.day:
        given = date(given.year + given.month // 12, given.month % 12 + 1, 1)
    return given.replace(day=day_in_month(day, given))


def _initial(version: Version, today: date) -> dict[str, Any]:
    schedule = schedules.of(version)
    if schedule is None or schedule.kind == "once":
        return {
            "date_yearly": "yes",
            "every": 1,
            "unit": "weeks",
            "weekdays": [today.weekday()],
            "first": today,
            "again": "always",
        }
    return {
        "every": schedule.every,
        "unit": next(unit for unit, kind in UNITS.items() if kind == schedule.kind),
        "weekdays": schedule.on_weekdays,
        "day": schedule.on_day,
        "time": schedule.anchor.time(),
        "first": schedule.anchor.date(),
        "until": schedule.until,
        "again": version.again,
    } | _initial_date(version.date_of)


def _initial_date(date_of: anniversaries.DateOf | None) -> dict[str, Any]:
    if date_of is None:
        return {}
    return {
        "whose": "date",
        "date_name": date_of["name"],
        "date_days": abs(date_of["days"]),
        "date_side": "after" if date_of["days"] > 0 else "before",
        "date_yearly": "yes" if date_of["is_yearly"] else "no",
    }
