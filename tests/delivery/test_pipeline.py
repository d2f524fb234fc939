"""From a launched campaign to what stands in people's inboxes and on the rows."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from audiences import consent, suppression
from audiences.models import Event, Profile, Suppression
from campaigns import launching, lifecycle, preview
from campaigns.models import Campaign, Variant
from delivery import explain, recording, results, sweep
from delivery.models import Delivery, Entry
from tests.delivery.steps import claimed, planned

NAMED = "<p>Dear {{ profile.first_name }}, your city is {{ profile.city }}.</p>"


def states():
    return Counter(Delivery.objects.values_list("state", flat=True))


def reasons():
    return Counter(Delivery.objects.exclude(reason="").values_list("reason", flat=True))


def test_everyone_in_the_audience_gets_one_mail(make_profile, make_campaign, postbox, run):
    for _ in range(45):
        make_profile(first_name="Ada")
    make_campaign()
    run()
    assert states() == {"sent": 45}
    assert len(set(postbox.recipients())) == len(postbox.recipients()) == 45


def test_draining_again_sends_nothing_more(make_profile, make_campaign, postbox, run):
    make_profile()
    make_campaign()
    run()
    assert run() == 0
    assert len(postbox.mails) == 1


def test_the_mail_is_the_persons_own_and_complete(make_profile, make_campaign, postbox, run):
    make_profile(first_name="Ada", last_name="Lovelace", email="ada@example.test")
    make_campaign()
    run()
    mail = postbox.to("ada@example.test")
    assert mail["To"] == "Ada Lovelace <ada@example.test>"
    assert mail["From"] == "Nightingale Records <hello@nightingale.test>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    html, text = (mail.get_body((kind,)).get_content() for kind in ("html", "plain"))
    assert "Hello Ada" in html
    assert "Hello Ada" in text
    assert "1 Song Street" in html
    assert "https://shop.test/new" not in html  # leads through us
    assert "/t/o/" in html


def test_a_sent_row_keeps_its_decision_and_leaves_an_event(make_profile, make_campaign, postbox, run):
    profile = make_profile()
    campaign = make_campaign()
    run()
    row = Delivery.objects.get()
    assert row.decision["verdict"] == "send"
    assert [gate[0] for gate in row.decision["gates"]][:2] == ["campaign_live", "not_late"]
    assert row.sent_at is not None
    event = Event.objects.get(name="Email Sent", profile=profile)
    assert event.is_internal
    assert event.properties["campaign"] == str(campaign.public_id)
    assert Entry.objects.get().count == 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param({"email": None}, "no_address", id="no address"),
        pytest.param({"consent": {"email": "unsubscribed"}}, "unsubscribed", id="unsubscribed"),
        pytest.param({"email": "Gone@example.test"}, "suppressed", id="suppressed, whatever the case"),
    ],
)
def test_who_may_not_be_written_to_is_skipped_with_the_reason(
    spoil, reason, make_profile, make_campaign, postbox, run, tenant, now
):
    suppression.add(tenant=tenant, channel="email", address="gone@example.test", reason="bounced", now=now)
    make_profile()
    make_profile(**spoil)
    make_campaign()
    run()
    assert states() == {"sent": 1, "skipped": 1}
    assert reasons() == {reason: 1}


def test_who_lacks_data_gets_the_default_variant(make_profile, make_campaign, postbox, run):
    make_profile(first_name="Ada", city="London", email="ada@example.test")
    make_profile(first_name="Bob", email="bob@example.test")
    make_campaign(variants=(("a", 100, "Hi", NAMED),), default=("z", "Hello", "<p>Hello there.</p>"))
    run()
    assert postbox.to("ada@example.test")["Subject"] == "Hi"
    assert postbox.to("bob@example.test")["Subject"] == "Hello"


def test_without_a_default_who_lacks_data_is_skipped_and_the_decision_says_what(
    make_profile, make_campaign, postbox, run
):
    make_profile(first_name="Bob")
    make_campaign(variants=(("a", 100, "Hi", NAMED),))
    run()
    row = Delivery.objects.get()
    assert (row.state, row.reason) == ("skipped", "lacks_data")
    assert row.decision["gates"][-1][2]["lacks"] == ["profile.city"]


def test_whom_the_words_themselves_turn_down_get_nothing_and_it_says_why(
    make_profile, make_campaign, postbox, run, now, owner
):
    body = "{% if profile.city == 'Paris' %}{% abort_message('Paris is on strike') %}{% endif %}<p>Hello.</p>"
    make_profile(city="London", email="ada@example.test")
    bob = make_profile(city="Paris")
    campaign = make_campaign(variants=(("a", 100, "Hi", body),), is_launched=False)
    variant = Variant.objects.get()
    shown = preview.of_saved(variant=variant, channel="email", profile=bob, now=now)
    assert (shown.refused.is_wanted, shown.refused.reason) == (True, "Paris is on strike")
    launching.launch(version=variant.version, actor=owner, now=now)
    run()
    assert postbox.recipients() == ["ada@example.test"]
    row = Delivery.objects.get(profile=bob)
    assert (row.state, row.reason, row.reply) == ("skipped", "aborted", "Paris is on strike")
    told = explain.why(campaign, bob, now=now)
    assert "the message itself said not to send it" in str(told)
    assert results.why(row) == "The message itself said not to send it"


def test_the_control_group_passes_the_gates_and_gets_nothing(make_profile, make_campaign, postbox, run):
    for _ in range(200):
        make_profile()
    make_campaign(control_percent=50)
    run()
    held_out = Delivery.objects.filter(state="held_out")
    assert 60 < held_out.count() < 140
    assert len(postbox.mails) == 200 - held_out.count()
    assert set(held_out.values_list("arm", flat=True)) == {"control"}
    assert all(held_out.values_list("exposed_at", flat=True))


def test_who_left_the_audience_after_planning_is_skipped(make_profile, make_campaign, postbox, run, tenant):
    profile = make_profile(city="Paris")
    make_campaign(rule={"all": [{"on": "attribute", "name": "city", "operator": "is", "value": "Paris"}]})
    planned(tenant)
    Profile.objects.filter(pk=profile.pk).update(city="Rome")
    run()
    assert reasons() == {"left_audience": 1}


def test_what_would_come_too_late_is_skipped(make_profile, make_campaign, postbox, run, tenant, later):
    make_profile()
    make_campaign(lateness_hours=2)
    planned(tenant)
    later(timedelta(hours=3))
    run()
    assert reasons() == {"too_late": 1}


def test_a_campaign_waits_for_its_hour(make_profile, make_campaign, postbox, run, now, later):
    make_profile()
    make_campaign(when="at", starts_at=now + timedelta(hours=5))
    assert run() == 0
    later(timedelta(hours=5, minutes=1))
    run()
    assert states() == {"sent": 1}


def test_a_refused_recipient_fails_is_suppressed_and_touches_nobody_else(
    make_profile, make_campaign, postbox, run
):
    make_profile(email="bounce1@example.test")
    for _ in range(5):
        make_profile()
    make_campaign()
    run()
    assert states() == {"sent": 5, "failed": 1}
    assert Suppression.objects.get().address == "bounce1@example.test"
    assert Event.objects.filter(name="Email Bounced").count() == 1


def test_a_full_mailbox_is_tried_again_later(make_profile, make_campaign, postbox, run):
    make_profile(email="full@example.test")
    make_campaign()
    run()
    row = Delivery.objects.get()
    assert row.state == "planned"
    assert row.attempts == 1
    assert row.lease_until > timezone.now()


def test_a_mail_taken_without_an_answer_is_unknown_and_never_repeated(
    make_profile, make_campaign, postbox, run
):
    make_profile(email="lost@example.test")
    make_campaign()
    run()
    run()
    assert states() == {"unknown": 1}
    assert postbox.recipients().count("lost@example.test") == 1


def test_without_a_mail_server_nothing_is_lost(make_profile, make_campaign, run, settings):
    settings.SANDBOX_SMTP_PORT = 1
    make_profile()
    make_campaign()
    run()
    assert states() == {"planned": 1}


def test_paused_means_nothing_leaves_and_resumed_means_it_goes_on(
    make_profile, make_campaign, postbox, run, owner
):
    for _ in range(3):
        make_profile()
    campaign = make_campaign()
    lifecycle.pause(campaign=campaign, actor=owner)
    run()
    assert postbox.mails == []
    lifecycle.resume(campaign=campaign, actor=owner)
    run()
    assert states() == {"sent": 3}


def test_stopped_cancels_what_is_owed(make_profile, make_campaign, postbox, run, owner, tenant, now):
    make_profile()
    campaign = make_campaign()
    planned(tenant)
    lifecycle.stop(campaign=campaign, actor=owner)
    assert sweep.stopped() == 1
    assert sweep.stopped() == 0
    assert reasons() == {"stopped": 1}
    campaign.refresh_from_db()
    assert campaign.closed_at


@pytest.mark.parametrize("what", ["unsubscribe", "leave the topic", "pause", "suppress", "new address"])
def test_after_it_is_acknowledged_no_row_passes_intent(
    what, make_profile, make_campaign, postbox, tenant, owner, now
):
    profile = make_profile(email="ada@example.test")
    campaign = make_campaign()
    Campaign.objects.update(topic="news")
    chunk, known = claimed(tenant)
    if what in ("unsubscribe", "leave the topic"):
        consent.change(
            tenant=tenant,
            profile_id=profile.pk,
            subject="email" if what == "unsubscribe" else "topic:news",
            standing="unsubscribed",
            origin="test",
            now=now,
        )
    elif what == "pause":
        lifecycle.pause(campaign=campaign, actor=owner)
    elif what == "suppress":
        suppression.add(tenant=tenant, channel="email", address="ada@example.test", reason="manual", now=now)
    else:
        Profile.objects.filter(pk=profile.pk).update(email="new@example.test")
    rows = [(one.row, one.circumstances.address) for one in known]
    assert recording.mark_intent(rows, tenant=tenant, token=chunk.token) == set()


def test_whoever_lost_the_lease_settles_nothing(make_profile, make_campaign, postbox, tenant):
    make_profile()
    make_campaign()
    chunk, known = claimed(tenant)
    rows = [(one.row, one.circumstances.address) for one in known]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_delivery SET lease_token = lease_token + 1")
    assert recording.mark_intent(rows, tenant=tenant, token=chunk.token) == set()


def test_a_crash_in_mid_hand_over_leaves_doubt_and_no_second_mail(
    make_profile, make_campaign, postbox, tenant, run
):
    make_profile()
    make_campaign()
    chunk, known = claimed(tenant)
    recording.mark_intent(
        [(one.row, one.circumstances.address) for one in known], tenant=tenant, token=chunk.token
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_delivery SET lease_until = clock_timestamp() - interval '1 second'")
    assert sweep.doubtful() == 1
    run()
    assert states() == {"unknown": 1}
    assert postbox.mails == []


def test_two_campaigns_reach_the_same_person_each_once(make_profile, make_campaign, postbox, run):
    make_profile()
    make_campaign(name="One")
    make_campaign(name="Two")
    run()
    assert states() == {"sent": 2}


def test_the_other_tenant_hears_nothing(make_profile, make_campaign, postbox, run, other_tenant):
    make_profile(of=other_tenant)
    make_profile()
    make_campaign()
    run()
    assert len(postbox.mails) == 1
