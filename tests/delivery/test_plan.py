"""Planning in slices: everyone in the audience once, whatever happens between two slices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from audiences import partitions
from campaigns import lifecycle
from campaigns.models import Campaign
from delivery import agenda, claim, plan, tasks
from delivery.models import Delivery, Plan
from tenants import clock
from tests.delivery.steps import planned


@pytest.fixture
def small_slices(monkeypatch):
    monkeypatch.setattr(plan, "SLICE", 7)


def step(tenant) -> bool:
    return plan.advance(tenant=tenant, now=clock.now(tenant))


def open_due(tenant) -> int:
    return agenda.open_due(tenant=tenant, now=clock.now(tenant))


def test_slices_come_to_the_whole_audience_once(make_profile, make_campaign, tenant, small_slices):
    people = [make_profile(city="Paris" if n % 3 else "Rome") for n in range(40)]
    make_campaign(rule={"all": [{"on": "attribute", "name": "city", "operator": "is", "value": "Paris"}]})
    planned(tenant)
    rows = sorted(Delivery.objects.values_list("profile_id", flat=True))
    assert rows == [person.pk for person in people if person.city == "Paris"]
    done = Plan.objects.get()
    assert (done.audience, done.planned_to) == (len(rows), people[-1].pk)
    assert done.done_at


def test_a_plan_is_opened_once(make_profile, make_campaign, tenant):
    make_campaign()
    assert [open_due(tenant) for _ in range(2)] == [1, 0]


def test_killed_in_mid_slice_it_goes_on_from_the_last_whole_one(
    make_profile, make_campaign, tenant, small_slices
):
    for _ in range(20):
        make_profile()
    make_campaign()
    open_due(tenant)
    step(tenant)
    with transaction.atomic():  # what a kill leaves of a slice: nothing
        step(tenant)
        transaction.set_rollback(True)
    assert Delivery.objects.count() == 7
    while step(tenant):
        pass
    assert Delivery.objects.count() == Plan.objects.get().audience == 20


def test_rows_that_are_there_already_are_left_alone(make_profile, make_campaign, tenant):
    for _ in range(5):
        make_profile()
    make_campaign()
    planned(tenant)
    Delivery.objects.update(state="cancelled")
    Plan.objects.update(done_at=None, planned_to=0, audience=0)
    planned(tenant)
    assert list(Delivery.objects.values_list("state", flat=True)) == ["cancelled"] * 5


def test_paused_nothing_more_is_planned_and_resumed_it_goes_on(
    make_profile, make_campaign, tenant, owner, small_slices
):
    for _ in range(20):
        make_profile()
    campaign = make_campaign()
    open_due(tenant)
    step(tenant)
    lifecycle.pause(campaign=campaign, actor=owner)
    assert not step(tenant)
    lifecycle.resume(campaign=campaign, actor=owner)
    planned(tenant)
    assert Delivery.objects.count() == 20


def test_a_plan_that_fails_lets_the_next_have_its_turn(make_profile, make_campaign, tenant):
    make_profile()
    broken, whole = make_campaign(name="Broken"), make_campaign(name="Whole")
    broken.versions.update(rule={"all": [{"on": "nothing we know"}]})
    planned(tenant)
    assert Delivery.objects.get().campaign == whole
    assert Plan.objects.get(campaign=broken).done_at is None


def test_tombstones_and_the_erased_are_not_planned(make_profile, make_campaign, tenant, now):
    living = make_profile()
    make_profile(merged_into=living)
    make_profile(erased_at=now)
    make_campaign()
    planned(tenant)
    assert Delivery.objects.get().profile == living


def test_a_month_without_a_partition_is_made(make_profile, make_campaign, tenant, later):
    make_profile()
    later(timedelta(days=400))
    make_campaign()
    planned(tenant)
    assert Delivery.objects.count() == 1


# --- Claiming ------------------------------------------------------------------------------------
def claimed_names(tenant, size):
    chunk = claim.claim(tenant=tenant, channel="email", now=clock.now(tenant), size=size)
    found = Delivery.objects.select_related("campaign").in_bulk([row.id for row in chunk.rows])
    return [found[row.id].campaign.name for row in chunk.rows]


def test_the_more_important_campaign_is_claimed_first(make_profile, make_campaign, tenant):
    for _ in range(3):
        make_profile()
    for name, priority in (("Low", 5), ("High", 1)):
        make_campaign(name=name)
        Campaign.objects.filter(name=name).update(priority=priority)
    planned(tenant)
    assert claimed_names(tenant, 3) == ["High"] * 3
    assert claimed_names(tenant, 3) == ["Low"] * 3
    assert claimed_names(tenant, 3) == []


def test_a_chunk_holds_one_message_of_a_person_and_the_other_is_free_at_once(
    make_profile, make_campaign, tenant
):
    make_profile()
    make_campaign(name="One")
    make_campaign(name="Two")
    planned(tenant)
    assert claimed_names(tenant, 10) == ["One"]
    assert claimed_names(tenant, 10) == ["Two"]


def test_a_lease_that_ran_out_is_claimed_again_under_a_new_number(make_profile, make_campaign, tenant):
    make_profile()
    make_campaign()
    planned(tenant)
    first = claim.claim(tenant=tenant, channel="email", now=clock.now(tenant))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_delivery SET lease_until = clock_timestamp() - interval '1 second'")
    second = claim.claim(tenant=tenant, channel="email", now=clock.now(tenant))
    assert [row.id for row in first.rows] == [row.id for row in second.rows]
    assert second.token > first.token
    assert second.rows[0].attempts == 2
    claim.release(first.rows, tenant=tenant, token=first.token)  # a latecomer frees nothing
    assert claim.claim(tenant=tenant, channel="email", now=clock.now(tenant)).rows == []


def test_a_tenant_with_only_paused_or_future_mail_has_no_work(
    make_profile, make_campaign, tenant, owner, now
):
    make_profile()
    campaign = make_campaign()
    planned(tenant)
    assert claim.tenants_with_work(["email"]) == {tenant.pk: False}
    lifecycle.pause(campaign=campaign, actor=owner)
    assert claim.tenants_with_work(["email"]) == {}


def test_months_are_made_before_they_are_needed(db, monkeypatch):
    monkeypatch.setattr(tasks.pulse, "call_drains", lambda: 0)
    monkeypatch.setattr(tasks.clock, "raw_now", lambda: datetime(2031, 3, 27, tzinfo=UTC))
    tasks.tick()
    for table in ("audiences_event", "delivery_delivery"):
        assert partitions.months_before(table, datetime(2031, 5, 1, tzinfo=UTC))[-2:] == [
            f"{table}_2031_03",
            f"{table}_2031_04",
        ]
