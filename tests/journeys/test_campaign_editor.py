"""A campaign made in a browser: its words looked at while they are typed, as somebody, on a phone; then launched."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django_scopes import scope
from playwright.sync_api import FrameLocator, Page, Route, expect

from audiences import ingest, segments
from audiences.models import Profile
from campaigns import drafts
from campaigns.models import Campaign
from campaigns.recipes import find
from tenants import clock
from tenants.models import Tenant, User
from tests.journeys.editors import fill_editor, questions_of

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

OpenBrowser = Callable[..., Page]


@pytest.fixture
def campaign(tenant: Tenant, owner: User, make_profile: Callable[..., Profile]) -> Campaign:
    """A win-back for two people, of whom one has no name."""
    make_profile(first_name="Ada", last_name="Lovelace", email="ada@example.test")
    make_profile(first_name=None, email="nobody@example.test")
    made = drafts.create(
        tenant=tenant, actor=owner, name="Win them back", recipe=find("win-back"), now=clock.now(tenant)
    )
    version = made.versions.get()
    drafts.set_audience(version=version, actor=owner, segment=None, is_everyone=True, control_percent=0)
    return made


def url(name: str, campaign: Campaign, *more: str) -> str:
    return reverse(f"campaign_{name}", args=[campaign.public_id, *more])


def mail(page: Page) -> FrameLocator:
    return page.frame_locator("#mail-frame")


def test_words_are_shown_while_they_are_typed(open_browser: OpenBrowser, campaign: Campaign) -> None:
    page = open_browser("marketer")
    page.goto(url("variant", campaign, "a"))
    expect(mail(page).get_by_text("Ada, it has been a while")).to_be_visible()
    page.get_by_label("Subject", exact=True).fill("Dear {{ profile.first_name }}")
    expect(page.locator(".inbox-line strong")).to_have_text("Dear Ada")
    fill_editor(
        page,
        "<mjml><mj-body><mj-section><mj-column><mj-text>Plain words</mj-text></mj-column></mj-section></mj-body>"
        "</mjml>",
    )
    expect(mail(page).get_by_text("Plain words")).to_be_visible()
    expect(mail(page).get_by_text("1 Song Street")).to_be_visible()


def test_problems_are_marked_where_they_are(open_browser: OpenBrowser, campaign: Campaign) -> None:
    page = open_browser("marketer")
    page.goto(url("variant", campaign, "a"))
    fill_editor(
        page,
        "<mjml>\n<mj-body><mj-section><mj-column><mj-text>{{ profile.city | shout }}</mj-text></mj-column>"
        "</mj-section></mj-body></mjml>",
    )
    expect(page.get_by_text("Body, line 2")).to_be_visible()
    expect(page.locator(".cm-lintRange-error")).to_have_count(1)
    expect(page.get_by_role("button", name="Send a test")).to_be_disabled()
    fill_editor(
        page,
        "<mjml><mj-body><mj-section><mj-column><mj-text>Better</mj-text></mj-column></mj-section></mj-body></mjml>",
    )
    expect(mail(page).get_by_text("Better")).to_be_visible()
    expect(page.locator(".cm-lintRange-error")).to_have_count(0)


def test_it_is_shown_as_others_get_it(open_browser: OpenBrowser, campaign: Campaign) -> None:
    page = open_browser("marketer")
    page.goto(url("variant", campaign, "a"))
    page.get_by_label("Subject", exact=True).fill("Dear {{ profile.first_name }}")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("nobody@example.test lacks profile.first_name")).to_be_visible()
    expect(page.get_by_text("would get nothing")).to_be_visible()
    page.get_by_label("Show it as somebody").press_sequentially("love")
    page.get_by_role("button", name=re.compile("Ada Lovelace")).click()
    expect(page.locator(".inbox-line strong")).to_have_text("Dear Ada")


def test_what_is_lacked_is_counted_given_a_default_and_looked_at(
    open_browser: OpenBrowser, campaign: Campaign
) -> None:
    """What words need is listed while they are typed; a default settles it; then the worst of them side by side."""
    page = open_browser("marketer", width=1440)
    page.goto(url("variant", campaign, "a"))
    subject, needs = page.get_by_label("Subject", exact=True), page.locator("#shortfalls")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    subject.fill("Dear {{ profile.first_name }}")
    expect(needs).to_contain_text("1 of 2 lack it (50 %)", timeout=30_000)
    expect(needs).to_contain_text("They get nothing (1)")
    needs_asked = [urlsplit(address) for address in asked if "/needs/" in address]
    sent = {name for address in needs_asked for name in parse_qs(address.query)}
    assert sent == {"words"}, "no mail and no token stand in an address"
    needs.get_by_text("Add a default").click()
    needs.get_by_role("button", name="Put in").click()
    expect(subject).to_have_value("Dear {{ profile.first_name | default: 'there' }}")
    expect(needs).to_contain_text("nothing", timeout=30_000)
    expect(needs).not_to_contain_text("lack it")
    page.get_by_role("button", name="Worst cases").click()
    longest = page.locator(".worst-card", has_text="The longest name")
    expect(longest).to_contain_text("Dear Ada", timeout=30_000)
    inside = longest.frame_locator("iframe")
    expect(inside.get_by_text("Ada, it has been a while")).to_be_visible(timeout=30_000)
    page.locator("label[for=worst-desktop]").click()
    expect(inside.locator("html")).to_have_js_property("clientWidth", 720)


def test_what_is_inserted_lands_at_the_cursor(open_browser: OpenBrowser, campaign: Campaign) -> None:
    page = open_browser("marketer")
    page.goto(url("variant", campaign, "a"))
    subject = page.get_by_label("Subject", exact=True)
    subject.fill("Dear ")
    page.get_by_role("button", name="Insert", exact=True).click()
    page.get_by_role("button", name=re.compile("^First name Ada")).click()
    expect(subject).to_have_value("Dear {{ profile.first_name }}")
    expect(page.locator(".inbox-line strong")).to_have_text("Dear Ada")


def test_a_phone_is_narrow_and_the_dark_is_inverted(open_browser: OpenBrowser, campaign: Campaign) -> None:
    page = open_browser("marketer", width=1440)
    page.goto(url("variant", campaign, "a"))
    expect(mail(page).get_by_text("Ada, it has been a while")).to_be_visible()
    root = mail(page).locator("html")
    assert root.evaluate("root => root.clientWidth") >= 600
    page.locator("label[for=width-phone]").click()
    expect(root).to_have_js_property("clientWidth", 390)
    page.locator("label[for=dark]").click()
    expect(root).to_have_css("filter", re.compile("invert"))


def test_nothing_of_a_mail_can_run(open_browser: OpenBrowser, campaign: Campaign) -> None:
    page = open_browser("marketer")
    page.goto(url("variant", campaign, "a"))
    page.get_by_label("HTML").check()
    fill_editor(
        page, "<p id='there'>Here</p><img src='x' onerror='parent.ran = 1'><script>parent.ran = 1</script>"
    )
    expect(mail(page).locator("#there")).to_be_visible()
    assert page.evaluate("window.ran") is None


def test_leaving_with_unsaved_words_asks_and_saving_settles_it(
    open_browser: OpenBrowser, campaign: Campaign
) -> None:
    page = open_browser("marketer")
    questions = questions_of(page)
    page.goto(url("variant", campaign, "a"))
    page.get_by_label("Subject", exact=True).fill("Changed")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved just now")).to_be_visible()
    page.goto(url("schedule", campaign))
    assert questions == []
    page.goto(url("variant", campaign, "a"))
    expect(page.get_by_label("Subject", exact=True)).to_have_value("Changed")
    page.get_by_label("Subject", exact=True).press_sequentially("!")
    page.goto(url("schedule", campaign))
    assert questions == ["beforeunload"]


def test_leaving_with_a_variants_unsaved_share_asks(open_browser: OpenBrowser, campaign: Campaign) -> None:
    page = open_browser("marketer")
    questions = questions_of(page)
    page.goto(url("variant", campaign, "a"))
    page.locator(".variant-settings summary").click()
    page.get_by_label("Weight").fill("7")
    with page.expect_navigation():
        page.get_by_role("button", name="Apply").click()
    assert questions == []
    page.locator(".variant-settings summary").click()
    page.get_by_label("Weight").fill("8")
    page.goto(url("schedule", campaign))
    assert questions == ["beforeunload"]


def test_words_typed_or_put_in_while_others_are_being_saved_are_not_taken_for_saved(
    open_browser: OpenBrowser, campaign: Campaign
) -> None:
    page = open_browser("marketer")
    questions = questions_of(page)
    page.goto(url("variant", campaign, "a"))
    subject = page.get_by_label("Subject", exact=True)

    def save_slowly(route: Route) -> None:
        answered = route.fetch()
        subject.press_sequentially("!")
        route.fulfill(response=answered)

    page.route(f"**{url('variant', campaign, 'a')}", save_slowly)
    subject.fill("Changed")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved just now")).to_be_visible()
    page.unroute_all()
    page.goto(url("schedule", campaign))
    assert questions == ["beforeunload"]
    page.goto(url("variant", campaign, "a"))
    subject.focus()
    page.get_by_role("button", name="Insert").click()
    page.locator("[data-insert]").first.click()
    page.goto(url("schedule", campaign))
    assert questions == ["beforeunload", "beforeunload"]


@pytest.mark.parametrize("width", [1280, 390])
def test_no_name_is_too_long_for_a_page(
    open_browser: OpenBrowser, campaign: Campaign, owner: User, tenant: Tenant, width: int
) -> None:
    version = campaign.versions.get()
    with scope(tenant=tenant):
        Campaign.objects.update(name="Wirtschaftsprüfungsgesellschaft" * 3)
        segment = segments.create(
            tenant=tenant, actor=owner, name="Kundenbindungsmaßnahmen" * 5, rule={"all": []}
        )
        drafts.set_audience(
            version=version, actor=owner, segment=segment, is_everyone=False, control_percent=0
        )
        like = drafts.add_variant(version=version, actor=owner)
        version.variants.update(name="Herbstsortimentsübersicht" * 2)
    page = open_browser(width=width)
    for address in (
        "/",
        reverse("campaign_list"),
        reverse("segment_list"),
        reverse("segment_edit", args=[segment.public_id]),
        *(url(step, campaign) for step in ("detail", "details", "audience", "schedule", "goal", "review")),
        url("variant", campaign, like.key),
    ):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        state = page.locator("[data-label=State]").first
        assert state.count() == 0 or (state.bounding_box() or {})["x"] < width, address


def test_a_search_is_made_once_and_is_one_step_to_go_back(
    open_browser: OpenBrowser, campaign: Campaign
) -> None:
    page = open_browser()
    page.goto(reverse("campaign_list"))
    asked: list[str] = []
    steps = page.evaluate("history.length")
    page.on("request", lambda request: asked.append(request.url) if "?q=" in request.url else None)
    page.get_by_label("Search campaigns").fill("Win")
    expect(page).to_have_url(re.compile("q=Win"))
    page.get_by_label("Search campaigns").blur()
    page.get_by_label("State").select_option("draft")
    expect(page).to_have_url(re.compile("q=Win&state=draft"))
    assert len(asked) == 2
    assert page.evaluate("history.length") == steps + 2


def test_no_address_that_is_asked_while_choosing_tells_the_forms_token(
    open_browser: OpenBrowser, campaign: Campaign
) -> None:
    page = open_browser("marketer")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "?" in request.url else None)
    page.goto(url("audience", campaign))
    expect(page.locator("#count")).to_contain_text("Will get it")
    page.goto(url("schedule", campaign))
    expect(page.locator("#schedule-words")).to_contain_text("As soon as it is launched")
    assert asked
    assert [address for address in asked if "csrf" in address] == []


def test_an_event_sets_it_off_in_certain_hours(
    open_browser: OpenBrowser, campaign: Campaign, grave_faults: Callable[[Page], list[str]], now: datetime,
    tenant: Tenant,
) -> None:  # fmt: skip
    ingest.store(
        tenant=tenant,
        calls=[{"type": "track", "userId": "u1", "event": "Cart Viewed", "properties": {"total": 77}}],
        now=now,
    )
    page = open_browser("marketer")
    page.goto(url("schedule", campaign))
    event = page.get_by_label("The event that sets it off", exact=True)
    expect(event).to_be_hidden()
    page.get_by_label("When something happens").check()
    event.fill("Cart Viewed")
    page.get_by_label("Property, The event that sets it off").first.fill("total")
    page.get_by_label("Comparison, The event that sets it off").first.select_option("at_least")
    page.get_by_label("Value, The event that sets it off").first.fill("50")
    unless = page.get_by_label("This event", exact=True)
    expect(unless.nth(0)).to_be_visible()
    expect(unless.nth(1)).to_be_hidden()
    unless.nth(0).fill("Order Completed")
    expect(unless.nth(1)).to_be_visible()
    page.get_by_label("Not before").fill("09:00")
    page.get_by_label("Not after").fill("18:00")
    page.get_by_role("checkbox", name="Monday").check()
    assert grave_faults(page) == []
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(event).to_have_value("Cart Viewed")
    page.goto(url("variant", campaign, "a"))
    page.get_by_label("Subject", exact=True).fill("Your cart of {{ event.total }}")
    expect(page.locator(".inbox-line strong")).to_have_text("Your cart of 77")
    page.goto(url("review", campaign))
    expect(page.get_by_text("unless they do “Order Completed” meanwhile")).to_be_visible()
    expect(page.get_by_text("only from 09:00 to 18:00 on Monday")).to_be_visible()


def test_the_count_follows_the_slider(open_browser: OpenBrowser, campaign: Campaign, tenant: Tenant) -> None:
    with scope(tenant=tenant):
        Profile.objects.bulk_create(Profile(tenant=tenant, email=f"m{n}@example.test") for n in range(500))
    page = open_browser("marketer")
    page.goto(url("audience", campaign))
    expect(page.locator("[data-sent]")).to_have_text("502")
    slider = page.get_by_label("Control group")
    slider.focus()
    for _ in range(50):
        slider.press("ArrowRight")
    expect(page.locator("output")).to_have_text("50 %")
    expect(page.get_by_text("Control group", exact=True).nth(1)).to_be_visible()
    assert 190 < int(page.locator("[data-sent]").inner_text()) < 310


def test_a_publisher_launches_after_looking_at_the_counts(
    open_browser: OpenBrowser, campaign: Campaign
) -> None:
    page = open_browser("publisher")
    page.goto(url("review", campaign))
    expect(page.get_by_role("heading", name="Ready to launch")).to_be_visible()
    page.get_by_role("button", name="Launch").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 people will get it")
    dialog.get_by_role("button", name="Keep as it is").click()
    assert page.url.endswith(url("review", campaign))
    page.get_by_role("button", name="Launch").click()
    dialog.get_by_role("button", name="Launch it").click()
    page.wait_for_url(f"**{url('detail', campaign)}")
    expect(page.get_by_role("heading", name="Win them back Live")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [pytest.param(1280, id="desk"), pytest.param(390, id="phone")])
def test_every_step_keeps_nobody_out(
    open_browser: OpenBrowser,
    grave_faults: Callable[[Page], list[str]],
    campaign: Campaign,
    width: int,
    scheme: str,
) -> None:
    page = open_browser(width=width, scheme=scheme)
    steps = [
        url(name, campaign)
        for name in ("audience", "message", "schedule", "goal", "review", "detail", "details")
    ]
    for link in [reverse("campaign_list"), reverse("campaign_new"), *steps]:
        page.goto(link)
        page.wait_for_load_state("networkidle")
        assert grave_faults(page) == [], link
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            f"{link} is wider than the screen"
        )


def test_a_language_read_from_the_right(open_browser: OpenBrowser, campaign: Campaign) -> None:
    """Added by its name, written, and shown as it is read."""
    page = open_browser("marketer")
    page.goto(url("variant", campaign, "a"))
    page.get_by_text("Languages", exact=True).click()
    page.get_by_label("Write A in another language").fill("Arabic")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("link", name="Arabic")).to_have_attribute("aria-current", "page")
    subject = page.get_by_label("Subject", exact=True)
    expect(subject).to_have_attribute("dir", "rtl")
    subject.fill("مرحبًا")
    expect(page.locator(".inbox-line")).to_have_attribute("dir", "rtl")
    expect(mail(page).locator("html")).to_have_attribute("dir", "rtl")
    text = mail(page).get_by_text("We have not seen you lately")
    expect(text).to_have_css("text-align", "right")
