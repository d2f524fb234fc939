"""The home page: what is still to do before a first campaign, and how the latest ones fare."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from audiences import partitions
from audiences.models import EventDefinition, Segment
from campaigns.models import Campaign, Version
from config import home
from delivery.models import Delivery, Plan
from tenants.models import Tenant
from tenants.roles import Role


def to_do(tenant: Tenant) -> list[str]:
    return [step.title for step in home.steps(tenant) if not step.is_done]


@pytest.fixture
def make_campaign(tenant: Tenant) -> Callable[..., Campaign]:
    def make(name: str, launched_at: datetime | None = None, **fields) -> Campaign:
        campaign = Campaign(tenant=tenant, name=name, **fields)
        campaign.save()
        Version(tenant=tenant, campaign=campaign, number=1, rule={"all": []}, launched_at=launched_at).save()
        return campaign

    return make


def test_a_new_tenant_has_everything_to_do_but_what_its_sender_says(tenant: Tenant):
    assert to_do(tenant) == [
        "Send the first event",
        "Have people to write to",
        "Save a segment",
        "Draft a campaign",
        "Launch it",
    ]
    tenant.postal_address = ""
    assert "Say who writes" in to_do(tenant)


def test_each_step_is_done_once_there_is_one(tenant: Tenant, now, make_profile, make_campaign):
    make_profile()
    assert to_do(tenant)[:2] == ["Send the first event", "Save a segment"]
    EventDefinition(tenant=tenant, name="Email Sent", first_seen_at=now, is_internal=True).save()
    assert "Send the first event" in to_do(tenant), "our own messages are no events of theirs"
    EventDefinition(tenant=tenant, name="Order Completed", first_seen_at=now).save()
    Segment(tenant=tenant, name="All", rule={"all": []}).save()
    make_campaign("Welcome")
    assert to_do(tenant) == ["Launch it"]
    make_campaign("Sale", launched_at=now, state="live")
    assert to_do(tenant) == []


def test_another_tenants_data_ticks_nothing(tenant: Tenant, other_tenant: Tenant, now, make_profile):
    before = to_do(tenant)
    make_profile(of=other_tenant)
    assert to_do(tenant) == before


def test_the_list_is_gone_when_all_is_done(
    client_of: Callable[..., Client], tenant, now, make_profile, make_campaign
):
    client = client_of()
    assert "Get started" in client.get(reverse("home")).content.decode()
    make_profile()
    EventDefinition(tenant=tenant, name="Order Completed", first_seen_at=now).save()
    Segment(tenant=tenant, name="All", rule={"all": []}).save()
    make_campaign("Sale", launched_at=now, state="live")
    assert "Get started" not in client.get(reverse("home")).content.decode()


def test_progress_counts_what_is_not_settled(tenant: Tenant, now, make_profile, make_campaign):
    campaign = make_campaign("Sale", launched_at=now, state="live")
    version = campaign.versions.get()
    partitions.ensure_months("delivery_delivery", [now])
    Plan(
        tenant=tenant,
        campaign=campaign,
        version=version,
        occasion="once",
        occasion_at=now,
        opens_at=now,
        due_until=now,
        audience=3,
    ).save()
    for state in ("planned", "sending", "sent"):
        Delivery(
            tenant=tenant,
            campaign=campaign,
            profile=make_profile(),
            occasion="once",
            occasion_at=now,
            channel="email",
            state=state,
            due_at=now,
            sent_at=now if state == "sent" else None,
        ).save()
    [progress] = home.recent(now=now)
    assert (progress.planned, progress.waiting, progress.settled_percent) == (3, 2, 33)


def test_the_newest_come_first_and_archived_ones_not_at_all(tenant: Tenant, now, make_campaign):
    for number in range(home.RECENT + 1):
        make_campaign(f"Campaign {number}")
    make_campaign("Put away", archived_at=now)
    assert [progress.row.campaign.name for progress in home.recent(now=now)] == [
        f"Campaign {number}" for number in range(home.RECENT, 0, -1)
    ]


def test_an_analyst_sees_no_way_to_what_would_refuse_them(client_of: Callable[..., Client]):
    client = client_of(Role.ANALYST)
    page = client.get(reverse("home")).content.decode()
    content = page.partition("<main")[2]
    for link in re.findall(r'<a [^>]*href="(/[^"]*)"', content):
        assert client.get(link).status_code == 200, link


def test_the_page_asks_as_often_for_five_campaigns_as_for_two(
    client_of: Callable[..., Client], make_campaign, django_assert_max_num_queries
):
    client = client_of()
    for number in range(2):
        make_campaign(f"Campaign {number}")
    client.get(reverse("home"))
    with django_assert_max_num_queries(30) as few:
        client.get(reverse("home"))
    for number in range(2, 5):
        make_campaign(f"Campaign {number}")
    with django_assert_max_num_queries(len(few)):
        client.get(reverse("home"))
