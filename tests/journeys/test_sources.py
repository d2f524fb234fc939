"""Sources in a browser: set up, tried, put into a message and seen in its preview."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from audiences.models import Profile
from campaigns import drafts
from campaigns.models import Source
from tenants.models import Tenant, User
from tests.servers import Server, says

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

OK = says('{"today": {"temperature": 21}, "films": [{"title": "Alien", "at": "20:15"}]}')


def test_a_source_is_set_up_tried_and_said_in_a_message(
    open_browser: Callable[..., Page],
    tenant: Tenant,
    owner: User,
    serve: Callable[..., Server],
    make_profile: Callable[..., Profile],
) -> None:
    server = serve(OK)
    make_profile(email="ada@example.test", city="Ulm")
    page = open_browser("owner")
    page.goto("/sources/")
    page.get_by_role("link", name="New source").click()
    page.get_by_label("Name", exact=False).first.fill("weather")
    expect(page.get_by_label("Body")).to_be_hidden()
    expect(page.get_by_label("Default answer", exact=True)).to_be_hidden()
    page.get_by_label("Address").fill(f"{server.url}/?c={{{{ profile.city }}}}")
    page.get_by_label("Headers").fill("X-Key: s3cret")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("As", exact=True).fill("ada@example.test")
    page.get_by_role("button", name="Ask now").click()
    expect(page.locator("#tried")).to_contain_text(f"GET {server.url}/?c=Ulm")
    expect(page.locator("#tried")).to_contain_text("{{ source.weather.today.temperature }}")
    expect(page.locator("#tried")).not_to_contain_text("s3cret")

    campaign = drafts.create(tenant=tenant, actor=owner, name="Weather")
    drafts.set_audience(
        version=campaign.versions.get(), actor=owner, segment=None, is_everyone=True, control_percent=0
    )
    page.goto(reverse("campaign_variant", args=[campaign.public_id, "a"]))
    page.get_by_label("Subject").fill("It is ")
    page.get_by_label("Subject").press("End")
    page.get_by_role("button", name="Insert").first.click()
    page.get_by_role("button", name="today.temperature").click()
    expect(page.get_by_label("Subject")).to_have_value("It is {{ source.weather.today.temperature }}")
    expect(page.get_by_text("It is 21").first).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (390, "dark"), (1280, "dark")])
def test_the_pages_fit_and_keep_nobody_out(
    open_browser: Callable[..., Page],
    make_source: Callable[..., Source],
    serve: Callable[..., Server],
    grave_faults: Callable[[Page], list[str]],
    width: int,
    scheme: str,
) -> None:
    source = make_source(
        serve(OK).url + "/a-rather-long/address/for-a-source?c={{ profile.city | default: 'x' }}"
    )
    page = open_browser(width=width, height=844, scheme=scheme)
    for address in (
        "/sources/",
        "/sources/new/",
        reverse("source_edit", args=[source.public_id]),
        reverse("source_detail", args=[source.public_id]),
    ):
        answer = page.goto(address)
        assert answer
        assert answer.ok, address
        if address.endswith(f"{source.public_id}/"):
            page.get_by_role("button", name="Ask now").click()
            expect(page.locator("#tried")).to_contain_text('"temperature": 21')
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        assert grave_faults(page) == []
