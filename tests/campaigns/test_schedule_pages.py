"""The schedule step of what goes out by a calendar: what can be said there, and what each thing means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import launching, summary, versions
from campaigns.models import Campaign, Version
from campaigns.recipes import find
from tenants import clock
from tenants.models import Tenant, User

NOW = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)  # a Wednesday, at noon in Berlin
REPEAT = {
    "when": "repeat", "lateness_hours": "24", "clock": "tenant", "repeat-every": "1", "repeat-unit": "weeks",
    "repeat-weekdays": ["0", "3"], "repeat-time": "09:00", "repeat-first": "2026-11-25", "repeat-again": "always",
}  # fmt: skip
BIRTHDAY = {
    "repeat-unit": "days", "repeat-whose": "date", "repeat-date_days": "3", "repeat-date_side": "before",
    "repeat-date_name": "birthday", "repeat-date_yearly": "yes",
}  # fmt: skip
AT = {"when": "at", "lateness_hours": "24", "clock": "person", "starts": "2026-11-30T09:00", "past": "now"}


def url(name: str, campaign: Campaign) -> str:
    return reverse(name, args=[campaign.public_id])


@pytest.fixture
def campaign(make_campaign: Callable[..., Campaign], tenant: Tenant) -> Campaign:
    clock.set_to(tenant, NOW)
    return make_campaign()


@pytest.fixture
def marketer(client_of: Callable[..., Client]) -> Client:
    return client_of("marketer")


SAID = [
    pytest.param(
        REPEAT, "Every Monday and Thursday at 09:00 in Berlin time.",
        ["Thursday, 26 November 2026, 09:00", "Monday, 30 November 2026, 09:00", "Thursday, 3 December 2026, 09:00"],
        id="on weekdays, the first that comes",
    ),
    pytest.param(
        REPEAT | {"repeat-weekdays": [], "repeat-every": "2", "clock": "person", "repeat-until": "2026-12-09"},
        "Every second Wednesday at 09:00 in each person's local time, until 9 December 2026.",
        ["Wednesday, 25 November 2026, 09:00", "Wednesday, 9 December 2026, 09:00"],
        id="every second week by people's own clocks, until a day; today's is still to come in part of the world",
    ),
    pytest.param(
        REPEAT | {"repeat-unit": "months", "repeat-day": "31"},
        "On the last day of every month at 09:00 in Berlin time.",
        ["Monday, 30 November 2026, 09:00", "Thursday, 31 December 2026, 09:00", "Sunday, 31 January 2027, 09:00"],
        id="the 31st is the last day",
    ),
    pytest.param(
        REPEAT | {"repeat-unit": "months", "repeat-day": "3"}, "On the 3rd of every month at 09:00 in Berlin time.",
        ["Thursday, 3 December 2026, 09:00", "Sunday, 3 January 2027, 09:00", "Wednesday, 3 February 2027, 09:00"],
        id="a day that has passed this month begins with the next",
    ),
    pytest.param(
        REPEAT | {"repeat-unit": "months", "repeat-day": "", "repeat-first": "2026-12-24"},
        "On the 24th of every month at 09:00 in Berlin time.",
        ["Thursday, 24 December 2026, 09:00", "Sunday, 24 January 2027, 09:00", "Wednesday, 24 February 2027, 09:00"],
        id="without a day, the first date's",
    ),
    pytest.param(
        REPEAT | BIRTHDAY, "Every day at 09:00 in Berlin time, 3 days before their birthday, every year.",
        ["Thursday, 26 November 2026, 09:00", "Friday, 27 November 2026, 09:00", "Saturday, 28 November 2026, 09:00"],
        id="whose day it is",
    ),
    pytest.param(
        REPEAT | {"repeat-unit": "days", "repeat-every": "3", "repeat-again": "once"},
        "Every third day at 09:00 in Berlin time, but to each person only once.",
        ["Saturday, 28 November 2026, 09:00", "Tuesday, 1 December 2026, 09:00", "Friday, 4 December 2026, 09:00"],
        id="every third day, once for each person",
    ),
    pytest.param(
        AT,
        "On Monday, 30 November 2026 at 09:00 in each person's local time; where that has passed at the launch, "
        "at once.",
        ["Monday, 30 November 2026, 09:00"], id="once, by people's own clocks",
    ),
    pytest.param(
        AT | {"clock": "tenant"}, "On Monday, 30 November 2026 at 09:00 (CET).", ["Monday, 30 November 2026, 09:00"],
        id="once, by the brand's clock",
    ),
    pytest.param({"when": "now", "lateness_hours": "24"}, "As soon as it is launched.", [], id="at once"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "sentence", "days"), SAID)
def test_a_schedule_is_kept_and_said(
    campaign: Campaign, marketer: Client, tenant: Tenant, form: dict[str, Any], sentence: str, days: list[str]
) -> None:
    unsaved = marketer.get(url("campaign_schedule_words", campaign), form).content.decode()
    assert versions.newest(campaign).when == "now", "asking stores nothing"
    assert marketer.post(url("campaign_schedule", campaign), form).status_code == 302
    version = versions.newest(campaign)
    version.tenant = tenant
    assert summary.timing(version) == sentence
    assert [each.day for each in summary.coming(version, now=NOW)] == days
    assert sentence.replace("'", "&#x27;") in unsaved
    assert all(day in unsaved for day in days)


@pytest.mark.parametrize(("form", "sentence", "days"), SAID)
def test_what_was_kept_is_shown_again(
    campaign: Campaign, marketer: Client, form: dict[str, Any], sentence: str, days: list[str]
) -> None:
    marketer.post(url("campaign_schedule", campaign), form)
    before = versions.newest(campaign)
    page = marketer.get(url("campaign_schedule", campaign))
    shown = page.context["form"]
    given = {name: shown[name].value() for name in ("when", "clock", "past", "lateness_hours")}
    given["starts"] = shown["starts"].value() and shown["starts"].value().strftime("%Y-%m-%dT%H:%M")
    given |= {f"repeat-{name}": shown.repeat[name].value() for name in shown.repeat.fields}
    again = {name: value for name, value in given.items() if value not in (None, "")}
    marketer.post(url("campaign_schedule", campaign), again)
    after = versions.newest(campaign)
    fields = ("when", "starts_at", "schedule", "clock", "past", "again")
    assert [getattr(after, name) for name in fields] == [getattr(before, name) for name in fields]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        pytest.param(REPEAT | {"repeat-time": ""}, "At: Say at what time.", id="no time"),
        pytest.param(
            REPEAT | BIRTHDAY | {"repeat-date_name": ""}, "Say which attribute holds it.", id="no date of theirs"
        ),
        pytest.param(
            REPEAT | BIRTHDAY | {"repeat-date_days": "400"}, "less than or equal to 365", id="too far from their date"
        ),
        pytest.param(REPEAT | {"repeat-first": ""}, "From: Say from which day on.", id="no first day"),
        pytest.param(REPEAT | {"repeat-every": ""}, "Every: Say how often.", id="no number"),
        pytest.param(REPEAT | {"repeat-every": "0"}, "greater than or equal to 1", id="every 0"),
        pytest.param(REPEAT | {"repeat-every": "1000"}, "less than or equal to 999", id="every 1000"),
        pytest.param(REPEAT | {"repeat-weekdays": ["7"]}, "Select a valid choice", id="an eighth day"),
        pytest.param(
            REPEAT | {"repeat-unit": "months", "repeat-day": "32"}, "less than or equal to 31", id="the 32nd"
        ),
        pytest.param(REPEAT | {"repeat-first": "9999-12-31"}, "from 1900 to 8999", id="the end of time"),
        pytest.param(
            REPEAT | {"repeat-until": "2026-11-25"},
            "on or after the first, Thursday, 26 November 2026", id="ends first"
        ),
        *(
            pytest.param(
                AT | {"starts": f"{year}-06-01T10:00", "clock": clock}, "from 1900 to 8999", id=f"in {year} by {clock}"
            )
            for year in ("0001", "0202", "9000", "9999") for clock in ("tenant", "person")
        ),
        pytest.param(REPEAT | {"repeat-time": "soon"}, "At: Enter a valid time.", id="no clock time"),
        pytest.param(AT | {"starts": ""}, "Say at what time it goes out.", id="once, and no time"),
        pytest.param(REPEAT | {"per_minute": "0"}, "greater than or equal to 1", id="none a minute"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_and_says_what_to_do(
    campaign: Campaign, marketer: Client, form: dict[str, Any], says: str
) -> None:
    saved = marketer.post(url("campaign_schedule", campaign), form)
    assert saved.status_code == 422
    assert says in saved.content.decode()
    assert says in marketer.get(url("campaign_schedule_words", campaign), form).content.decode()
    assert versions.newest(campaign).when == "now"


@pytest.mark.parametrize(
    ("form", "state", "words"),
    [
        pytest.param(REPEAT, "done", "Goes out first on Thursday, 26 November 2026, 09:00", id="when it begins"),
        pytest.param(
            REPEAT | {"repeat-first": "2026-11-01", "repeat-until": "2026-11-23"}, "stop", "No day is left", id="over"
        ),
        pytest.param(
            REPEAT | {"clock": "person", "repeat-weekdays": ["2"]}, "warn", "passed already in part of the world",
            id="by people's own clocks, begun today",
        ),
        pytest.param(
            AT | {"starts": "2026-11-25T09:00"}, "warn", "passed already in part of the world", id="past in part"
        ),
        pytest.param(
            AT | {"starts": "2026-11-24T09:00", "past": "skip"}, "stop", "passed for everybody", id="past everywhere"
        ),
    ],
)  # fmt: skip
def test_the_launch_is_told(
    campaign: Campaign, marketer: Client, form: dict[str, Any], state: str, words: str
) -> None:
    marketer.post(url("campaign_schedule", campaign), form)
    version = versions.newest(campaign)
    checks = [check for check in launching.checklist(version, now=NOW) if check.step == "schedule"]
    assert any(check.state == state and words in check.words for check in checks), checks


def test_a_send_rate_is_kept_said_and_shown_again(campaign: Campaign, marketer: Client) -> None:
    form = {"when": "now", "lateness_hours": "24", "per_minute": "1200"}
    words = marketer.get(url("campaign_schedule_words", campaign), form).content.decode()
    assert "As soon as it is launched, at most 1,200 a minute." in words
    assert marketer.post(url("campaign_schedule", campaign), form).status_code == 302
    assert versions.newest(campaign).per_minute == 1200
    shown = marketer.get(url("campaign_schedule", campaign)).context["form"]
    assert shown["per_minute"].value() == 1200
    marketer.post(url("campaign_schedule", campaign), form | {"per_minute": ""})
    assert versions.newest(campaign).per_minute is None


def test_another_kind_forgets_the_schedule(campaign: Campaign, marketer: Client) -> None:
    marketer.post(url("campaign_schedule", campaign), REPEAT | {"clock": "person"})
    marketer.post(url("campaign_schedule", campaign), {"when": "now", "lateness_hours": "24"})
    version = Version.objects.get()
    assert (version.schedule, version.clock, version.starts_at) == (None, "tenant", None)


def test_the_weekly_digest_is_filled_in(marketer: Client, tenant: Tenant, owner: User) -> None:
    clock.set_to(tenant, NOW - timedelta(days=1))  # a Tuesday, past nine
    recipe = find("digest")
    assert recipe is not None
    marketer.post(reverse("campaign_new"), {"name": "Digest", "recipe": "digest"})
    version = Version.objects.select_related("tenant").get()
    assert summary.timing(version) == "Every Tuesday at 09:00 in each person's local time."
    assert summary.coming(version, now=NOW)[0].day == "Tuesday, 1 December 2026, 09:00"
    assert "This week at" in version.variants.get().contents.get().fields["subject"]
