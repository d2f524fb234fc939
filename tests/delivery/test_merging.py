"""Two people who turn out to be one get a message once, and what each did counts for both."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from audiences import ingest
from audiences.models import Event
from delivery import claim, recording
from delivery.deciding import settle_decisions
from delivery.handover import message
from delivery.models import Conversion, Delivery, Entry
from tenants import clock
from tests.delivery.steps import claimed, planned


@pytest.fixture
def merge(tenant):
    """Tell, as a client would, that ``others`` are ``one``: the same request for all of them."""

    def tell(one, *others):
        calls = [
            {"type": "alias", "userId": one.external_id, "previousId": other.external_id} for other in others
        ]
        stored = ingest.store(tenant=tenant, calls=calls, now=clock.now(tenant))
        assert stored.refused == []
        for profile in (one, *others):
            profile.refresh_from_db()
        assert {other.merged_into_id for other in others} == {one.pk}

    return tell


def outcomes(profile):
    return Counter(Delivery.objects.filter(profile=profile).values_list("state", "reason"))


def test_merged_before_the_send_they_get_one_mail(make_profile, make_campaign, postbox, run, tenant, merge):
    one, other = make_profile(email="one@example.test"), make_profile(email="other@example.test")
    make_campaign()
    planned(tenant)
    merge(one, other)
    run()
    assert postbox.recipients() == ["one@example.test"]
    assert outcomes(one) == {("sent", ""): 1}
    assert outcomes(other) == {("cancelled", "merged"): 1}


@pytest.mark.parametrize("sent_to", ["one", "other"])
def test_what_is_further_along_wins(make_profile, make_campaign, postbox, run, tenant, merge, sent_to):
    people = {"one": make_profile(city="Rome"), "other": make_profile(city="Oslo")}
    city = people[sent_to].city
    campaign = make_campaign(
        rule={"all": [{"on": "attribute", "name": "city", "operator": "is", "value": city}]}
    )
    run()
    row = Delivery.objects.get()
    twin = people["other" if sent_to == "one" else "one"]
    fields = {
        "occasion": row.occasion,
        "occasion_at": row.occasion_at,
        "due_at": row.due_at,
        "channel": "email",
    }
    Delivery(tenant=tenant, campaign=campaign, profile=twin, **fields).save()
    merge(people["one"], people["other"])
    run()
    assert len(postbox.mails) == 1
    assert outcomes(people["one"]) == {("sent", ""): 1}
    assert outcomes(people["other"]) == {("cancelled", "merged"): 1}


def test_three_become_one_in_one_request(make_profile, make_campaign, postbox, run, tenant, merge):
    one, two, three = make_profile(), make_profile(), make_profile()
    make_campaign()
    planned(tenant)
    merge(one, two, three)
    run()
    assert len(postbox.mails) == 1
    assert sum(outcomes(one).values()) == 1
    assert Delivery.objects.filter(state="cancelled", reason="merged").count() == 2


def test_merged_again_the_twice_merged_keep_their_rows(
    make_profile, make_campaign, postbox, run, tenant, merge
):
    one, two, three = make_profile(), make_profile(), make_profile()
    make_campaign()
    planned(tenant)
    merge(two, three)
    merge(one, two)
    run()
    assert len(postbox.mails) == 1
    assert [sum(outcomes(profile).values()) for profile in (one, two, three)] == [1, 1, 1]


def test_both_reached_before_anybody_knew_stay_on_record_and_count_as_one_person(
    make_profile, make_campaign, postbox, run, merge
):
    one, other = make_profile(), make_profile()
    make_campaign()
    run()
    merge(one, other)
    assert outcomes(one) == outcomes(other) == {("sent", ""): 1}
    assert Delivery.objects.get(profile=other).exposed_at is None
    entry = Entry.objects.get()
    assert (entry.profile_id, entry.count) == (one.pk, 2)


def test_the_entry_of_the_loser_moves_with_its_arm_and_its_exposure(
    make_profile, make_campaign, postbox, run, merge
):
    other = make_profile()
    make_campaign()
    run()
    before = Entry.objects.get()
    one = make_profile()
    merge(one, other)
    entry = Entry.objects.get()
    assert entry.profile_id == one.pk
    assert (entry.first_at, entry.count, entry.shares) == (before.first_at, 1, before.shares)


def test_the_winner_keeps_its_group(make_profile, make_campaign, postbox, run, merge):
    people = [make_profile() for _ in range(40)]
    make_campaign(control_percent=50)
    run()
    control = set(Entry.objects.filter(is_control=True).values_list("profile_id", flat=True))
    held_out = next(person for person in people if person.pk in control)
    reached = next(person for person in people if person.pk not in control)
    merge(held_out, reached)
    assert Entry.objects.get(profile=held_out).is_control
    assert not Entry.objects.filter(profile=reached).exists()


def test_merged_between_decision_and_intent_the_loser_gets_nothing(
    make_profile, make_campaign, postbox, run, tenant, merge
):
    one, other = make_profile(email="one@example.test"), make_profile(email="other@example.test")
    make_campaign()
    chunk, known = claimed(tenant)
    merge(one, other)
    rows = [(each.row, each.circumstances.address) for each in known]
    may = recording.mark_intent(rows, tenant=tenant, token=chunk.token)
    assert may == {each.row.id for each in known if each.row.profile_id == one.pk}


def test_merged_in_mid_hand_over_the_outcome_is_recorded_with_the_winner(
    make_profile, make_campaign, postbox, tenant, merge, now
):
    other = make_profile(email="other@example.test")
    make_campaign()
    chunk, (known,) = claimed(tenant)
    recording.mark_intent([(known.row, "other@example.test")], tenant=tenant, token=chunk.token)
    one = make_profile(email="one@example.test")
    merge(one, other)
    result = recording.Result(known.row, message(known), Delivery.State.SENT, reply="250 OK")
    ingest.ensure_months([now])
    assert recording.record([result], tenant=tenant, token=chunk.token, now=clock.now(tenant)) == 1
    assert outcomes(one) == {("sent", ""): 1}
    assert Entry.objects.get(profile=one).count == 1
    assert one.events.filter(name="Email Sent").count() == 1


def test_what_the_loser_did_counts_for_the_winners_message_and_only_once(
    make_profile, make_campaign, postbox, run, tenant, merge, later
):
    one, other = make_profile(), make_profile(email=None)
    make_campaign(goal="Orders", conversion_event="Order Completed")
    run()
    at = later(timedelta(hours=1))
    for person, revenue in ((one, 10), (other, 5)):
        call = {"type": "track", "userId": person.external_id, "event": "Order Completed"}
        ingest.store(tenant=tenant, calls=[call | {"properties": {"revenue": revenue}}], now=at)
    assert Conversion.objects.get().revenue == 10
    merge(one, other)
    conversion = Conversion.objects.get()
    assert (conversion.profile_id, conversion.events, conversion.revenue) == (one.pk, 2, 15)


def test_merged_between_claim_and_decision_it_is_decided_as_the_winners(
    make_profile, make_campaign, postbox, run, tenant, merge
):
    one, other = make_profile(email="one@example.test", city="Rome"), make_profile(city="Oslo")
    make_campaign(
        rule={
            "all": [{"on": "attribute", "name": "city", "operator": "is_one_of", "value": ["Oslo", "Rome"]}]
        }
    )
    planned(tenant)
    Delivery.objects.filter(profile=one).delete()  # only the other is owed it
    chunk = claim.claim(tenant=tenant, channel="email", now=clock.now(tenant))
    merge(one, other)
    settle_decisions(chunk, tenant=tenant, channel="email", now=clock.now(tenant))
    assert outcomes(one) == {("planned", ""): 1}
    Delivery.objects.update(lease_until=None)  # as when the lease has run out
    run()
    assert postbox.recipients() == ["one@example.test"]


def test_who_waits_is_not_called_off_by_a_visitor_who_could_not_be_reached(
    make_profile, make_campaign, postbox, run, merge, later, now
):
    opens = now.astimezone(ZoneInfo("Europe/Berlin")) + timedelta(hours=3)
    known, visitor = make_profile(email="ada@example.test"), make_profile(email=None)
    make_campaign(window_start=opens.time(), window_end=(opens + timedelta(hours=2)).time())
    run()
    assert (outcomes(known), outcomes(visitor)) == ({("planned", ""): 1}, {("skipped", "no_address"): 1})
    merge(known, visitor)
    later(timedelta(hours=4))
    run()
    assert postbox.recipients() == ["ada@example.test"]


def test_a_merge_keeps_conversions_whose_events_are_gone(
    make_profile, make_campaign, postbox, run, merge, later, tenant
):
    buyer, visitor = make_profile(), make_profile(email=None)
    make_campaign(
        goal="Orders",
        conversion_event="Order Completed",
        rule={"on": "attribute", "name": "email", "operator": "exists"},
    )
    run()
    order = {
        "type": "track",
        "userId": buyer.external_id,
        "event": "Order Completed",
        "properties": {"revenue": 10},
    }
    ingest.store(tenant=tenant, calls=[order], now=later(timedelta(hours=1)))
    Event.objects.filter(name="Order Completed").delete()  # as their month goes once it is older than is kept
    later(timedelta(days=tenant.retention_days))
    merge(visitor, buyer)
    conversion = Conversion.objects.get()
    assert (conversion.revenue, conversion.profile_id) == (10, visitor.pk)
