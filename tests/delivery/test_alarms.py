"""Alarms: each fires when it should and is silent when it should be; a sandbox's jump in time is nobody's fault."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.urls import reverse

from audiences import ingest, partitions
from audiences.models import Profile, RefusedCall, Segment
from campaigns import launching, lifecycle, versions
from campaigns.models import Version
from delivery import alarms, claim, residence
from delivery.models import Beat, Delivery, Pace, Provider
from tenants import audit, clock
from tests.delivery import steps

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PARIS = {"all": [{"on": "attribute", "name": "city", "operator": "is", "value": "Paris"}]}


@pytest.fixture(autouse=True)
def _asked_anew():
    cache.clear()


@pytest.fixture
def cluster(db):
    """A cluster that gives signs of life, so that only what a test is about is wrong."""
    residence.beat("cluster one", "1")


@pytest.fixture
def rung(tenant, cluster):
    """The kinds of alarm there are at this moment."""

    def kinds():
        return [alarm.kind for alarm in alarms.of(tenant, now=clock.now(tenant))]

    return kinds


@pytest.fixture
def one(tenant, rung):
    """The one alarm there is."""

    def alarm(kind):
        (found,) = alarms.of(tenant, now=clock.now(tenant))
        assert found.kind == kind
        assert found.title
        assert found.numbers
        assert found.advice
        return found

    return alarm


@pytest.fixture
def rows(tenant, make_campaign, make_profile):
    """Deliveries of a live campaign, as many as wanted, in a state and at a time."""

    def make(count, state, *, ago=timedelta(0), campaign=None, **fields):
        campaign, at = campaign or make_campaign(), clock.now(tenant) - ago
        partitions.ensure_months("delivery_delivery", [at])
        profile = make_profile()
        made = [
            Delivery(
                tenant=tenant, campaign=campaign, profile=profile, occasion=f"event:{n}", occasion_at=at,
                channel="email", state=state, due_at=at, settled_at=None if state == "planned" else at, **fields,
            )
            for n in range(count)
        ]  # fmt: skip
        Delivery.objects.bulk_create(made)
        return campaign

    return make


def age_clock(tenant, by):
    """Let the sandbox's clock have run evenly for so long since it was moved last."""
    moments = ("", (clock.now(tenant) - by).isoformat())
    audit.note(
        tenant=tenant, actor=None, action="moved", thing="clock", thing_id=1, name="its clock", time=moments
    )


def test_when_all_is_well_there_is_none(rung, make_campaign, rows, make_event, make_profile):
    campaign = make_campaign()
    rows(30, "sent", campaign=campaign, sent_at="2026-01-01T00:00Z")
    rows(3, "planned", ago=MINUTE, campaign=campaign)
    assert rung() == []


# --- The cluster --------------------------------------------------------------------------------------------------
def test_no_cluster_rings_and_one_that_gives_signs_does_not(tenant):
    assert [alarm.kind for alarm in alarms.of(tenant, now=clock.now(tenant))] == ["cluster"]
    residence.beat("cluster one")
    assert alarms.of(tenant, now=clock.now(tenant)) == []
    Beat.objects.update(at=clock.raw_now() - MINUTE)
    (alarm,) = alarms.of(tenant, now=clock.now(tenant))
    assert alarm.kind == "cluster"
    assert abs(clock.now(tenant) - MINUTE - alarm.since) < timedelta(seconds=30)


def test_a_clusters_silence_is_told_by_the_tenants_clock(tenant, later):
    residence.beat("cluster one")
    Beat.objects.update(at=clock.raw_now() - MINUTE)
    later(10 * DAY)
    (alarm,) = alarms.of(tenant, now=clock.now(tenant))
    assert abs(clock.now(tenant) - MINUTE - alarm.since) < timedelta(seconds=30)


# --- Due and not begun --------------------------------------------------------------------------------------------
def test_what_is_due_and_not_begun_rings_with_numbers_and_since_when(tenant, one, rows):
    campaign = rows(5, "planned", ago=3 * MINUTE)
    alarm = one("overdue")
    assert alarm.is_grave
    assert alarm.campaign == campaign
    assert alarm.numbers == "5 due and not begun."
    assert abs(clock.now(tenant) - 3 * MINUTE - alarm.since) < timedelta(seconds=30)


def test_what_somebody_has_in_hand_does_not_ring(tenant, rung, rows):
    rows(5, "planned", ago=3 * MINUTE)
    claim.claim(tenant=tenant, channel="email", now=clock.now(tenant))
    assert rung() == []


