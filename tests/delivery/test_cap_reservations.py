"""Frequency caps: a reservation is taken once, kept through merges, and made up for by a new cap."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django_scopes import scope

from audiences import ingest, partitions
from campaigns.models import Campaign
from delivery import cap_editing, caps, claim, deciding
from delivery.models import CapUse, Delivery
from tenants import clock
from tests.delivery.cap_cases import BERLIN, DAY, HOUR, NOON, WEEKLY
from tests.delivery.steps import claimed, planned


def newest() -> Delivery:
    return Delivery.objects.latest("id")


def local(zone: str, *moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo(zone))


class TestReservations:
    def test_a_row_that_has_its_own_reserves_no_second_and_is_not_held_back_by_it(
        self, make_profile, make_cap, send, tenant
    ):
        make_profile()
        make_cap(1, **WEEKLY)
        send()
        before = newest().reserved_at
        Delivery.objects.update(lease_until=None)  # as if its worker had died before intent
        assert len(claimed(tenant)[1]) == 1
        assert newest().reserved_at == before
        assert CapUse.objects.get().times == [before]

    def test_a_clock_set_back_leaves_the_times_in_order(self, make_profile, make_cap, send, at):
        make_profile()
        make_cap(3, **WEEKLY)
        for moment in (NOON + HOUR, NOON + 3 * HOUR, NOON):
            at(moment)
            assert len(send()) == 1
        assert CapUse.objects.get().times == sorted(CapUse.objects.get().times)

    def test_a_reservation_that_moved_since_it_was_read_is_found_by_its_key(
        self, make_profile, make_cap, send, tenant
    ):
        people = [make_profile() for _ in range(3)]
        cap = make_cap(3, **WEEKLY)
        send()
        first = CapUse.objects.values_list("times", flat=True)[0]
        rows = [
            claim.Due(number, NOON, person.pk, 1, "once", NOON, 1, None, True)
            for number, person in enumerate(people)
        ]
        later = clock.now(tenant) + HOUR
        with transaction.atomic():
            asked = caps.Asked(rows, tenant=tenant)
            asking = [caps.Asking(row, [], ZoneInfo(BERLIN)) for row in rows]
            rooms = caps.rooms(asking, asked, channel="email", now=later)
            CapUse.objects.filter(profile=people[0]).update(cap=cap)  # its row lies elsewhere from here on
            CapUse.objects.filter(profile=people[1]).delete()
            taken = [(row.profile_id, rooms[row.id][0]) for row in rows]
            caps.reserve(taken, asked, tenant=tenant, now=later)
        times = dict(CapUse.objects.values_list("profile_id", "times"))
        assert [times[person.pk] for person in people] == [[*first, later], [later], [*first, later]]

    def test_held_out_takes_no_room_but_needs_it(self, make_profile, make_cap, send, at):
        people = [make_profile() for _ in range(40)]
        make_cap(1, **WEEKLY)
        reached = set(send(control_percent=50))
        assert 0 < len(reached) < 40
        assert set(CapUse.objects.values_list("profile_id", flat=True)) == reached
        send(control_percent=50)
        last = Delivery.objects.filter(campaign=newest().campaign)
        capped = set(last.filter(reason="capped").values_list("profile_id", flat=True))
        assert capped == reached
        held_out = set(last.filter(state="held_out").values_list("profile_id", flat=True))
        assert held_out <= {person.pk for person in people} - reached

    @pytest.mark.parametrize(
        ("cap", "gets"),
        [
            pytest.param({"scope": "all"}, 1, id="all counts the occasion once"),
            pytest.param({"scope": "tag", "value": "promo"}, 1, id="a tag's too"),
            pytest.param({"scope": "channel", "value": "email"}, 0, id="a channel's counts each delivery"),
        ],
    )
    def test_two_deliveries_of_one_occasion(self, make_profile, make_cap, send, tenant, cap, gets):
        make_profile()
        make_cap(1, kind="rolling", hours=24, **cap)
        send(tags=("promo",))
        first = newest()
        same = ("campaign_id", "profile_id", "occasion", "occasion_at", "due_at", "channel")
        second = Delivery(tenant=tenant, slot="second", **{name: getattr(first, name) for name in same})
        second.save()
        assert len(claimed(tenant)[1]) == gets
        assert len(CapUse.objects.get().times) == 1

    def test_what_is_skipped_for_another_reason_takes_no_room(self, make_profile, make_cap, send):
        person = make_profile(consent={"email": "unsubscribed"})
        make_cap(1, **WEEKLY)
        assert send() == []
        assert not CapUse.objects.filter(profile=person).exists()

    def test_a_paused_campaigns_rows_are_released_without_one(
        self, make_profile, make_campaign, make_cap, tenant
    ):
        make_profile()
        make_cap(1, **WEEKLY)
        campaign = make_campaign()
        planned(tenant)
        chunk = claim.claim(tenant=tenant, channel="email", now=clock.now(tenant))
        Campaign.objects.filter(pk=campaign.pk).update(state="paused")
        deciding.settle_decisions(chunk, tenant=tenant, channel="email", now=clock.now(tenant))
        assert not CapUse.objects.exists()
        assert newest().reserved_at is None

    def test_another_tenants_messages_count_nowhere_else(
        self, make_profile, make_cap, send, other_tenant, owner
    ):
        make_profile()
        with scope(tenant=other_tenant):
            cap_editing.add(tenant=other_tenant, actor=owner, now=clock.now(other_tenant), limit=1, **WEEKLY)
        assert [len(send()), len(send())] == [1, 1]
        make_cap(3, **WEEKLY)
        assert [len(send()), len(send())] == [1, 0]
        with scope(tenant=other_tenant):
            assert not CapUse.objects.exists()


class TestFilling:
    @pytest.mark.parametrize(
        ("cap", "gets"),
        [
            pytest.param({"limit": 3, "kind": "rolling", "hours": 168, "scope": "all"}, 0, id="rolling, full"),
            pytest.param({"limit": 4, "kind": "rolling", "hours": 168, "scope": "all"}, 1, id="rolling, room"),
            pytest.param({"limit": 1, "kind": "rolling", "hours": 20, "scope": "all"}, 1, id="before its hours"),
            pytest.param({"limit": 1, "kind": "rolling", "hours": 30, "scope": "all"}, 0, id="within its hours"),
            pytest.param({"limit": 1, "kind": "day", "scope": "all"}, 1, id="no message today"),
            pytest.param({"limit": 2, "kind": "week", "scope": "all"}, 0, id="two this week, one the week before"),
            pytest.param({"limit": 3, "kind": "week", "scope": "all"}, 1, id="a third this week"),
            pytest.param(
                {"limit": 2, "kind": "week", "scope": "channel", "value": "email"}, 0, id="of the channel"
            ),
            pytest.param({"limit": 1, "kind": "week", "scope": "tag", "value": "promo"}, 0, id="of the tag"),
            pytest.param({"limit": 1, "kind": "week", "scope": "tag", "value": "sale"}, 1, id="of another tag"),
        ],
    )  # fmt: skip
    def test_a_new_cap_counts_what_was_sent_before_it(self, make_profile, make_cap, send, at, cap, gets):
        make_profile(timezone=BERLIN)
        for moment in (NOON - DAY, NOON, NOON + DAY):  # Sunday, Monday, Tuesday
            at(moment)
            send(tags=("promo",))
        send(is_cap_exempt=True)
        at(NOON + 2 * DAY)
        make_cap(**cap)
        assert len(send()) == (1 if cap["scope"] == "tag" else gets)
        if cap["scope"] == "tag":
            assert len(send(tags=(cap["value"],))) == gets

    def test_filled_or_kept_it_is_the_same(self, make_profile, make_cap, send, at):
        for _ in range(3):
            make_profile()
        at(NOON)
        watched = make_cap(2, **WEEKLY)
        for hours in range(3):
            at(NOON + hours * HOUR)
            send()
        cap_editing.remove(cap=watched, actor=None, now=NOON)
        assert not CapUse.objects.exists()
        make_cap(2, **WEEKLY)
        reserved = Delivery.objects.exclude(reserved_at=None)
        for use in CapUse.objects.all():
            mine = reserved.filter(profile_id=use.profile_id).order_by("reserved_at")
            assert use.times == list(mine.values_list("reserved_at", flat=True))
        assert CapUse.objects.count() == 3

    def test_changed_it_counts_anew(self, make_profile, make_cap, send, at, tenant, owner):
        make_profile()
        at(NOON)
        cap = make_cap(1, kind="rolling", hours=1, scope="tag", value="promo")
        for hours in (0, 2, 4):
            at(NOON + hours * HOUR)
            assert len(send()) == 1
        assert not CapUse.objects.exists()
        now = clock.now(tenant)
        changed = cap_editing.change(cap=cap, actor=owner, now=now, limit=3, **WEEKLY)
        assert caps.words(changed) == "At most 3 emails in 7 days"
        assert len(CapUse.objects.get().times) == 3
        assert len(send()) == 0

    def test_an_occasion_on_two_channels_counts_once_but_for_a_channel(
        self, make_profile, make_cap, send, tenant
    ):
        make_profile()
        send()
        first = newest()
        same = ("campaign_id", "profile_id", "occasion", "occasion_at", "due_at", "channel", "reserved_at")
        Delivery(tenant=tenant, slot="second", **{name: getattr(first, name) for name in same}).save()
        for scope_, times in (({"scope": "all"}, 1), ({"scope": "channel", "value": "email"}, 2)):
            cap = make_cap(5, kind="day", **scope_)
            assert len(CapUse.objects.get(cap=cap).times) == times

    def test_what_failed_or_was_cancelled_after_its_reservation_counts_like_the_rest(
        self, make_profile, make_cap, send
    ):
        make_profile()
        send()
        Delivery.objects.update(state="cancelled", reason="stopped")
        make_cap(1, **WEEKLY)
        assert len(send()) == 0


class TestMerging:
    @pytest.fixture
    def merge(self, tenant):
        def tell(one, other):
            call = {"type": "alias", "userId": one.external_id, "previousId": other.external_id}
            assert ingest.store(tenant=tenant, calls=[call], now=clock.now(tenant)).refused == []

        return tell

    def test_their_times_unite_and_the_newest_stay(self, make_profile, make_cap, send, at, merge):
        one = make_profile(city="Rome")
        other = make_profile(city="Oslo")
        at(NOON)
        cap = make_cap(3, **WEEKLY)
        for hours, city in enumerate(("Rome", "Oslo", "Rome", "Oslo")):
            at(NOON + hours * HOUR)
            send(rule={"all": [{"on": "attribute", "name": "city", "operator": "is", "value": city}]})
        times = sorted(Delivery.objects.values_list("reserved_at", flat=True))
        merge(one, other)
        use = CapUse.objects.get()
        assert (use.profile_id, use.cap_id, use.times) == (one.pk, cap.pk, times[-3:])
        assert send() == []

    def test_who_had_none_takes_the_others(self, make_profile, make_cap, send, merge):
        other = make_profile()
        make_cap(1, **WEEKLY)
        send()
        one = make_profile()
        merge(one, other)
        assert CapUse.objects.get().profile_id == one.pk
        assert send() == []

    def test_a_cap_filled_after_a_merge_counts_what_either_got(self, make_profile, make_cap, send, merge):
        one, other = make_profile(), make_profile()
        send()  # to both: what the other got stays with its tombstone
        merge(one, other)
        make_cap(3, **WEEKLY)
        use = CapUse.objects.get()
        assert (use.profile_id, len(use.times)) == (one.pk, 2)


def test_a_message_beyond_its_month_is_still_counted(make_profile, make_cap, send, at, tenant):
    """What is reserved has its own time, whatever month its occasion lies in."""
    make_profile()
    at(datetime(2026, 6, 30, 23, tzinfo=UTC))
    partitions.ensure_months("delivery_delivery", [clock.now(tenant)])
    make_cap(1, kind="rolling", hours=2, scope="all")
    send()
    at(datetime(2026, 7, 1, 0, 30, tzinfo=UTC))
    assert send() == []
