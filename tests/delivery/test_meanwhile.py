"""What others do between two steps of a message's way: nobody gets it twice, nothing is lost, and nothing is stuck."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django_scopes import scope

from audiences import ingest, memberships, segments, suppression
from audiences.models import WatchedSegment
from campaigns import lifecycle, triggers
from delivery import pipeline, plan, recording, sweep, watching
from delivery import triggers as hearing
from delivery.models import Conversion, Delivery, Entry
from tenants import clock
from tests.delivery.steps import claimed, planned

pytestmark = pytest.mark.django_db(transaction=True)
A_MOMENT = 0.5  # seconds, in which the other side gets as far as it can

Beside = Callable[[Callable[[], Any]], Future[Any]]


@pytest.fixture
def beside(tenant) -> Iterator[Beside]:
    """Run something on a connection of its own."""

    def run(function):
        try:
            with scope(tenant=tenant):
                return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        yield lambda function: pool.submit(run, function)


@pytest.fixture
def merge(tenant):
    def tell(one, other):
        call = {"type": "alias", "userId": one.external_id, "previousId": other.external_id}
        assert not ingest.store(tenant=tenant, calls=[call], now=clock.now(tenant)).refused

    return tell


@pytest.fixture
def two(person):
    """Two profiles that one person's address leads to."""
    pair = [person(user, email="ada@example.test") for user in ("u1", "u2")]
    for one in pair:
        one.refresh_from_db()
    return pair


def intended(known, *, tenant, token) -> set[int]:
    rows = [(each.row, each.circumstances.address) for each in known]
    return recording.mark_intent(rows, tenant=tenant, token=token)


def lost(*rows) -> None:
    """Let a lease have run out."""
    ids = [row.id for row in rows]
    Delivery.objects.filter(pk__in=ids).update(lease_until=clock.raw_now() - timedelta(seconds=1))


def outcomes() -> list[tuple[str, str]]:
    return sorted(Delivery.objects.values_list("state", "reason"))


# --- merged between the decision and the intent ----------------------------------------------------------------------
def test_who_is_one_by_now_hears_once(triggered, two, did, merge, tenant):
    triggered()  # again: once
    did(user="u1", total=1)
    did(user="u2", total=2)
    chunk, known = claimed(tenant)
    assert len(known) == 2
    merge(*two)
    assert len(intended(known, tenant=tenant, token=chunk.token)) == 1


def test_who_is_held_back_as_the_other_hears_nothing(triggered, two, did, merge, tenant):
    campaign = triggered()
    Entry(tenant=tenant, campaign=campaign, profile=two[0], is_control=True).save()
    did(user="u2", total=2)
    chunk, known = claimed(tenant)
    assert len(known) == 1
    merge(*two)
    assert intended(known, tenant=tenant, token=chunk.token) == set()


# --- held by somebody while it is given back -------------------------------------------------------------------------
def test_what_was_certainly_not_taken_waits_again_whoever_holds_it(
    make_profile, make_campaign, tenant, merge, beside
):
    profile, other = make_profile(), make_profile(email=None)
    make_campaign(rule={"all": [{"on": "attribute", "name": "email", "operator": "exists"}]})
    chunk, (known,) = claimed(tenant)
    assert intended([known], tenant=tenant, token=chunk.token) == {known.row.id}
    with transaction.atomic():
        merge(other, profile)  # holds the row until it is committed
        backing_off = beside(lambda: recording.back_off([known.row], tenant=tenant, token=chunk.token))
        time.sleep(A_MOMENT)
        assert not backing_off.done()
    backing_off.result(timeout=20)
    lost(known.row)
    sweep.doubtful()
    assert Delivery.objects.get(pk=known.row.id).state == "planned"


# --- a newer event during the hand-over of the older -----------------------------------------------------------------
def test_a_newer_event_is_not_lost_to_one_that_is_being_sent(triggered, person, did, tenant):
    person()
    triggered(replaces_waiting=True, again="always")
    did(total=1)
    chunk, known = claimed(tenant)
    assert len(intended(known, tenant=tenant, token=chunk.token)) == 1
    did(total=2)
    assert [state for state, _ in outcomes()] == ["planned", "sending"]