def test_what_waits_while_another_campaign_is_sent_does_not_ring(rung, rows):
    rows(5, "planned", ago=3 * MINUTE)
    rows(1, "sending", ago=3 * MINUTE)
    assert rung() == []


def test_a_paused_campaigns_rows_do_not_ring(rung, rows, owner):
    lifecycle.pause(campaign=rows(5, "planned", ago=3 * MINUTE), actor=owner)
    assert rung() == []


def test_what_a_moved_clock_has_just_made_due_does_not_ring(tenant, rung, rows, later):
    rows(5, "planned", ago=-DAY)
    assert rung() == []
    later(3 * DAY)
    assert rung() == []
    age_clock(tenant, 3 * MINUTE)
    assert rung() == ["overdue"]


def test_what_a_send_rate_holds_back_does_not_ring_unless_nothing_leaves_at_all(tenant, rung, rows):
    campaign = rows(5, "planned", ago=10 * MINUTE)
    Version.objects.update(per_minute=1)
    assert rung() == ["overdue"]
    now = clock.now(tenant)
    pace = Pace.objects.create(tenant=tenant, campaign=campaign, minute=now - MINUTE, used=1)
    assert rung() == []
    Pace.objects.filter(pk=pace.pk).update(minute=now - 10 * MINUTE)
    assert rung() == ["overdue"]


def test_what_waits_for_tomorrows_warm_up_does_not_ring(tenant, rung, rows):
    rows(5, "planned", ago=10 * MINUTE)
    today = clock.now(tenant).astimezone(ZoneInfo(tenant.timezone)).date()
    plan = {"warm_up_date": today, "warm_up_first": 20, "warm_up_percent": 50, "warm_up_ceiling": 100}
    provider = Provider.objects.create(tenant=tenant, channel="email", name="Sandbox", **plan)
    assert rung() == ["overdue"]
    Pace.objects.create(tenant=tenant, provider=provider, day=today, used_today=20)
    assert rung() == []


def test_a_live_tenant_whose_mail_nobody_carries_is_told_that(tenant, one, rows):
    rows(1, "planned", ago=3 * MINUTE)
    tenant.is_sandbox = False
    tenant.save()
    assert one("overdue").url_name == "settings_mail_server"


# --- What does not arrive -----------------------------------------------------------------------------------------
def accepted(tenant, profile, count):
    now = clock.now(tenant)
    sent = [ingest.InternalEvent(f"d{n}", profile.pk, "Email Sent", now, {}) for n in range(count)]
    ingest.record_internal(tenant=tenant, events=sent, now=now)


@pytest.mark.parametrize(
    ("refused", "ago", "good", "kinds"),
    [
        pytest.param(10, MINUTE, 30, ["failing"], id="a quarter refused"),
        pytest.param(10, MINUTE, 60, [], id="one in seven refused"),
        pytest.param(9, MINUTE, 0, [], id="too few to tell"),
        pytest.param(10, 2 * HOUR, 0, [], id="two hours ago"),
    ],
)
def test_a_mail_server_that_turns_much_away_rings(
    tenant, rung, rows, make_profile, refused, ago, good, kinds
):
    rows(refused, "failed", ago=ago, reply="550 no")
    accepted(tenant, make_profile(), good)
    assert rung() == kinds


def test_mail_that_is_tried_again_and_again_rings_too(tenant, rung, rows):
    lease = clock.raw_now() + HOUR
    rows(12, "planned", ago=MINUTE, attempts=3, lease_until=lease)
    assert rung() == ["failing"]


def test_a_hand_over_without_answer_rings_for_a_week(one, rung, rows, later):
    rows(2, "unknown", ago=HOUR, reason="no_answer")
    assert one("unknown").query == "state=unknown"
    assert one("unknown").numbers.startswith("2 ")
    later(8 * DAY)
    assert rung() == []


# --- What comes in ------------------------------------------------------------------------------------------------
def test_refused_calls_ring_for_an_hour_with_the_commonest_reason(tenant, one, rung, later):
    for reason in ("is out of range", "is missing", "is missing"):
        RefusedCall(tenant=tenant, received_at=clock.now(tenant), index=0, reason=reason, call="{}").save()
    assert one("refused").numbers == "3 in the last hour, most often: is missing."
    later(2 * HOUR)
    assert rung() == []


