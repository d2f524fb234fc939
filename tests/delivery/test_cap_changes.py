"""Frequency caps as they are made and changed: in words, refused, on record."""

from __future__ import annotations

import pytest

from campaigns import drafts
from campaigns.models import Campaign, Version
from delivery import cap_editing, caps
from delivery.models import FrequencyCap
from tenants import clock
from tenants.models import AuditEntry
from tests.delivery.cap_cases import BY_THEIR_CLOCK, DAILY, WEEKLY


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
