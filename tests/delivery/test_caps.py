"""Frequency caps: what each sentence promises, to the hour, whoever the person is and wherever they live."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django_scopes import scope

from audiences import ingest, partitions
from campaigns import drafts, lifecycle
from campaigns.models import Campaign, Version
from delivery import cap_editing, caps, claim, deciding
from delivery.models import CapUse, Delivery, FrequencyCap
from tenants import clock
from tenants.models import AuditEntry
from tests.delivery.steps import claimed, planned

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEKLY: dict[str, Any] = {"kind": "rolling", "hours": 168, "scope": "channel", "value": "email"}
BERLIN, TOKYO, HONOLULU = "Europe/Berlin", "Asia/Tokyo", "Pacific/Honolulu"
BY_THEIR_CLOCK = "by each person's own clock"
DAILY: dict[str, Any] = {"kind": "day", "scope": "all"}


@pytest.fixture
def at(tenant) -> Callable[[datetime], datetime]:
    """Let the tenant's clock stand at a moment."""

    def move(moment: datetime) -> datetime:
        clock.set_to(tenant, moment)
        return clock.now(tenant)

    return move


@pytest.fixture
def make_cap(tenant, owner) -> Callable[..., FrequencyCap]:
    def make(limit: int = 1, **fields: Any) -> FrequencyCap:
        return cap_editing.add(tenant=tenant, actor=owner, now=clock.now(tenant), limit=limit, **fields)

    return make


@pytest.fixture
def send(tenant, make_campaign) -> Callable[..., list[int]]:
    """Launch a campaign to everyone and decide; return whose ids are to get it."""

    def launch(*, tags: tuple[str, ...] = (), **fields: Any) -> list[int]:
        campaign = make_campaign(is_launched=False, **fields)
        Campaign.objects.filter(pk=campaign.pk).update(tags=list(tags))
        version = campaign.versions.get()
        version.launched_at = clock.now(tenant)
        version.save()
        Campaign.objects.filter(pk=campaign.pk).update(state="live")
        return [one.row.profile_id for one in claimed(tenant)[1]]

    return launch


def newest() -> Delivery:
    return Delivery.objects.latest("id")


def local(zone: str, *moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("cap", "zone", "moments"),
    [
        pytest.param(
            {"limit": 2, "kind": "rolling", "hours": 24, "scope": "all"},
            BERLIN,
            [
                (NOON, 1),
                (NOON + 1 * HOUR, 1),
                (NOON + 2 * HOUR, 0),
                (NOON + 24.1 * HOUR, 1),
                (NOON + 24.5 * HOUR, 0),
            ],
            id="at most 2 messages in 24 hours: the third goes when the first is a day old, not the second",
        ),
        pytest.param(
            {"limit": 3, "kind": "rolling", "hours": 168, "scope": "channel", "value": "email"},
            BERLIN,
            [(NOON, 1), (NOON + DAY, 1), (NOON + 2 * DAY, 1), (NOON + 6.9 * DAY, 0), (NOON + 7.1 * DAY, 1)],
            id="at most 3 emails in 7 days",
        ),
        pytest.param(
            {"limit": 1, "kind": "rolling", "hours": 1, "scope": "all"},
            BERLIN,
            [(NOON, 1), (NOON + 0.9 * HOUR, 0), (NOON + 1.1 * HOUR, 1)],
            id="at most 1 message in 1 hour",
        ),
        pytest.param(
            {"limit": 1, "kind": "day", "scope": "all"},
            TOKYO,
            [
                (local(TOKYO, 2026, 6, 15, 0, 5), 1),
                (local(TOKYO, 2026, 6, 15, 23, 55), 0),
                (local(TOKYO, 2026, 6, 16, 0, 5), 1),
            ],
            id="a day is the person's own: in Tokyo it ends in our afternoon",
        ),
        pytest.param(
            {"limit": 1, "kind": "day", "scope": "all"},
            HONOLULU,
            [(NOON, 1), (local(HONOLULU, 2026, 6, 15, 23, 55), 0), (local(HONOLULU, 2026, 6, 16, 0, 5), 1)],
            id="in Honolulu it goes on through our night",
        ),
        pytest.param(
            {"limit": 1, "kind": "day", "scope": "all"},
            None,
            [(local(BERLIN, 2026, 6, 15, 23, 55), 1), (local(BERLIN, 2026, 6, 16, 0, 5), 1)],
            id="without a zone of their own it is the brand's day",
        ),
        pytest.param(
            {"limit": 1, "kind": "day", "scope": "all"},
            "Mars/Olympus",
            [(local(BERLIN, 2026, 6, 15, 0, 5), 1), (local(BERLIN, 2026, 6, 15, 23, 55), 0)],
            id="a zone that nobody knows is none",
        ),
        pytest.param(
            {"limit": 1, "kind": "day", "scope": "all"},
            BERLIN,
            [
                (local(BERLIN, 2026, 3, 29, 0, 5), 1),
                (local(BERLIN, 2026, 3, 29, 23, 55), 0),
                (local(BERLIN, 2026, 3, 30, 0, 5), 1),
            ],
            id="the day the clocks go forward ends after 23 hours",
        ),
        pytest.param(
            {"limit": 1, "kind": "day", "scope": "all"},
            BERLIN,
            [
                (local(BERLIN, 2026, 10, 25, 0, 5), 1),
                (datetime(2026, 10, 25, 22, 30, tzinfo=UTC), 0),
                (local(BERLIN, 2026, 10, 26, 0, 5), 1),
            ],
            id="the day the clocks go back lasts 25",
        ),
        pytest.param(
            {"limit": 2, "kind": "week", "scope": "all"},
            BERLIN,
            [
                (local(BERLIN, 2026, 6, 15, 0, 5), 1),
                (local(BERLIN, 2026, 6, 18, 9), 1),
                (local(BERLIN, 2026, 6, 21, 23, 55), 0),
                (local(BERLIN, 2026, 6, 22, 0, 5), 1),
            ],
            id="a week begins on Monday at midnight",
        ),
    ],
)
def test_a_cap_lets_through_what_it_says_and_no_more(make_profile, make_cap, send, at, cap, zone, moments):
    make_profile(timezone=zone)
    at(moments[0][0] - HOUR)
    make_cap(**cap)
    gets = []
    for moment, _ in moments:
        at(moment)
        gets.append(len(send()))
    assert gets == [expected for _, expected in moments]