@pytest.mark.parametrize(
    ("days_ago", "kinds"),
    [
        pytest.param(range(3, 20), ["silent"], id="daily, and not for three days"),
        pytest.param(range(1, 20), [], id="daily, and yesterday"),
        pytest.param([3, 5, 7, 9, 11, 13, 15], [], id="every other day, and not for three"),
        pytest.param([n for n in range(3, 20) if n not in (8, 9)], [], id="it stayed away for two before"),
        pytest.param([n for n in range(5, 20) if n not in (8, 9)], ["silent"], id="but this is longer"),
        pytest.param([], [], id="it never came"),
    ],
)
def test_a_trigger_gone_silent_rings(tenant, rung, triggered, make_profile, make_event, days_ago, kinds):
    profile, now = make_profile(), clock.now(tenant)
    for days in days_ago:
        make_event(profile, "Cart Viewed", now - days * DAY)
    triggered()
    assert rung() == kinds


def test_silence_while_the_clock_jumped_is_none(tenant, rung, triggered, make_profile, make_event, later):
    profile, now = make_profile(), clock.now(tenant)
    for days in range(1, 20):
        make_event(profile, "Cart Viewed", now - days * DAY)
    triggered()
    later(30 * DAY)
    assert rung() == []
    age_clock(tenant, 4 * DAY)
    assert rung() == ["silent"]


def test_a_segment_that_became_empty_rings_while_its_campaign_listens(
    tenant, one, rung, owner, triggered, make_profile
):
    profile = make_profile(city="Paris")
    segment = Segment(tenant=tenant, name="Parisians", rule=PARIS)
    segment.save()
    campaign = triggered(words="<p>Hello</p>", is_launched=False)
    Version.objects.filter(campaign=campaign).update(segment=segment)
    launching.launch(version=versions.draft_of(campaign), actor=owner, now=clock.now(tenant))
    assert rung() == []
    Profile.objects.filter(pk=profile.pk).update(city="Rome")
    assert one("emptied").campaign == campaign
    lifecycle.stop(campaign=campaign, actor=owner)
    assert rung() == []


# --- Pages --------------------------------------------------------------------------------------------------------
def test_the_page_the_count_and_the_lines_tell_the_same(cluster, rows, make_campaign, client_of):
    client, other = client_of("analyst"), make_campaign(name="Autumn")
    assert "All is well" in client.get(reverse("alarms")).content.decode()
    assert client.get(reverse("alarm_count")).content.decode().strip() == ""
    cache.clear()
    campaign = rows(2, "unknown", ago=HOUR)
    page = client.get(reverse("alarms")).content.decode()
    assert "Nobody knows whether some messages arrived" in page
    people = reverse("campaign_people", args=[campaign.public_id])
    assert f"{people}?state=unknown" in page
    assert ">1<span" in client.get(reverse("alarm_count")).content.decode()
    assert "2 handed over" in client.get(reverse("alarm_lines")).content.decode()
    concerned = client.get(reverse("campaign_alarms", args=[campaign.public_id])).content.decode()
    assert "2 handed over" in concerned
    assert client.get(reverse("campaign_alarms", args=[other.public_id])).content.decode().strip() == ""


def test_a_page_that_a_member_may_not_open_is_not_linked(cluster, tenant, rows, client_of):
    rows(1, "planned", ago=3 * MINUTE)
    tenant.is_sandbox = False
    tenant.save()
    address = f'href="{reverse("settings_mail_server")}"'
    looked = {role: client_of(role).get(reverse("alarms")).content.decode() for role in ("owner", "analyst")}
    assert f'{address} aria-label="Look' in looked["owner"]
    assert f'{address} aria-label="Look' not in looked["analyst"]


def test_another_tenants_trouble_is_not_told(cluster, rows, other_tenant, client_of):
    campaign = rows(2, "unknown", ago=HOUR)
    client = client_of("owner", of=other_tenant)
    assert "All is well" in client.get(reverse("alarms")).content.decode()
    assert client.get(reverse("campaign_alarms", args=[campaign.public_id])).status_code == 404


def test_what_is_planned_and_claimed_as_it_falls_due_never_rings(tenant, rung, make_profile, make_campaign):
    for _ in range(3):
        make_profile()
    make_campaign()
    steps.planned(tenant)
    assert rung() == []


def test_few_refusals_among_many_are_no_alarm(tenant, rung, rows, monkeypatch, make_profile):
    monkeypatch.setattr(alarms, "COUNTED", 50)
    rows(20, "failed")
    who, at = make_profile(), clock.now(tenant)
    ingest.ensure_months([at])
    sent = [ingest.InternalEvent(f"e{n}", who.pk, "Email Sent", at, {}) for n in range(980)]
    ingest.record_internal(tenant=tenant, now=at, events=sent)
    assert "failing" not in rung()
