"""What counts as success: an event, and what it must be like."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from audiences.models import EventDefinition
from campaigns import drafts, launching, summary
from campaigns.models import Campaign
from tenants.models import AuditEntry, Tenant, User
from tests.audiences.rules.world import property_
from tests.campaigns.conftest import url

VINYL = property_("kind", "is", "vinyl")


@pytest.fixture(autouse=True)
def known(tenant: Tenant, now: datetime) -> None:
    properties = {"kind": ["text"], "total": ["number"]}
    EventDefinition(tenant=tenant, name="Order Completed", properties=properties, first_seen_at=now).save()


def posted(*filters: tuple[str, str, str], event: str = "Order Completed") -> dict[str, Any]:
    data = {
        "conversion_event": event,
        "goal": "Orders",
        "conversion_hours": "168",
        "revenue_property": "total",
    }
    for number, (name, operator, value) in enumerate(filters):
        prefix = f"where-{number}"
        data |= {f"{prefix}-property": name, f"{prefix}-operator": operator, f"{prefix}-value": value}
    return data


def test_what_counts_is_set_shown_noted_and_taken_away_again(campaign: Campaign, marketer: Client) -> None:
    page = url("campaign_goal", campaign)
    marketer.post(page, posted(("kind", "is", "vinyl"), ("total", "at_least", "20,5")))
    version = campaign.versions.get()
    assert version.conversion_filter == {"all": [VINYL, property_("total", "at_least", 20.5)]}
    assert summary.goal(version) == "Order Completed where kind is vinyl and total is at least 20.5"
    shown = marketer.get(page).content.decode()
    assert 'name="where-1-value" value="20.5"' in shown
    assert summary.goal(version) in marketer.get(url("campaign_detail", campaign)).content.decode()
    entry = AuditEntry.objects.filter(action="set goal").latest("id")
    assert entry.changes["conversion_filter"] == [None, version.conversion_filter]
    marketer.post(page, posted(("", "is", "")))
    version.refresh_from_db()
    assert (version.conversion_filter, summary.goal(version)) == (None, "Order Completed")


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        pytest.param(posted(("total", "less", "a lot")), "“a lot” is no number", id="no number"),
        pytest.param(posted(("a..b", "is", "x")), "Expected a name", id="no path"),
        pytest.param(posted(("kind", "is", "vinyl"), event=""), "Say which event counts", id="no event"),
    ],
)
def test_what_is_no_filter_is_refused_with_what_was_typed(
    campaign: Campaign, marketer: Client, sent: dict[str, Any], told: str
) -> None:
    answer = marketer.post(url("campaign_goal", campaign), sent)
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert f'value="{sent["where-0-value"]}"' in answer.content.decode()
    assert campaign.versions.get().conversion_filter is None


def test_a_property_that_never_came_warns(campaign: Campaign, owner: User, now: datetime) -> None:
    version = campaign.versions.get()
    settings = {
        "goal": "",
        "conversion_event": "Order Completed",
        "conversion_hours": 24,
        "revenue_property": "",
    }
    drafts.set_goal(version=version, actor=owner, where=[property_("colour", "exists")], **settings)
    version.refresh_from_db()
    said = {
        check.words: check.state for check in launching.checklist(version, now=now) if check.step == "goal"
    }
    assert said == {
        "No Order Completed has come with colour yet": "warn",
        "Success is Order Completed where it has a colour": "done",
    }
    drafts.set_goal(version=version, actor=owner, **settings)
    version.refresh_from_db()
    assert version.conversion_filter == {"all": [property_("colour", "exists")]}