# --- stopped while it is being planned -------------------------------------------------------------------------------
@pytest.mark.parametrize("way", ["plan", "event"])
def test_a_stop_while_it_is_planned_leaves_nobody_waiting(
    way, person, triggered, make_campaign, did, tenant, owner, beside, monkeypatch
):
    person()
    campaign = triggered() if way == "event" else make_campaign()
    module, name = (hearing, "hear") if way == "event" else (plan, "_insert")
    write, stops = getattr(module, name), []

    def stop():
        lifecycle.stop(campaign=campaign, actor=owner)
        sweep.stopped()

    def write_and_be_stopped(*args, **kwargs):
        count = write(*args, **kwargs)
        if count and not stops:
            stops.append(beside(stop))
            time.sleep(A_MOMENT)
        return count

    monkeypatch.setattr(module, name, write_and_be_stopped)
    did() if way == "event" else planned(tenant)
    stops[0].result(timeout=20)
    sweep.stopped()
    pipeline.once_round()
    assert outcomes() == [("cancelled", "stopped")]


# --- launched while segments are looked at ---------------------------------------------------------------------------
def test_a_segment_that_a_launch_waits_for_is_not_forgotten(
    make_profile, make_campaign, tenant, owner, now, monkeypatch, beside
):
    make_profile()
    rule = {"on": "event", "name": "Order Completed"}
    segment = segments.create(tenant=tenant, actor=owner, name="Bought", rule=rule)
    memberships.watch(segment, now=now)  # a campaign waited for it that has ended
    listening, launches = watching.listening, []

    def launch():
        make_campaign(when="event", trigger=triggers.on_segment(segment, "entered"))

    def read_and_launched_beside(tenant):
        heard = listening(tenant)
        launches.append(beside(launch))
        time.sleep(A_MOMENT)
        return heard

    with monkeypatch.context() as patched:
        patched.setattr(watching, "listening", read_and_launched_beside)
        watching.look_around()
    launches[0].result(timeout=20)
    watching.look_around()
    assert WatchedSegment.objects.filter(segment=segment).exists()


# --- killed between giving up and crediting --------------------------------------------------------------------------
def test_what_people_did_since_a_doubtful_message_counts_after_a_crash(
    make_profile, make_campaign, tenant, monkeypatch
):
    person = make_profile()
    make_campaign(goal="Orders", conversion_event="Order Completed")
    chunk, (known,) = claimed(tenant)
    intended([known], tenant=tenant, token=chunk.token)
    lost(known.row)
    call = {"type": "track", "userId": person.external_id, "event": "Order Completed"}
    ingest.store(tenant=tenant, calls=[call], now=clock.now(tenant))

    def killed(**_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sweep.conversions, "recount", killed)
        with pytest.raises(KeyboardInterrupt):
            sweep.doubtful()
    sweep.doubtful()
    assert (Delivery.objects.get().state, Conversion.objects.count()) == ("unknown", 1)


# --- told what means nothing -----------------------------------------------------------------------------------------
def test_decision_and_intent_agree_where_a_campaign_has_no_topic(make_profile, make_campaign, postbox, run):
    profile = make_profile(consent={"topic:": "unsubscribed"})
    make_campaign()
    assert run(most=50) < 10
    assert postbox.recipients() == [profile.email]


@pytest.mark.parametrize("suppressed", ["irem@example.test", "\u0130rem@example.test"])
def test_decision_and_intent_agree_on_what_is_the_same_address(
    make_profile, make_campaign, postbox, run, tenant, suppressed
):
    make_profile(email="\u0130rem@example.test")
    suppression.add(
        tenant=tenant, channel="email", address=suppressed, reason="bounced", now=clock.now(tenant)
    )
    make_campaign()
    assert run(most=50) < 10
