"""Frequency caps: what each sentence promises, to the hour, whoever the person is and wherever they live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns import lifecycle
from campaigns.models import Campaign
from delivery import cap_editing
from delivery.models import Delivery
from tenants import clock
from tests.delivery.cap_cases import BERLIN, DAILY, DAY, HONOLULU, HOUR, NOON, TOKYO, WEEKLY
from tests.delivery.steps import claimed


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
