"""The management API in a browser: its own pages, and the editor's step that shows the call."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from campaigns import drafts
from tests.api import Caller

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def test_the_apis_pages_show_every_operation_and_try_one(
    open_browser: Callable[..., Page], tenant, make_profile
):
    make_profile(external_id="user-1")
    caller = Caller(tenant)
    page = open_browser(None)
    page.goto(reverse("api_docs"))
    operation = page.locator("#operations-Profiles-list_profiles")
    expect(operation).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".modal-ux input").fill(caller.key)
    page.locator(".modal-ux .auth-btn-wrapper .authorize").click()
    page.locator(".modal-ux .btn-done").click()
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table")).to_contain_text("user-1", timeout=20_000)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_editor_shows_the_call_to_whoever_chooses_it(
    open_browser: Callable[..., Page], grave_faults, tenant, owner, width, scheme
):
    campaign = drafts.create(tenant=tenant, actor=owner, name="Receipt")
    page = open_browser(width=width, scheme=scheme)
    page.goto(reverse("campaign_schedule", args=[campaign.public_id]))
    call = page.locator("#send-call")
    expect(call).to_be_hidden()
    page.locator('input[name="when"][value="api"]').check()
    expect(call).to_contain_text(f"/api/v1/campaigns/{campaign.public_id}/send")
    expect(page.locator('input[name="starts"]')).to_be_hidden()
    assert grave_faults(page) == []
