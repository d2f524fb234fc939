"""A cart left behind: reminded of after the wait, called off by an order, held by a cap, and each reason read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django_scopes import scope
from playwright.sync_api import Page, expect
from segment.analytics import request
from segment.analytics.client import Client as SegmentClient

from audiences.models import Profile
from delivery import cap_editing
from delivery.models import Delivery
from tenants import clock, keys
from tenants.models import Tenant, User
from tests.journeys.test_main_job import launch, sign_in

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(live_server: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[SegmentClient]:
    """The shop's own server, with Segment's client as it comes."""
    monkeypatch.setitem(request._session.headers, "Connection", "close")
    _, key = keys.create(tenant=tenant, kind="write", name="Shop", scopes=[], created_by=None)
    client = SegmentClient(key, host=live_server.url, max_retries=2)
    yield client
    client.join()


def from_recipe(page: Page, label: str) -> None:
    """A campaign for everyone, as the recipe has it, launched."""
    page.goto(reverse("campaign_new"))
    page.get_by_label("Name").fill(label)
    page.get_by_text(label, exact=True).click()
    page.get_by_role("button", name="Create draft").click()
    page.get_by_label("Who gets it", exact=True).select_option(label="Everyone")
    slider = page.get_by_label("Control group")
    slider.focus()
    slider.press("Home")
    page.get_by_role("button", name="Save and continue").click()
    launch(page)
    expect(page.get_by_text("Answering what people do")).to_be_visible()


def passes(tenant: Tenant, by: timedelta) -> None:
    with scope(tenant=tenant):
        clock.move_forward(tenant, by)


def settled(tenant: Tenant, page: Page, count: int) -> None:
    for _ in range(100):
        with scope(tenant=tenant):
            if Delivery.objects.exclude(state__in=["planned", "sending"]).count() >= count:
                return
        page.wait_for_timeout(200)
    raise AssertionError("the cluster did not settle what was due")


def reads(page: Page, tenant: Tenant, user: str, *said: str) -> None:
    """The person's page says what became of their messages."""
    with scope(tenant=tenant):
        profile = Profile.objects.get(external_id=user)
    page.goto(reverse("profile_detail", args=[profile.public_id]))
    for words in said:
        expect(page.get_by_text(words).first).to_be_visible()


def test_a_cart_is_reminded_of_called_off_or_held_by_a_cap(
    open_browser: Callable[..., Page], house: None, shop: SegmentClient, tenant: Tenant, owner: User
) -> None:
    with scope(tenant=tenant):
        cap_editing.add(
            tenant=tenant, actor=owner, now=clock.now(tenant), limit=1, kind="rolling", hours=48,
            scope="channel", value="email",
        )  # fmt: skip
    page = open_browser(None)
    sign_in(page, owner.email)
    from_recipe(page, "Welcome newcomers")
    from_recipe(page, "Remind of a cart, by its value")

    for user in ("ada", "bob", "cora", "dora"):
        shop.identify(user, {"email": f"{user}@example.test", "firstName": user.title()})
    shop.track("cora", "Signed Up")
    shop.flush()
    settled(tenant, page, 1)
    for user, value in (("ada", 5), ("bob", 23), ("cora", 23), ("dora", 230)):
        shop.track(user, "Checkout Started", {"value": value})
    shop.track("bob", "Order Completed", {"revenue": 23})
    shop.flush()
    settled(tenant, page, 2)
    with scope(tenant=tenant):
        assert Delivery.objects.filter(state="planned").count() == 3
    passes(tenant, timedelta(minutes=31))
    settled(tenant, page, 5)

    for user, subjects in {
        "ada": ["One small thing is waiting for you"], "bob": [], "dora": ["We are holding your order for you"],
    }.items():  # fmt: skip
        page.goto(f"{reverse('inbox')}?q={user}@example.test")
        expect(page.locator("#inbox-rows a")).to_have_count(len(subjects))
        for subject in subjects:
            expect(page.locator("#inbox-rows")).to_contain_text(subject)
    reads(page, tenant, "ada", "Remind of a cart, by its value", "Sent")
    reads(page, tenant, "bob", "Did what calls it off")
    reads(page, tenant, "cora", "Had reached a frequency cap")
