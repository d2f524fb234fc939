"""The waterfall adds up, whatever happened: every step counts the people it leads to, and what is left was sent."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import timedelta

import pytest
from django.urls import reverse

from audiences import partitions
from delivery import results, waterfall
from delivery.decide import GATES, REASONS, Circumstances
from delivery.models import Delivery
from tests.delivery.test_decide import NOW, WELL
from tests.delivery.test_results import count_people

State = Delivery.State


def history(seed: int, campaign, profiles) -> list[Delivery]:
    """Rows in states and with reasons drawn at random, some of a reason nobody has heard of yet."""
    drawn = random.Random(seed)
    states = drawn.sample(list(State), drawn.randint(1, len(State)))
    rows = []
    for profile in profiles[: drawn.randint(0, len(profiles))]:
        state = drawn.choice(states)
        has_reason = state in (State.SKIPPED, State.CANCELLED)
        rows.append(
            Delivery(
                tenant=campaign.tenant,
                campaign=campaign,
                profile=profile,
                occasion="once",
                occasion_at=NOW,
                channel="email",
                state=state,
                reason=drawn.choice([*REASONS, "from_tomorrow"]) if has_reason else "",
                due_at=NOW,
                sent_at=NOW if state == State.SENT else None,
            )
        )
    partitions.ensure_months("delivery_delivery", [NOW])
    return Delivery.objects.bulk_create(rows)


@pytest.mark.parametrize("seed", range(8))
def test_it_adds_up_to_a_recount_of_the_rows(seed, make_profile, make_campaign):
    campaign = make_campaign(control_percent=10)
    rows = history(seed, campaign, [make_profile() for _ in range(25)])
    found = results.of(campaign)
    falls = waterfall.falls(found.progress, found.reasons)
    left = len(rows)
    for fall in falls:
        left -= fall.people
        assert fall.left == left
        met = [row for row in rows if row.state == fall.state or (fall.reason and row.reason == fall.reason)]
        assert fall.people == len(met) > 0
    assert left == Counter(row.state for row in rows)[State.SENT]


def test_each_step_leads_to_the_people_it_counts(make_profile, make_campaign, client_of):
    campaign = make_campaign(control_percent=10)
    history(3, campaign, [make_profile() for _ in range(60)])
    client = client_of("analyst")
    page = client.get(reverse("campaign_progress", args=[campaign.public_id])).content.decode()
    steps = re.findall(r'class="fall-count"><a href="([^"]+)"[^>]*>(\d+)</a>', page)
    counts = [int(count) for _, count in steps]
    assert counts[0] - sum(counts[1:-1]) == counts[-1]
    assert len(counts) > 5
    for url, count in steps:
        assert count_people(client, url.replace("&amp;", "&")) == int(count), url


def test_losses_come_in_the_order_of_the_gates():
    """``REASONS`` is that order: each gate's own reasons are found by asking it about somebody it turns away."""
    nothing_right = Circumstances(
        **{name: getattr(WELL, name) for name in Circumstances.__slots__}
        | {
            "campaign_state": "stopped",
            "lateness": timedelta(0),
            "is_in_audience": False,
            "address": None,
            "standing": "unsubscribed",
            "is_suppressed": True,
            "has_sender": False,
        }
    )
    said_no = [gate.reason for ask in GATES if not (gate := ask(nothing_right, NOW)).passed]
    falls = waterfall.falls({State.SKIPPED: len(said_no)}, dict.fromkeys(reversed(said_no), 1))
    assert [fall.reason for fall in falls] == said_no
    assert len(said_no) == 7
