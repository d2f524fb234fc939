"""Trouble of one row, plan, server or tenant stays its own: nobody else waits, and nothing goes round for ever."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection

from audiences.models import Event
from campaigns import lifecycle, schedules
from delivery import cap_editing, claim, deciding, pipeline, providers, recording, sweep
from delivery.channels.email import sending
from delivery.models import CapUse, Delivery, Provider
from tenants import clock
from tests.delivery.steps import claimed, planned


def states():
    return Counter(Delivery.objects.values_list("state", flat=True))


def let_leases_run_out():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_delivery SET lease_until = clock_timestamp() - interval '1 second'")


@pytest.fixture
def poison(monkeypatch):
    """Something nobody foresaw, for one address."""
    whole = sending.Mailer.compose

    def compose(self, words, letter):
        if letter.to_address == "poison@example.test":
            raise RuntimeError("nobody foresaw this")
        return whole(self, words, letter)

    monkeypatch.setattr(sending.Mailer, "compose", compose)


def test_a_row_that_fails_unforeseen_holds_up_nobody_else(make_profile, make_campaign, postbox, run, poison):
    for n in range(30):
        make_profile(email="poison@example.test" if n == 10 else f"p{n}@example.test")
    make_campaign()
    run()
    assert states() == {"sent": 29, "planned": 1}
    assert len(postbox.mails) == 29
    assert Event.objects.filter(name="Email Sent").count() == 29


def test_those_who_failed_together_and_are_tried_alone_take_no_second_room(
    make_profile, make_campaign, run, poison, tenant, owner
):
    for name in ("poison", "other"):
        make_profile(email=f"{name}@example.test")
    cap_editing.add(tenant=tenant, actor=owner, now=clock.now(tenant), limit=5, kind="day", scope="all")
    make_campaign()
    run()
    let_leases_run_out()
    run()
    assert [len(use.times) for use in CapUse.objects.all()] == [1, 1]


def test_it_is_tried_again_and_given_up_in_the_end_with_the_reason(
    make_profile, make_campaign, postbox, run, poison
):
    make_profile(email="poison@example.test")
    make_campaign()
    for _ in range(pipeline.GIVES_UP_AFTER):
        assert states().get("skipped", 0) == 0
        run()
        let_leases_run_out()
    row = Delivery.objects.get()
    assert (row.state, row.reason) == ("skipped", "error")
    assert "nobody foresaw this" in row.reply
    assert run() == 0


def test_without_a_provider_everything_waits_untried_until_there_is_one(
    make_profile, make_campaign, postbox, run, tenant, settings
):
    make_profile()
    make_campaign()
    tenant.is_sandbox = False
    tenant.save()
    planned(tenant)
    assert run() == 0
    assert claim.tenants_with_work(["email"]) == {}
    assert Delivery.objects.get().attempts == 0
    login = tenant.public_id.hex
    server = {"host": "127.0.0.1", "port": settings.SANDBOX_SMTP_PORT, "tls": "none", "username": login}
    Provider(
        tenant=tenant, channel="email", name="x", settings=server, secret=providers.encrypt(tenant, login)
    ).save()
    run()
    assert states() == {"sent": 1}


def test_a_server_that_takes_nothing_is_left_alone_for_a_while(make_profile, make_campaign, run, settings):
    settings.SANDBOX_SMTP_PORT = 1
    for _ in range(50):
        make_profile()
    make_campaign()
    run()
    assert states() == {"planned": 50}
    tried = Counter(Delivery.objects.values_list("attempts", flat=True))
    assert tried == {1: 20, 0: 30}  # one group found out for all
    assert run() == 0
    sending.close_all()


def test_one_tenants_trouble_is_not_anothers(
    make_profile, make_campaign, postbox, run, tenant, other_tenant, monkeypatch
):
    make_profile()
    make_campaign()
    turns = []
    whole = pipeline._turn

    def turn(tenant_id, *rest):
        turns.append(tenant_id)
        if tenant_id == other_tenant.pk:
            raise RuntimeError("nobody foresaw this")
        return whole(tenant_id, *rest)

    monkeypatch.setattr(pipeline, "_turn", turn)
    monkeypatch.setattr(claim, "tenants_with_work", lambda kinds: {other_tenant.pk: True, tenant.pk: True})
    for _ in range(3):
        pipeline.once_round()
    assert states() == {"sent": 1}
    assert turns.count(other_tenant.pk) == 1  # and rests


def test_a_tenant_whose_doubtful_rows_cannot_be_settled_holds_up_nobody(
    make_profile, make_campaign, tenant, other_tenant, monkeypatch
):
    make_profile()
    make_campaign()
    chunk, known = claimed(tenant)
    rows = [(one.row, one.circumstances.address) for one in known]
    recording.mark_intent(rows, tenant=tenant, token=chunk.token)
    let_leases_run_out()
    whole = sweep.conversions.recount

    def recount(*, tenant, **people):
        if tenant == other_tenant:
            raise RuntimeError("nobody foresaw this")
        whole(tenant=tenant, **people)

    monkeypatch.setattr(
        sweep, "LATE", f"VALUES ({other_tenant.pk}, ARRAY[1]::bigint[]) UNION ALL {sweep.LATE}"
    )
    monkeypatch.setattr(sweep.conversions, "recount", recount)
    assert sweep.doubtful() == 1
    assert states() == {"unknown": 1}


def test_paused_between_claim_and_decision_they_wait_and_are_not_skipped(
    make_profile, make_campaign, postbox, run, tenant, owner
):
    make_profile()
    campaign = make_campaign()
    planned(tenant)
    chunk = claim.claim(tenant=tenant, channel="email", now=clock.now(tenant))
    lifecycle.pause(campaign=campaign, actor=owner)
    assert deciding.settle_decisions(chunk, tenant=tenant, channel="email", now=clock.now(tenant)) == []
    lifecycle.resume(campaign=campaign, actor=owner)
    run()
    assert states() == {"sent": 1}


def test_told_to_leave_between_two_mails_what_was_not_begun_is_given_back(
    make_profile, make_campaign, postbox
):
    for _ in range(50):
        make_profile()
    make_campaign()
    pipeline.once_round(lambda: len(postbox.mails) < 27)
    assert states() == {"sent": 27, "planned": 23}
    assert len(postbox.mails) == 27
    pipeline.once_round()
    assert states() == {"sent": 50}
    assert Counter(postbox.recipients()).most_common(1)[0][1] == 1


def test_the_senders_name_is_the_one_of_now(make_profile, make_campaign, postbox, run, tenant):
    make_profile(email="ada@example.test")
    make_campaign(name="One")
    run()
    tenant.from_name, tenant.from_email = "Nightingale & Sons", "sons@nightingale.test"
    tenant.save()
    make_campaign(name="Two")
    run()
    assert [mail["From"] for _, mail in postbox.mails] == [
        "Nightingale Records <hello@nightingale.test>",
        "Nightingale & Sons <sons@nightingale.test>",
    ]


def test_a_campaign_that_has_no_hour_holds_up_no_other(
    make_profile, make_campaign, postbox, run, monkeypatch
):
    make_profile()
    broken = make_campaign(name="Broken")
    make_campaign(name="Sound")
    coming = schedules.coming

    def fails_for_one(version, **how):
        if version.campaign_id == broken.pk:
            raise OverflowError("date value out of range")
        return coming(version, **how)

    monkeypatch.setattr(schedules, "coming", fails_for_one)
    run()
    assert [row.campaign.name for row in Delivery.objects.filter(state="sent")] == ["Sound"]
