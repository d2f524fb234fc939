"""What may happen at the same moment: twin drains, unsubscribes, pauses, stops and merges in mid send."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection
from django_scopes import scope

from audiences import consent, ingest
from audiences.models import Profile
from campaigns import lifecycle
from delivery import pipeline, recording, sweep
from delivery.channels.email import sending
from delivery.models import Delivery, Entry
from tenants import clock
from tests.delivery.steps import claimed, planned
from tests.sandbox import Running, running

pytestmark = pytest.mark.django_db(transaction=True)

CUT = "SELECT pg_terminate_backend(%s)"


@pytest.fixture
def mails(tmp_path, settings) -> Iterator[Running]:
    """A mail server that takes its time."""
    with running(tmp_path, delay_seconds=0.004) as server:
        settings.SANDBOX_SMTP_PORT = server.port
        yield server


@pytest.fixture
def beside(tenant) -> Iterator[Callable[..., Future]]:
    """Run functions in threads, each with its own connections and the tenant's scope."""

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            with scope(tenant=tenant):
                return function(*arguments)
        finally:
            sending.close_all()
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        yield lambda function, *arguments: pool.submit(run, function, *arguments)


def drain_until_done() -> None:
    while pipeline.once_round():
        pass


@contextmanager
def in_mid_send(beside, mails: Running, *, after: int, drains: int = 1) -> Iterator[None]:
    """The block runs when so many mails have arrived; then the drains are waited for."""
    working = [beside(drain_until_done) for _ in range(drains)]
    deadline = time.monotonic() + 60
    while len(mails.journal()) < after:
        assert time.monotonic() < deadline
        assert not all(drain.done() for drain in working), [drain.result() for drain in working]
        time.sleep(0.005)
    yield
    for drain in working:
        drain.result(timeout=120)


def states() -> Counter[str]:
    return Counter(Delivery.objects.values_list("state", flat=True))


def nobody_twice(mails: Running) -> None:
    assert [who for who, times in Counter(mails.recipients()).items() if times > 1] == []


def test_two_drains_of_one_tenant_send_each_mail_once(
    make_profile, make_campaign, mails, beside, tenant, monkeypatch
):
    monkeypatch.setattr(pipeline.claim, "CHUNK", 40)
    for _ in range(300):
        make_profile()
    make_campaign()
    for drain in [beside(drain_until_done) for _ in range(3)]:
        drain.result(timeout=120)
    assert states() == {"sent": 300}
    nobody_twice(mails)
    assert set(Entry.objects.values_list("count", flat=True)) == {1}


def test_no_row_passes_intent_after_its_unsubscribe_was_acknowledged(
    make_profile, make_campaign, mails, beside, tenant
):
    people = [make_profile() for _ in range(200)]
    make_campaign()
    chunk, known = claimed(tenant)
    asked_at: dict[int, float] = {}
    acknowledged_at: dict[int, float] = {}
    order = random.Random(7).sample(people, len(people))

    def unsubscribe() -> None:
        for person in order:
            consent.change(
                tenant=tenant, profile_id=person.pk, subject="email", standing="unsubscribed", origin="test",
                now=clock.now(tenant),
            )  # fmt: skip
            acknowledged_at[person.pk] = time.monotonic()

    passed: set[int] = set()
    unsubscribing = beside(unsubscribe)
    for at in range(0, len(known), 5):
        group = known[at : at + 5]
        asked_at |= dict.fromkeys((one.row.profile_id for one in group), time.monotonic())
        rows = [(one.row, one.circumstances.address) for one in group]
        may = recording.mark_intent(rows, tenant=tenant, token=chunk.token)
        passed |= {one.row.profile_id for one in group if one.row.id in may}
    unsubscribing.result(timeout=60)
    assert [who for who in passed if acknowledged_at[who] < asked_at[who]] == []
    assert [who for who in asked_at if who not in passed and acknowledged_at[who] < asked_at[who]] != []
    assert passed


def test_paused_in_mid_send_no_further_group_leaves_and_resumed_everyone_gets_it(
    make_profile, make_campaign, mails, beside, owner
):
    for _ in range(300):
        make_profile()
    campaign = make_campaign()
    with in_mid_send(beside, mails, after=60, drains=2):
        lifecycle.pause(campaign=campaign, actor=owner)
        at_pause = len(mails.journal())
    assert len(mails.journal()) <= at_pause + 2 * recording.GROUP
    assert states().keys() == {"sent", "planned"}
    lifecycle.resume(campaign=campaign, actor=owner)
    drain_until_done()
    assert states() == {"sent": 300}
    nobody_twice(mails)


def test_stopped_in_mid_send_the_rest_is_cancelled(make_profile, make_campaign, mails, beside, owner):
    for _ in range(300):
        make_profile()
    campaign = make_campaign()
    with in_mid_send(beside, mails, after=60, drains=2):
        lifecycle.stop(campaign=campaign, actor=owner)
        sweep.stopped()
    sweep.stopped()
    assert states().keys() == {"sent", "cancelled"}
    assert states()["sent"] == len(mails.journal())
    assert sum(states().values()) == 300
    nobody_twice(mails)
    campaign.refresh_from_db()
    assert campaign.closed_at


def test_merges_and_calls_in_mid_send_wait_for_nobody_and_lose_nobody(
    make_profile, make_campaign, mails, beside, tenant
):
    people = [make_profile() for _ in range(240)]
    make_campaign(goal="Orders", conversion_event="Order Completed")
    planned(tenant)
    chance = random.Random(11)
    pairs = [chance.sample(people, 2) for _ in range(30)]

    def merge() -> None:
        for one, other in pairs:
            call = {"type": "alias", "userId": one.external_id, "previousId": other.external_id}
            ingest.store(tenant=tenant, calls=[call], now=clock.now(tenant))

    def act(seed: int) -> None:
        order = random.Random(seed)
        for _ in range(30):
            calls = [
                {"type": "track", "userId": person.external_id, "event": "Order Completed"}
                for person in order.sample(people, 25)
            ]
            ingest.store(tenant=tenant, calls=calls, now=clock.now(tenant))

    with in_mid_send(beside, mails, after=1, drains=2):
        others = [beside(merge), beside(act, 1), beside(act, 2)]
        for other in others:
            other.result(timeout=120)
    assert Delivery.objects.count() == len(people)
    assert states().keys() <= {"sent", "cancelled"}
    nobody_twice(mails)
    living = set(Profile.objects.living().values_list("pk", flat=True))
    of_living = Counter(Delivery.objects.filter(profile_id__in=living).values_list("profile_id", flat=True))
    assert of_living == dict.fromkeys(living, 1)
    assert set(Entry.objects.values_list("profile_id", flat=True)) == living


def test_a_database_that_goes_away_before_the_answers_are_recorded_costs_none_of_them(
    make_profile, make_campaign, mails, tenant
):
    for _ in range(60):
        make_profile()
    make_campaign()
    parameters = connection.get_connection_params() | {"autocommit": True}
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    cuts = []

    def goes_on() -> bool:
        if len(mails.journal()) >= 10 + 20 * len(cuts) and len(cuts) < 2:
            with psycopg.connect(**parameters) as other:
                cuts.append(other.execute(CUT, [connection.connection.info.backend_pid]).fetchone())
        return True

    pipeline.once_round(goes_on)
    assert cuts == [(True,), (True,)]
    assert states() == {"sent": 60}
    nobody_twice(mails)