@pytest.mark.parametrize(
    ("cap", "first", "then", "gets"),
    [
        pytest.param({"scope": "all"}, {}, {"tags": ("promo",)}, 0, id="all counts whatever there is"),
        pytest.param({"scope": "channel", "value": "email"}, {}, {}, 0, id="a channel's counts its own"),
        pytest.param(
            {"scope": "tag", "value": "promo"}, {"tags": ("promo",)}, {"tags": ("summer", "promo")}, 0,
            id="a tag's counts campaigns that have it, among others",
        ),
        pytest.param(
            {"scope": "tag", "value": "promo"}, {"tags": ("promo",)}, {"tags": ("summer",)}, 1,
            id="and holds back none that does not",
        ),
        pytest.param(
            {"scope": "tag", "value": "promo"}, {}, {"tags": ("promo",)}, 1, id="nor counts what had it not"
        ),
        pytest.param({"scope": "all"}, {}, {"is_cap_exempt": True}, 1, id="exempt is not held back"),
        pytest.param({"scope": "all"}, {"is_cap_exempt": True}, {}, 1, id="exempt does not count"),
    ],
)  # fmt: skip
def test_what_a_cap_counts_and_whom_it_holds_back(make_profile, make_cap, send, cap, first, then, gets):
    make_profile()
    make_cap(kind="rolling", hours=24, **cap)
    assert len(send(**first)) == 1
    assert len(send(**then)) == gets


def test_capped_the_row_says_which_cap_and_what_it_saw(make_profile, make_cap, send, at):
    make_profile()
    at(NOON)
    make_cap(1, **WEEKLY)
    send()
    at(NOON + HOUR)
    send()
    row = newest()
    assert (row.state, row.reason) == ("skipped", "capped")
    name, passed, saw = row.decision["gates"][-1]
    assert (name, passed) == ("caps", False)
    assert saw["full"] == ["At most 1 email in 7 days"]
    assert saw["used"] == {"At most 1 email in 7 days": "1 of 1"}
    opens_at = datetime.fromisoformat(saw["room_at"])
    assert timedelta(0) <= opens_at - (NOON + 7 * DAY) < timedelta(minutes=1)


def test_caps_hold_together_the_fullest_decides(make_profile, make_cap, send, at):
    make_profile()
    at(NOON)
    make_cap(2, kind="rolling", hours=24, scope="all")
    make_cap(1, kind="rolling", hours=1, scope="all")
    assert [len(send()), len(send())] == [1, 0]
    at(NOON + 1.5 * HOUR)
    assert len(send()) == 1
    at(NOON + 3 * HOUR)
    assert len(send()) == 0
    assert newest().decision["gates"][-1][2]["full"] == ["At most 2 messages in 24 hours"]


