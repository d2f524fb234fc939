"""A weekly digest in a browser: shown as it is needed, said as one types, on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from campaigns import drafts
from campaigns.recipes import find
from tenants import clock
from tenants.models import Tenant, User

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def test_the_step_shows_what_it_needs_and_says_what_it_means(
    open_browser: Callable[..., Page], tenant: Tenant, owner: User, grave_faults: Callable[[Page], list[str]]
) -> None:
    now = datetime(2026, 11, 25, 11, tzinfo=UTC)
    clock.set_to(tenant, now)
    made = drafts.create(tenant=tenant, actor=owner, name="Digest", recipe=find("digest"), now=now)
    page = open_browser("marketer", width=390, height=844, scheme="dark")
    page.goto(reverse("campaign_schedule", args=[made.public_id]))
    says = page.locator("#schedule-words")
    expect(says).to_contain_text("Every Tuesday at 09:00 in each person's local time.")
    expect(says).to_contain_text("Tuesday, 1 December 2026, 09:00")
    expect(page.get_by_label("On day")).to_be_hidden()
    page.locator("#id_repeat-unit").select_option("months")
    expect(page.get_by_label("Tuesday").first).to_be_hidden()
    page.get_by_label("On day").fill("31")
    expect(says).to_contain_text("Thursday, 31 December 2026, 09:00")
    page.get_by_label("At", exact=True).fill("")
    expect(says).to_contain_text("Say at what time.")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert grave_faults(page) == []
    page.get_by_label("At a time", exact=True).check()
    expect(page.get_by_label("Every", exact=True)).to_be_hidden()
    page.get_by_label("Whose time that is").select_option("person")
    expect(page.get_by_label("Those for whom that time has passed")).to_be_visible()
    page.get_by_label("Whose time that is").select_option("tenant")
    expect(page.get_by_label("Those for whom that time has passed")).to_be_hidden()
