"""The admin in a browser, under its own policy: what the policy forbids would be a fault of `open_browser`'s."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from audiences.models import Profile
from tenants.models import User

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def test_the_admin_works_without_scripts_of_its_pages_or_of_others(open_browser, owner: User, make_profile):
    profile: Profile = make_profile(first_name="Ada")
    User.objects.update(is_staff=True, is_superuser=True)
    page = open_browser()
    answer = page.goto(reverse("admin:index"))
    policy = dict(part.partition(" ")[::2] for part in answer.headers["content-security-policy"].split("; "))
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["default-src"] == "'self'"
    page.goto(reverse("admin:audiences_profile_changelist"))
    page.get_by_role("link", name=str(profile)).first.click()
    page.get_by_label("First name").fill("Augusta")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url(re.compile(reverse("admin:audiences_profile_changelist") + "$"))
    profile.refresh_from_db()
    assert profile.first_name == "Augusta"
    page.get_by_text(owner.email).first.click()
    page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_class(re.compile(r"\bdark\b"))