class TestWaiting:
    def test_it_is_due_at_the_moment_room_opens_and_goes_then(self, make_profile, make_cap, send, at, tenant):
        person = make_profile()
        at(NOON)
        make_cap(1, kind="rolling", hours=24, scope="all")
        send()
        first = Delivery.objects.get()
        at(NOON + 20 * HOUR)
        assert send(when_capped="wait") == []
        row = newest()
        assert (row.state, row.reason, row.reserved_at, row.lease_until) == ("planned", "", None, None)
        assert row.due_at == first.reserved_at + DAY
        assert row.attempts == 0
        assert row.decision["verdict"] == "wait"
        at(NOON + 23.9 * HOUR)
        assert claimed(tenant)[1] == []
        at(NOON + 24.1 * HOUR)
        assert [one.row.profile_id for one in claimed(tenant)[1]] == [person.pk]

    def test_for_a_calendar_cap_that_is_midnight_by_their_clock(self, make_profile, make_cap, send, at):
        make_profile(timezone=BERLIN)
        at(local(BERLIN, 2026, 3, 29, 0, 30))  # the clocks go forward that day
        make_cap(1, **DAILY)
        send()
        send(when_capped="wait")
        assert newest().due_at == datetime(2026, 3, 29, 22, tzinfo=UTC)

    def test_where_room_would_come_too_late_it_is_skipped_at_once(self, make_profile, make_cap, send, at):
        make_profile()
        at(NOON)
        make_cap(1, **WEEKLY)
        send()
        send(when_capped="wait", lateness_hours=24)
        row = newest()
        assert (row.state, row.reason) == ("skipped", "capped")

    def test_lateness_counts_from_when_it_was_due_first(
        self, make_profile, make_cap, send, at, tenant, owner
    ):
        make_profile()
        at(NOON)
        make_cap(1, kind="rolling", hours=20, scope="all")
        send()
        send(when_capped="wait", lateness_hours=24)
        row = newest()
        campaign = Campaign.objects.get(pk=row.campaign_id)
        lifecycle.pause(campaign=campaign, actor=owner)
        at(NOON + 25.5 * HOUR)  # 5 hours after the room opened, 25 after it was first due
        lifecycle.resume(campaign=campaign, actor=owner)
        claimed(tenant)
        row.refresh_from_db()
        assert (row.state, row.reason) == ("skipped", "too_late")
        assert row.decision["gates"][1][2]["late_seconds"] // 3600 == 25

    def test_it_waits_again_where_another_took_the_room(self, make_profile, make_cap, send, at, tenant):
        make_profile()
        at(NOON)
        make_cap(1, kind="rolling", hours=4, scope="all")
        send()
        send(when_capped="wait", lateness_hours=24)
        waiting = newest()
        at(NOON + 5 * HOUR)
        Campaign.objects.filter(pk=waiting.campaign_id).update(state="paused")
        send()
        Campaign.objects.filter(pk=waiting.campaign_id).update(state="live")
        claimed(tenant)
        first_due_at = waiting.due_at - 4 * HOUR
        waiting.refresh_from_db()
        assert waiting.due_at == newest().reserved_at + 4 * HOUR
        assert abs(waiting.first_due_at - first_due_at) < timedelta(minutes=1)

    def test_who_waits_is_shown_what_for(self, make_profile, make_cap, send, client_of):
        person = make_profile()
        make_cap(1, kind="rolling", hours=4, scope="all")
        send()
        send(when_capped="wait")
        page = client_of().get(f"/people/{person.public_id}/").content.decode()
        assert "Had reached a frequency cap" in page

    def test_once_a_cap_lets_more_through_nobody_waits_on(
        self, make_profile, make_cap, send, at, tenant, owner
    ):
        make_profile()
        cap = make_cap(1, kind="rolling", hours=20, scope="all")
        send()
        send(when_capped="wait")
        now = clock.now(tenant)
        cap_editing.change(cap=cap, actor=owner, now=now, limit=2, kind="rolling", hours=20, scope="all")
        assert len(claimed(tenant)[1]) == 1

    def test_nor_once_it_is_gone(self, make_profile, make_cap, send, tenant, owner):
        make_profile()
        cap = make_cap(1, kind="rolling", hours=20, scope="all")
        send()
        send(when_capped="wait")
        cap_editing.remove(cap=cap, actor=owner, now=clock.now(tenant))
        assert len(claimed(tenant)[1]) == 1


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


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"limit": 3, **WEEKLY}, "At most 3 emails in 7 days"),
        ({"limit": 1, **WEEKLY | {"hours": 24}}, "At most 1 email in 24 hours"),
        ({"limit": 1, **WEEKLY | {"hours": 1}}, "At most 1 email in 1 hour"),
        ({"limit": 2, **WEEKLY | {"hours": 36}}, "At most 2 emails in 36 hours"),
        ({"limit": 5, "kind": "week", "scope": "all"}, f"At most 5 messages a week from Monday, {BY_THEIR_CLOCK}"),
        (
            {"limit": 1, "kind": "day", "scope": "tag", "value": "promo"},
            f"At most 1 message tagged promo a day, {BY_THEIR_CLOCK}",
        ),
        (
            {"limit": 2, "kind": "day", "scope": "tag", "value": "promo"},
            f"At most 2 messages tagged promo a day, {BY_THEIR_CLOCK}",
        ),
    ],
)  # fmt: skip
def test_a_cap_in_words(make_cap, fields, words):
    assert caps.words(make_cap(**fields)) == words


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"limit": 0, **WEEKLY}, "limit", id="lets nothing through"),
        pytest.param({"limit": 101, **WEEKLY}, "limit", id="too many to keep"),
        pytest.param({"limit": 1, **WEEKLY | {"hours": 0}}, "hours", id="no period"),
        pytest.param({"limit": 1, **WEEKLY | {"hours": 90 * 24 + 1}}, "hours", id="too long"),
        pytest.param({"limit": 1, "kind": "day", "scope": "tag"}, "value", id="no tag"),
        pytest.param({"limit": 1, **WEEKLY | {"value": "pigeon"}}, "value", id="no such channel"),
        pytest.param({"limit": 9, "kind": "day", "scope": "all"}, "", id="one that is there with another limit"),
    ],
)  # fmt: skip
def test_a_cap_that_cannot_be_is_refused_with_the_field_to_change(make_cap, fields, field):
    make_cap(1, **DAILY)
    with pytest.raises(cap_editing.Refused) as refused:
        make_cap(**fields)
    assert refused.value.field == field
    assert FrequencyCap.objects.count() == 1


