"""Send windows, quiet hours, and waiting until somebody is at rest: nobody is disturbed, and nobody is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from audiences import ingest
from campaigns import drafts, summary, triggers, versions
from campaigns.models import Version
from delivery.models import Delivery
from tenants import clock, quiet

pytestmark = pytest.mark.usefixtures("postbox")
OFFICE = {"window_start": time(9), "window_end": time(18)}


@pytest.fixture
def at(tenant):
    """Let the sandbox's clock stand at a local time of Berlin's, a Wednesday unless another day is said."""

    def stand(hour, minute=0, *, day=7):
        clock.set_to(tenant, datetime(2026, 10, day, hour, minute, tzinfo=UTC) - timedelta(hours=2))

    return stand


def due(campaign):
    return [(row.state, row.reason, row.due_at) for row in Delivery.objects.filter(campaign=campaign)]


def berlin(hour, minute=0, *, day=7):
    return datetime(2026, 10, day, hour, minute, tzinfo=UTC) - timedelta(hours=2)


# --- The send window --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("hour", "fields", "expected"),
    [
        (10, OFFICE, "sent"),
        (9, OFFICE, "sent"),
        (8, OFFICE, berlin(9)),
        (18, OFFICE, berlin(9, day=8)),
        (23, {"window_start": time(22), "window_end": time(2)}, "sent"),
        (1, {"window_start": time(22), "window_end": time(2)}, "sent"),
        (3, {"window_start": time(22), "window_end": time(2)}, berlin(22)),
        (10, OFFICE | {"window_days": [4]}, berlin(9, day=9)),
        (10, {"window_start": time(0), "window_end": time(0), "window_days": [3]}, berlin(0, day=8)),
        (10, {"window_start": time(0), "window_end": time(0), "window_days": [2]}, "sent"),
    ],
    ids=[
        "inside", "as it opens", "before", "as it closes", "before midnight", "after midnight",
        "after one across midnight", "another day", "from midnight", "a whole day",
    ],
)  # fmt: skip
def test_a_message_waits_for_its_window(at, make_profile, make_campaign, run, hour, fields, expected):
    at(hour)
    make_profile(email="a@example.test", timezone=None)
    campaign = make_campaign(lateness_hours=24 * 7, **fields)
    run()
    ((state, reason, due_at),) = due(campaign)
    if expected == "sent":
        assert (state, reason) == ("sent", "")
    else:
        assert (state, due_at) == ("planned", expected)


def test_it_goes_out_when_the_window_opens(at, make_profile, make_campaign, run):
    at(8)
    make_profile(email="a@example.test", timezone=None)
    campaign = make_campaign(**OFFICE)
    run()
    at(9)
    run()
    assert due(campaign)[0][0] == "sent"


def test_each_persons_own_clock_counts(at, make_profile, make_campaign, run):
    at(10)  # 4 in the morning in New York
    here = make_profile(email="a@example.test", timezone="Europe/Berlin")
    there = make_profile(email="b@example.test", timezone="America/New_York")
    campaign = make_campaign(**OFFICE)
    run()
    states = {row.profile_id: row for row in Delivery.objects.filter(campaign=campaign)}
    assert states[here.pk].state == "sent"
    assert states[there.pk].due_at == berlin(15)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"outside_hours": "skip"}, "outside_hours"),
        ({"lateness_hours": 1}, "outside_hours"),
    ],
    ids=["by its own choice", "too late by then"],
)
def test_or_it_is_left_out_with_the_reason(at, make_profile, make_campaign, run, fields, reason):
    at(20)
    make_profile(email="a@example.test", timezone=None)
    campaign = make_campaign(**(OFFICE | fields))
    run()
    row = Delivery.objects.get(campaign=campaign)
    assert (row.state, row.reason) == ("skipped", reason)
    seen = {name: saw for name, _, saw in row.decision["gates"]}["hours"]
    assert seen["zone"] == "Europe/Berlin"


def test_lateness_counts_from_when_it_was_first_due(at, make_profile, make_campaign, run):
    at(20)
    make_profile(email="a@example.test", timezone=None)
    campaign = make_campaign(lateness_hours=14, **OFFICE)
    run()
    at(11, day=8)  # 15 hours after it was due
    run()
    assert due(campaign)[0][:2] == ("skipped", "too_late")


# --- Quiet hours ------------------------------------------------------------------------------------
@pytest.fixture
def quiet_nights(tenant, owner):
    quiet.set_hours(tenant=tenant, actor=owner, start=time(21), end=time(8))


def test_marketing_keeps_quiet_hours(quiet_nights, at, make_profile, make_campaign, run):
    at(23)
    make_profile(email="a@example.test", timezone=None)
    campaign = make_campaign()
    run()
    assert due(campaign) == [("planned", "", berlin(8, day=8))]


def test_what_somebody_asked_for_comes_at_any_hour(
    quiet_nights, at, make_profile, make_campaign, run, tenant
):
    at(23)
    make_profile(email="a@example.test", timezone=None)
    campaign = make_campaign(is_launched=False)
    campaign.message_class = "transactional"
    campaign.save()
    from campaigns import launching

    launching.launch(version=versions.draft_of(campaign), actor=campaign.created_by, now=clock.now(tenant))
    run()
    assert due(campaign)[0][0] == "sent"


def test_a_window_and_quiet_hours_hold_together(quiet_nights, at, make_profile, make_campaign, run):
    at(5)
    make_profile(email="a@example.test", timezone=None)
    campaign = make_campaign(window_start=time(6), window_end=time(12))
    run()
    assert due(campaign) == [("planned", "", berlin(8))]


def test_where_they_leave_nothing_it_says_so(quiet_nights, at, make_profile, make_campaign, run):
    at(23)
    make_profile(email="a@example.test", timezone=None)
    campaign = make_campaign(window_start=time(22), window_end=time(23, 30))
    run()
    assert due(campaign)[0][:2] == ("skipped", "no_hours")


@pytest.mark.parametrize(("start", "end"), [(time(21), None), (None, time(8)), (time(8), time(8))])
def test_half_quiet_hours_are_refused(tenant, owner, start, end):
    with pytest.raises(ValueError, match="uiet"):
        quiet.set_hours(tenant=tenant, actor=owner, start=start, end=end)


def test_the_page_sets_them_for_those_who_may(tenant, client_of):
    given = {"quiet_start": "21:00", "quiet_end": "08:00"}
    assert client_of("marketer").post("/settings/quiet-hours/", given).status_code == 403
    client_of("publisher").post("/settings/quiet-hours/", given)
    tenant.refresh_from_db()
    assert (tenant.quiet_start, tenant.quiet_end) == (time(21), time(8))
    page = client_of("analyst").get("/settings/caps/").content.decode()
    assert "From 21:00 to 08:00" in page
    page = client_of("owner").post("/settings/quiet-hours/", {"quiet_start": "21:00"}, follow=True)
    assert "Not saved" in page.content.decode()
    client_of("owner").post("/settings/quiet-hours/", {"quiet_start": "", "quiet_end": ""})
    tenant.refresh_from_db()
    assert tenant.quiet_start is None


# --- After the last activity ------------------------------------------------------------------------
def test_a_delay_can_count_from_the_last_activity(tenant, at, make_campaign, later, run):
    at(10)
    trigger = triggers.make("Checkout Started")
    campaign = make_campaign(
        when="event", trigger=trigger, delay_minutes=30, delay_from="activity", lateness_hours=2
    )

    def does(event):
        now = clock.now(tenant)
        calls = [
            {"type": "track", "userId": "u1", "event": event},
            {"type": "identify", "userId": "u1", "traits": {"email": "u1@example.test"}},
        ]
        ingest.store(tenant=tenant, calls=calls, now=now)

    does("Checkout Started")
    later(timedelta(minutes=20))
    does("Product Viewed")
    later(timedelta(minutes=11))
    run()
    row = Delivery.objects.get(campaign=campaign)
    assert row.state == "planned"
    assert timedelta(minutes=18) < row.due_at - clock.now(tenant) < timedelta(minutes=20)
    later(timedelta(minutes=20))
    run()
    assert due(campaign)[0][0] == "sent"


# --- Words ------------------------------------------------------------------------------------------
def test_the_hours_are_said(make_campaign):
    campaign = make_campaign(is_launched=False, **OFFICE, window_days=[0, 4])
    said = summary.sentence(versions.newest(campaign))
    assert "only from 09:00 to 18:00 on Monday and Friday, by each person's own clock" in said
    assert "waits for them" in said


def test_half_a_window_is_refused(make_campaign, owner):
    draft = versions.draft_of(make_campaign(is_launched=False))
    hours = OFFICE | {"window_end": None, "window_days": [], "outside_hours": "wait"}
    with pytest.raises(drafts.Refused):
        drafts.set_schedule(
            version=draft, actor=owner, when="now", starts_at=None, lateness_hours=24, hours=hours
        )
    assert Version.objects.get(pk=draft.pk).window_start is None
