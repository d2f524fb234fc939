"""The editor's schedule step: a time, or what sets it off with what calls it off."""

from __future__ import annotations

from datetime import UTC, datetime, time
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from audiences.models import EventDefinition
from campaigns import speed, triggers
from campaigns.calendar.schedule import FIRST_DATE, LAST_DATE, Schedule
from campaigns.calendar.words import WEEKDAYS
from campaigns.forms import offer_lengths
from campaigns.models import Version
from campaigns.repeat_forms import RepeatForm
from campaigns.trigger_forms import EventForm, TriggerForm

LATENESS = [
    (1, "1 hour"), (4, "4 hours"), (12, "12 hours"), (24, "1 day"), (72, "3 days"), (168, "1 week"), (720, "30 days"),
]  # fmt: skip
AGAIN_AFTER = [
    (1, "1 hour"), (24, "1 day"), (72, "3 days"), (168, "7 days"), (336, "14 days"), (720, "30 days"),
    (2160, "90 days"),
]  # fmt: skip
EXCEPTIONS_SHOWN = 3


class ScheduleForm(forms.Form):
    """When it goes out. Times are wall-clock times in the tenant's zone."""

    when = forms.ChoiceField(choices=Version.When, widget=forms.RadioSelect({"class": "form-check-input"}))
    starts = forms.DateTimeField(
        required=False,
        label="Date and time",
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    clock = forms.ChoiceField(
        required=False,
        label="Whose time that is",
        help_text="Where somebody’s time zone is not known, your brand’s counts.",
    )
    past = forms.ChoiceField(
        required=False, label="Those for whom that time has passed at the launch", choices=Version.Past
    )
    delay = forms.IntegerField(required=False, min_value=0, label="Wait after it")
    delay_unit = forms.ChoiceField(
        required=False, choices=[(unit, unit) for unit in triggers.UNITS], label="Unit"
    )
    delay_from = forms.ChoiceField(required=False, label="Counted from", choices=Version.DelayFrom)
    replaces_waiting = forms.BooleanField(
        required=False,
        label="If it happens again while one waits, send only the newest",
        widget=forms.CheckboxInput({"class": "form-check-input"}),
    )
    again = forms.ChoiceField(required=False, choices=Version.Again, label="The same person gets it")
    again_hours = forms.TypedChoiceField(required=False, label="At the earliest after", coerce=int)
    ends = forms.DateTimeField(
        required=False,
        label="Listen until",
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )
    lateness_hours = forms.TypedChoiceField(
        label="Not later than",
        coerce=int,
        help_text="If something holds it up for longer, those still waiting do not get it at all.",
    )
    per_minute = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=speed.MOST_PER_MINUTE,
        label="At most so many a minute",
        help_text="Empty: as fast as it can. For a shop or a hotline that cannot take everybody at once.",
    )
    window_start = forms.TimeField(
        required=False, label="Not before", widget=forms.TimeInput({"type": "time"}, format="%H:%M")
    )
    window_end = forms.TimeField(
        required=False, label="Not after", widget=forms.TimeInput({"type": "time"}, format="%H:%M")
    )
    window_days = forms.TypedMultipleChoiceField(
        required=False,
        label="Only on",
        coerce=int,
        choices=list(enumerate(WEEKDAYS)),
        widget=forms.CheckboxSelectMultiple({"class": "form-check-input"}),
    )
    outside_hours = forms.ChoiceField(
        required=False, label="Whoever it falls due for outside these hours", choices=Version.Outside
    )
    when_capped = forms.ChoiceField(
        required=False,
        label="Whoever has reached a frequency cap",
        choices=Version.WhenCapped,
        widget=forms.RadioSelect({"class": "form-check-input"}),
    )
    is_cap_exempt = forms.BooleanField(
        required=False,
        label="Exempt from frequency caps",
        help_text="No cap holds it back, and it does not count towards any.",
        widget=forms.CheckboxInput({"role": "switch", "class": "form-check-input"}),
    )

    def __init__(self, data: Any = None, *, version: Version, zone: ZoneInfo, now: datetime) -> None:
        super().__init__(data, initial=_initial(version, zone))
        self.zone = zone
        name = zone.key.replace("_", " ")
        self.fields["ends"].help_text = f"Leave it empty to listen on. In {name} time."
        clock = self.fields["clock"]
        assert isinstance(clock, forms.ChoiceField)
        clock.choices = [
            (Version.Clock.TENANT, f"{name} time: for everybody at the same moment"),
            (Version.Clock.PERSON, "Each person’s own: when their clock shows it"),
        ]
        self.repeat = RepeatForm(data, version=version, today=now.astimezone(zone).date())
        offer_lengths(self, "lateness_hours", LATENESS, unit="hours")
        offer_lengths(self, "again_hours", AGAIN_AFTER, unit="hours")
        self.trigger = TriggerForm(data, version=version)
        kept = [*version.exceptions, *[None] * EXCEPTIONS_SHOWN]
        self.exceptions = [
            EventForm(data, prefix=f"exception-{number}", trigger=kept[number], filters=1)
            for number in range(max(EXCEPTIONS_SHOWN, len(version.exceptions)))
        ]

    @cached_property
    def events(self) -> list[EventDefinition]:
        return list(EventDefinition.objects.filter(is_internal=False).order_by("name")[:500])

    def clean_starts(self) -> datetime | None:
        return self._local("starts")

    def clean_ends(self) -> datetime | None:
        return self._local("ends")

    def clean_delay(self) -> int:
        return self.cleaned_data["delay"] or 0

    def clean_window_days(self) -> list[int]:
        """All seven are the same as none."""
        days = sorted(self.cleaned_data["window_days"])
        return [] if len(days) == len(WEEKDAYS) else days

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("window_days") and data.get("window_start") is None and data.get("window_end") is None:
            data["window_start"] = data["window_end"] = time()  # whole days
        if data.get("when") == Version.When.AT and not data.get("starts") and "starts" not in self.errors:
            self.add_error("starts", "Say at what time it goes out.")
        if data.get("when") == Version.When.REPEAT:
            data["schedule"], data["date_of"] = self.repeat.schedule(), self.repeat.date_of()
            for field, errors in self.repeat.errors.items():
                self.add_error(None, [f"{self.repeat.fields[field].label}: {error}" for error in errors])
        if data.get("when") == Version.When.EVENT:
            data["trigger"] = self.trigger.trigger()
            data["exceptions"] = [trigger for each in self.exceptions if (trigger := each.trigger())]
            for wrong in [*self._wrong_events(), *self.trigger.wrong()]:
                self.add_error(None, wrong)
            if data["trigger"] is None and not self.errors:
                self.add_error(None, self.trigger.missing())
        return data

    def _wrong_events(self) -> list[str]:
        """Return what is wrong in the events' own forms, said with the event."""
        return [
            f"{each['event'].value() or 'An event'}: {error}"
            for each in (self.trigger.event, *self.exceptions)
            for form in (each, *each.filters)
            for errors in form.errors.values()
            for error in errors
        ]

    def _local(self, name: str) -> datetime | None:
        """Django made it UTC; it was meant in the tenant's zone. A time that a clock change skips is refused."""
        given = self.cleaned_data[name]
        if given is None:
            return None
        local: datetime = given.replace(tzinfo=self.zone)
        if not FIRST_DATE <= local.date() <= LAST_DATE:
            raise forms.ValidationError(f"Choose a year from {FIRST_DATE.year} to {LAST_DATE.year}.")
        if local.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != local.replace(tzinfo=None):
            raise forms.ValidationError("The clocks go forward that night: this time does not exist.")
        return local

    def chosen(self) -> dict[str, Any]:
        """What ``drafts.set_schedule`` takes of a valid form."""
        data = self.cleaned_data
        chosen = {name: data[name] for name in ("when", "lateness_hours", "is_cap_exempt", "per_minute")}
        chosen |= {"starts_at": data["starts"], "when_capped": data["when_capped"] or Version.WhenCapped.SKIP}
        chosen["hours"] = {name: data[name] for name in ("window_start", "window_end", "window_days")}
        chosen["hours"]["outside_hours"] = data["outside_hours"] or Version.Outside.WAIT
        if data["when"] in (Version.When.AT, Version.When.REPEAT):
            chosen |= self._on_a_calendar()
        if data["when"] != Version.When.EVENT:
            return chosen
        return chosen | {
            "trigger": data["trigger"],
            "exceptions": data["exceptions"],
            "delay_minutes": data["delay"] * triggers.UNITS[data["delay_unit"] or "minutes"],
            "delay_from": data["delay_from"] or Version.DelayFrom.TRIGGER,
            "replaces_waiting": data["replaces_waiting"],
            "again": data["again"] or Version.Again.ONCE,
            "again_hours": data["again_hours"] or 720,
            "ends_at": data["ends"],
        }

    def _on_a_calendar(self) -> dict[str, Any]:
        data = self.cleaned_data
        chosen: dict[str, Any] = {
            "clock": data["clock"] or Version.Clock.TENANT,
            "past": data["past"] or Version.Past.NEXT_DAY,
        }
        if data["when"] == Version.When.REPEAT:
            again = self.repeat.cleaned_data["again"] or Version.Again.ALWAYS
            return chosen | {"schedule": data["schedule"], "date_of": data["date_of"], "again": again}
        if chosen["clock"] == Version.Clock.PERSON:
            chosen["schedule"] = Schedule("once", data["starts"].replace(tzinfo=None))
        return chosen


def _initial(version: Version, zone: ZoneInfo) -> dict[str, Any]:
    def local(moment: datetime | None) -> datetime | None:
        return moment and moment.astimezone(zone).replace(tzinfo=None)

    number, unit = triggers.in_unit(version.delay_minutes)
    return {
        "when": version.when,
        "starts": local(version.starts_at),
        "clock": version.clock,
        "past": version.past,
        "ends": local(version.ends_at),
        "delay": number,
        "delay_unit": unit,
        "delay_from": version.delay_from,
        "window_start": version.window_start,
        "window_end": version.window_end,
        "window_days": version.window_days,
        "outside_hours": version.outside_hours,
        "replaces_waiting": version.replaces_waiting,
        "again": version.again,
        "again_hours": version.again_hours,
        "lateness_hours": version.lateness_hours,
        "per_minute": version.per_minute,
        "when_capped": version.when_capped,
        "is_cap_exempt": version.is_cap_exempt,
    }