def test_there_can_be_only_so_many(make_cap, monkeypatch):
    monkeypatch.setattr(cap_editing, "MOST", 2)
    make_cap(1, **DAILY)
    make_cap(1, **WEEKLY)
    with pytest.raises(cap_editing.Refused, match="2 caps"):
        make_cap(1, kind="week", scope="all")


def test_each_change_is_noted_with_what_the_cap_said_and_says(make_cap, tenant, owner):
    cap = make_cap(1, **DAILY)
    now = clock.now(tenant)
    cap_editing.change(cap=cap, actor=owner, now=now, limit=1, **DAILY)  # no change
    cap_editing.change(cap=cap, actor=owner, now=now, limit=2, **DAILY)
    for _ in range(2):
        cap_editing.remove(cap=cap, actor=owner, now=now)
    one, two = (f"At most {words} a day, {BY_THEIR_CLOCK}" for words in ("1 message", "2 messages"))
    noted = AuditEntry.objects.filter(thing="frequency cap").order_by("id")
    assert [(entry.action, entry.changes) for entry in noted] == [
        ("added", {"cap": [None, one]}),
        ("changed", {"cap": [one, two]}),
        ("removed", {"cap": [two, None]}),
    ]


@pytest.mark.parametrize("message_class", ["transactional", "marketing"])
def test_a_new_class_begins_with_its_own_standing_towards_caps(make_campaign, owner, message_class):
    campaign = make_campaign(is_launched=False, is_cap_exempt=message_class == "marketing")
    other = {"transactional": "marketing", "marketing": "transactional"}[message_class]
    Campaign.objects.filter(pk=campaign.pk).update(message_class=other)
    same = {"name": "N", "description": "", "topic": "", "priority": 3}
    drafts.describe(campaign=campaign, actor=owner, message_class=message_class, **same)
    assert Version.objects.get().is_cap_exempt == (message_class == "transactional")
    Version.objects.update(
        is_cap_exempt=message_class == "marketing"
    )  # their own choice, kept by the same class
    drafts.describe(campaign=campaign, actor=owner, message_class=message_class, **same)
    assert Version.objects.get().is_cap_exempt == (message_class == "marketing")


def test_a_message_beyond_its_month_is_still_counted(make_profile, make_cap, send, at, tenant):
    """What is reserved has its own time, whatever month its occasion lies in."""
    make_profile()
    at(datetime(2026, 6, 30, 23, tzinfo=UTC))
    partitions.ensure_months("delivery_delivery", [clock.now(tenant)])
    make_cap(1, kind="rolling", hours=2, scope="all")
    send()
    at(datetime(2026, 7, 1, 0, 30, tzinfo=UTC))
    assert send() == []
