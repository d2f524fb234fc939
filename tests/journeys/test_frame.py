"""The frame in a browser: on a phone, in the dark, by keyboard, and when things fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from tenants.models import Membership, Tenant, User
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

WIDTHS = [pytest.param(1280, id="desk"), pytest.param(390, id="phone")]
SCHEMES = ["light", "dark"]


def add(page: Page, markup: str) -> None:
    """Put markup into the page and announce it, as htmx does with what it fetched."""
    page.evaluate(
        """(markup) => {
            const holder = document.createElement("div");
            holder.id = "added";
            holder.innerHTML = markup;
            document.getElementById("content").append(holder);
            htmx.process(holder);
            holder.dispatchEvent(new CustomEvent("htmx:load", {bubbles: true, detail: {elt: holder}}));
        }""",
        markup,
    )


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["account_login", "account_reset_password", "account_signup"])
def test_pages_before_sign_in_keep_nobody_out(open_browser, grave_faults, name, width, scheme):
    page = open_browser(None, width=width, scheme=scheme)
    page.goto(reverse(name))
    expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
    assert grave_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_of_the_rail_keeps_nobody_out(open_browser, grave_faults, width, scheme):
    page = open_browser(width=width, scheme=scheme)
    page.goto(reverse("home"))
    links = page.locator("a.rail-link").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    for link in [*links, reverse("mfa_index"), reverse("account_change_password")]:
        page.goto(link)
        assert grave_faults(page) == [], link
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            f"{link} is wider than the screen"
        )


def test_signing_in_by_mail_address_leads_home(open_browser, owner: User):
    page = open_browser(None)
    page.goto(reverse("home"))
    page.get_by_label("Email").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")


def test_the_menu_on_a_phone_opens_and_leads_on(open_browser):
    page = open_browser(width=390, height=844)
    page.goto(reverse("home"))
    expect(page.get_by_role("link", name="Team")).to_be_hidden()
    page.get_by_role("button", name="Open the menu").click()
    page.get_by_role("link", name="Team").click()
    expect(page).to_have_url(re.compile(reverse("settings_team")))


def test_the_appearance_chosen_stays(open_browser):
    page = open_browser()
    page.goto(reverse("home"))
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_auto_follows_the_system_at_once(open_browser):
    page = open_browser(scheme="light")
    page.goto(reverse("home"))
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_switching_the_tenant_shows_the_other(
    open_browser, make_member, tenant: Tenant, other_tenant: Tenant
):
    page = open_browser()
    Membership.objects.create(tenant=other_tenant, user=make_member(), role="analyst")
    page.goto(reverse("home"))
    page.get_by_role("button", name="Switch tenant").click()
    page.get_by_role("button", name=other_tenant.name).click()
    expect(page.locator(".tenant-switch").first).to_contain_text(other_tenant.name)
    expect(page.locator(".tenant-switch").first).not_to_contain_text(tenant.name)


PRESS = """keys => {
    for (const key of keys)
        document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}"""


def test_keys_lead_to_pages_and_are_listed(open_browser):
    page = open_browser()
    page.goto(reverse("home"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.evaluate(
        PRESS, ["g", "t"]
    )  # at once: a busy machine may need longer between two keys than a person may
    expect(page).to_have_url(re.compile(reverse("settings_team")))


def test_keys_do_nothing_while_typing_or_switched_off(open_browser):
    page = open_browser()
    page.goto(reverse("home"))
    add(page, '<input aria-label="Name" id="name">')
    page.locator("#name").press_sequentially("g?t/")
    expect(page.locator("#name")).to_have_value("g?t/")
    page.locator("#name").evaluate("field => field.blur()")
    page.keyboard.press("?")
    page.get_by_label("Use these keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_the_skip_link_is_first_and_leads_past_the_rail(open_browser):
    page = open_browser()
    page.goto(reverse("home"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


STOP = """<form method="get" action="/settings/team/" data-confirm="Stop it?" data-confirm-word="STOP">
    <button name="stop" value="1">Stop campaign</button></form>"""


def test_a_form_that_asks_first_is_sent_only_after_yes_and_with_its_button(open_browser):
    page = open_browser()
    page.goto(reverse("home"))
    add(page, STOP)
    page.get_by_role("button", name="Stop campaign").click()
    dialog = page.get_by_role("dialog", name="Stop it?")
    dialog.get_by_role("button", name="Keep as it is").click()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/$"))
    page.get_by_role("button", name="Stop campaign").click()
    dialog.get_by_role("button", name="Stop campaign").click()
    expect(dialog).to_be_visible()  # the word is missing
    dialog.get_by_role("textbox").fill("STOP")
    dialog.get_by_role("button", name="Stop campaign").click()
    expect(page).to_have_url(re.compile(r"\?stop=1$"))


def test_an_htmx_button_that_asks_first_sends_only_after_yes(open_browser):
    page = open_browser()
    page.goto(reverse("home"))
    sent: list[str] = []
    page.route("**/asked/", lambda route: (sent.append(route.request.method), route.fulfill(body="Done."))[1])
    add(page, '<button hx-post="/asked/" data-confirm="Really?" hx-target="#added">Do it</button>')
    page.get_by_role("button", name="Do it").click()
    page.keyboard.press("Escape")
    assert sent == []
    page.get_by_role("button", name="Do it").click()
    page.get_by_role("dialog", name="Really?").get_by_role("button", name="Do it").click()
    expect(page.locator("#added")).to_have_text("Done.")
    assert sent == ["POST"]


@pytest.mark.parametrize(
    ("answer", "words", "times"),
    [
        pytest.param(lambda route: route.abort(), "cannot be reached", 1, id="no connection"),
        pytest.param(lambda route: route.fulfill(status=404), "no longer there", 2, id="gone"),
        pytest.param(lambda route: route.fulfill(status=500), "Try again", 1, id="our error"),
    ],
)
def test_a_request_that_fails_says_what_to_do(
    open_browser, answer: Callable[[Route], Any], words: str, times: int
):
    page = open_browser()
    page.goto(reverse("home"))
    page.route("**/asked/", answer)
    add(page, '<button hx-get="/asked/">Ask</button><p hx-get="/asked/" hx-trigger="every 100ms"></p>')
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#toasts-loud")).to_contain_text(words)
    page.wait_for_timeout(500)
    expect(page.locator(".note")).to_have_count(times)  # polls fail quietly, but say once that they end
    expect(page.locator("html")).not_to_have_class(re.compile("is-loading"))


def test_a_part_of_a_page_that_cannot_be_brought_says_so_once_and_what_is_pressed_in_it_each_time(
    open_browser,
):
    page = open_browser()
    page.goto(reverse("home"))
    page.route("**/asked/", lambda route: route.fulfill(status=500))
    add(
        page,
        '<div data-quiet hx-get="/asked/" hx-trigger="load, again from:body">'
        '<button hx-post="/asked/">Send a test</button></div>',
    )
    expect(page.locator("#toasts-loud")).to_contain_text("What you typed is still here")
    with page.expect_response("**/asked/"):
        page.evaluate("document.body.dispatchEvent(new Event('again'))")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#toasts-loud")).to_contain_text("Try again")
    expect(page.locator(".note")).to_have_count(2)


def test_a_form_on_its_way_is_not_sent_again(open_browser):
    page = open_browser()
    page.goto(reverse("home"))
    sent: list[str] = []

    def answer(route: Route) -> None:
        sent.append(route.request.method)
        route.fulfill(status=204)

    page.route("**/asked/", answer)
    field = '<input type="hidden" name="method" value="get">'
    add(page, f'<form method="post" action="/asked/">{field}<button>Create draft</button></form>')
    page.get_by_role("button", name="Create draft").dblclick()
    page.get_by_role("button", name="Create draft").click()
    page.wait_for_timeout(500)
    assert sent == ["POST"]


def test_a_form_refused_with_422_is_swapped_in(open_browser):
    page = open_browser()
    page.goto(reverse("home"))
    page.route("**/asked/", lambda route: route.fulfill(status=422, body="<p>The name is taken.</p>"))
    add(page, '<button hx-post="/asked/" hx-target="#added">Save</button>')
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#added")).to_have_text("The name is taken.")


def test_a_session_that_ended_shows_the_sign_in_page_and_not_a_piece_of_it(open_browser):
    page = open_browser()
    page.goto(reverse("settings_team"))
    page.context.clear_cookies()
    add(page, f'<button hx-get="{reverse("settings_team")}" hx-target="#added">Refresh</button>')
    page.get_by_role("button", name="Refresh").click()
    expect(page).to_have_url(re.compile(re.escape(reverse("account_login"))))


def test_a_session_that_ended_takes_no_words_with_it(open_browser):
    page = open_browser()
    page.goto(reverse("settings_sender"))
    page.get_by_label("From name").fill("Ada at the counter")
    page.context.clear_cookies(name="sessionid")
    add(page, f'<button hx-get="{reverse("settings_team")}" hx-target="#added">Refresh</button>')
    for _ in range(2):
        with page.expect_response(re.compile(re.escape(reverse("account_login")))):
            page.get_by_role("button", name="Refresh").click()
    page.wait_for_timeout(200)
    expect(page.locator("#toasts-loud .note")).to_have_text(re.compile("You have been signed out"))
    expect(page.get_by_label("From name")).to_have_value("Ada at the counter")


EDITOR = """<form><label for="body">Message body</label>
    <textarea id="body" name="body" rows="6" data-editor="liquid-html">Hello\nthere</textarea>
    <script type="application/json" data-problems-for="body">
        [{"line": 2, "column": 1, "message": "No such name"}]</script>
    <button type="button" data-insert="{{ profile.city }}" data-insert-into="body">City</button></form>"""


@pytest.fixture
def editing(open_browser) -> Page:
    page = open_browser()
    page.goto(reverse("home"))
    page.evaluate(
        "window.heard = 0; addEventListener('input', (event) => void (event.target.id === 'body' && heard++))"
    )
    add(page, EDITOR)
    expect(page.locator(".cm-editor")).to_be_visible()
    return page


def test_what_is_typed_in_the_editor_is_in_the_form_and_announced(editing: Page):
    editing.get_by_role("textbox", name="Message body").click()
    editing.keyboard.press("Control+End")
    editing.keyboard.type("!")
    assert (
        editing.evaluate("new FormData(document.getElementById('body').form).get('body')") == "Hello\nthere!"
    )
    assert editing.evaluate("heard") == 1


def test_the_editor_lets_the_tab_key_leave(editing: Page):
    editing.get_by_role("textbox", name="Message body").click()
    editing.keyboard.press("Escape")
    editing.keyboard.press("Tab")
    expect(editing.get_by_role("button", name="City")).to_be_focused()


def test_the_label_leads_into_the_editor(editing: Page):
    editing.get_by_text("Message body").click()
    expect(editing.get_by_role("textbox", name="Message body")).to_be_focused()


def test_a_variable_is_inserted_where_the_cursor_is(editing: Page):
    editing.get_by_role("textbox", name="Message body").click()
    editing.keyboard.press("Control+End")
    editing.get_by_role("button", name="City").click()
    expect(editing.locator("#body")).to_have_value("Hello\nthere{{ profile.city }}")


def test_problems_are_underlined_and_new_ones_replace_them(editing: Page):
    expect(editing.locator(".cm-lintRange")).to_have_text("there")
    add(editing, '<script type="application/json" data-problems-for="body">[]</script>')
    expect(editing.locator(".cm-lintRange")).to_have_count(0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_kind_of_button_can_be_read(open_browser, grave_faults, scheme):
    page = open_browser(scheme=scheme)
    page.goto(reverse("home"))
    kinds = ["primary", "danger", "warning", "ghost-danger", "ghost-secondary"]
    add(page, "".join(f'<p><button class="btn btn-{kind}">Erase for good</button></p>' for kind in kinds))
    assert grave_faults(page) == []


def test_the_editor_keeps_nobody_out(editing: Page, grave_faults):
    assert grave_faults(editing) == []
