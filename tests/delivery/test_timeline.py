"""A person's timeline: what they did, how they changed, what they got, and what they did not get, woven by time."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.urls import reverse

from audiences import partitions, strands
from audiences.models import ConsentChange
from delivery.models import Delivery
from tests.delivery.test_decide import NOW


@pytest.fixture
def lived(tenant, make_profile, make_event, make_campaign):
    """Somebody to whom much happened, often several things at one moment."""
    drawn, profile, campaign = random.Random(5), make_profile(), make_campaign()
    moments = [NOW - timedelta(hours=hour) for hour in range(12)]
    partitions.ensure_months("delivery_delivery", moments)
    for n in range(60):
        at = drawn.choice(moments)
        match n % 4:
            case 0:
                make_event(profile, f"Did {n}", at)
            case 1:
                event = make_event(profile, drawn.choice(["Email Sent", "Attribute Changed"]), at)
                type(event).objects.filter(pk=event.pk).update(is_internal=True)
            case 2:
                change = ConsentChange(tenant=tenant, profile=profile, subject="email", at=at)
                change.standing, change.origin = "unsubscribed", "one-click"
                change.save()
            case _:
                Delivery(
                    tenant=tenant,
                    campaign=campaign,
                    profile=profile,
                    occasion=f"event:{n}",
                    occasion_at=at,
                    channel="email",
                    state=drawn.choice(["skipped", "held_out", "cancelled", "failed", "unknown"]),
                    reason="unsubscribed",
                    due_at=at,
                    settled_at=at,
                ).save()
    return profile


def pages(profile, *, limit, chip=""):
    before, found = None, []
    while True:
        woven = strands.weave(profile, chip=chip, before=before, limit=limit)
        assert len(woven.happenings) <= limit
        found += woven.happenings
        if woven.older is None:
            return found
        at, _, id_ = woven.older
        before = strands.place(at, woven.older_strand, id_)


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_page_after_page_shows_everything_once_and_in_order(lived, limit):
    found = [happening.place for happening in pages(lived, limit=limit)]
    assert len(found) == len(set(found)) == 60
    assert found == sorted(found, reverse=True)


def test_the_chips_part_the_timeline(lived):
    assert strands.chips() == ["Events", "Changes", "Messages", "Not sent"]
    parts = [pages(lived, limit=9, chip=chip) for chip in strands.chips()]
    assert all(parts)
    assert sorted(one.place for part in parts for one in part) == sorted(
        one.place for one in pages(lived, limit=50)
    )


def test_what_was_not_sent_says_why_and_what_waits_or_came_is_not_among_it(
    make_profile, make_campaign, run, client_of
):
    kept_out, reached = make_profile(consent={"email": "unsubscribed"}), make_profile()
    campaign = make_campaign(name="Spring")
    client = client_of("analyst")

    def shown(profile):
        address = reverse("profile_timeline", args=[profile.public_id])
        return client.get(address, {"show": "Not sent"}).content.decode()

    assert "Nothing of this kind" in shown(kept_out)
    partitions.ensure_months("delivery_delivery", [NOW])
    Delivery(
        tenant=campaign.tenant, campaign=campaign, profile=kept_out, occasion="once", occasion_at=NOW,
        channel="email", state="skipped", reason="unsubscribed", due_at=NOW, settled_at=NOW,
    ).save()  # fmt: skip
    Delivery(
        tenant=campaign.tenant, campaign=campaign, profile=reached, occasion="once", occasion_at=NOW,
        channel="email", state="sent", due_at=NOW, sent_at=NOW, settled_at=NOW,
    ).save()  # fmt: skip
    page = shown(kept_out)
    assert "Spring: skipped" in page
    assert "Unsubscribed" in page
    assert f"why/?profile={kept_out.public_id}" in page
    assert "Nothing of this kind" in shown(reached)


@pytest.mark.parametrize(
    "asked",
    [{"show": "Nonsense"}, {"at": "x", "id": "1"}, {"at": NOW.isoformat(), "id": "1", "in": "nowhere"}],
    ids=["a chip there is not", "no time", "a strand there is not"],
)
def test_what_is_asked_wrongly_shows_the_newest(lived, client_of, asked):
    answer = client_of("analyst").get(reverse("profile_timeline", args=[lived.public_id]), asked)
    assert answer.status_code == 200
    assert len(answer.context["woven"].happenings) == strands.PER_PAGE
