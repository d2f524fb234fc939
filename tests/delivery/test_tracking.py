"""Mails lead back to us: links go where they pointed, and opens, clicks and unsubscribes are what people did."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import DatabaseError
from django.test import Client
from django_scopes import scope

from audiences import consent
from audiences.models import ConsentChange, Event, Profile
from delivery import tokens, tracking
from delivery.channels.email import preview
from delivery.models import Delivery
from tenants import clock
from tenants.models import Tenant

LINK = "https://shop.test/söke?q=blue%20note&page=2#top"
BODY = f"<p>Hello</p><p><a class='x' href=\"{LINK.replace('&', '&amp;')}\">See</a></p>"


@pytest.fixture
def mail(make_profile, make_campaign, postbox, run, later):
    """A mail an hour after it was sent: its addresses, without our host's name."""
    make_profile(email="ada@example.test")
    make_campaign(variants=(("a", 100, "News", BODY),))
    run()
    later(timedelta(hours=1))
    sent = postbox.to("ada@example.test")
    html = sent.get_body(("html",)).get_content()
    paths = {
        kind: unescape(found[1])
        for kind, pattern in {
            "pixel": r'src="[^"]*(/t/o/[^"]+)"',
            "link": r'href="[^"]*(/t/c/[^"]+)"',
            "unsubscribe": r'href="[^"]*(/u/[^"]+)"',
        }.items()
        if (found := re.search(pattern, html))
    }
    header = re.search(r"<[^>]*(/u/[^>]+)>", sent["List-Unsubscribe"])
    assert header
    assert header[1] == paths["unsubscribe"]
    return paths


@pytest.fixture
def stranger(db) -> Client:
    """A browser without a cookie, which checks CSRF as in earnest."""
    return Client(enforce_csrf_checks=True)


def names():
    return list(Event.objects.exclude(name="Email Sent").order_by("id").values_list("name", flat=True))


def standing():
    return Profile.objects.get(email="ada@example.test").consent.get("email")


# --- Tokens --------------------------------------------------------------------------------------
def test_a_token_says_what_was_written(now):
    mark = tokens.Mark("c", 7, 12345678901, now, LINK)
    assert tokens.read(tokens.write(mark), purpose="c") == mark
    assert tokens.write(mark) == tokens.write(mark)


def forgeries(token: str) -> list[str]:
    at = len(token) // 2
    changed = [
        token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :] for place in (0, at)
    ]
    return [*changed, token[:-4], token[4:], token * 2, "", "x", "é", "A" * 40]


@pytest.mark.parametrize("number", range(9))
def test_a_changed_token_is_not_read(now, number):
    token = tokens.write(tokens.Mark("c", 7, 1, now, LINK))
    with pytest.raises(tokens.Forged):
        tokens.read(forgeries(token)[number], purpose="c")


def test_a_token_is_good_for_its_purpose_only(now):
    token = tokens.write(tokens.Mark("o", 7, 1, now))
    for purpose in ("c", "u"):
        with pytest.raises(tokens.Forged):
            tokens.read(token, purpose=purpose)


def test_a_token_of_another_key_is_not_read_but_one_of_an_earlier_key_is(now, settings):
    token = tokens.write(tokens.Mark("o", 7, 1, now))
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key altogether"
    with pytest.raises(tokens.Forged):
        tokens.read(token, purpose="o")
    settings.SECRET_KEY_FALLBACKS = [old]
    assert tokens.read(token, purpose="o").delivery_id == 1


@pytest.mark.parametrize("what", ["link", "unsubscribe"])
def test_addresses_with_forged_tokens_are_404s_and_change_nothing(stranger, mail, what):
    prefix, _, token = mail[what].rpartition("/")
    for forged in forgeries(token):
        if forged and "/" not in forged:
            assert stranger.get(f"{prefix}/{forged}").status_code == 404
            assert stranger.post(f"{prefix}/{forged}").status_code in (403, 404)
    assert names() == []
    assert standing() is None


def test_a_forged_pixel_is_a_picture_all_the_same(stranger, mail):
    response = stranger.get("/t/o/forged.gif")
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert names() == []


def test_a_token_of_a_tenant_that_is_gone_is_a_404(stranger, mail, now):
    token = tokens.write(tokens.Mark("c", 10**9, 1, now, LINK))
    assert stranger.get(f"/t/c/{token}").status_code == 404


# --- Opens and clicks ----------------------------------------------------------------------------
def test_an_open_is_recorded_once_in_a_while_and_the_first_is_kept(stranger, mail, later):
    for _ in range(2):
        assert stranger.get(mail["pixel"]).content.startswith(b"GIF89a")
    first = Delivery.objects.get().opened_at
    assert first is not None
    later(timedelta(minutes=5))
    stranger.get(mail["pixel"])
    assert names() == ["Email Opened", "Email Opened"]
    assert Delivery.objects.get().opened_at == first


def test_a_click_leads_where_the_link_pointed(stranger, mail):
    response = stranger.get(mail["link"])
    assert response.status_code == 302
    assert response["Location"] == LINK.replace("ö", "%C3%B6")
    assert names() == ["Email Link Clicked"]
    assert Event.objects.get(name="Email Link Clicked").properties["url"] == LINK
    assert Delivery.objects.get().clicked_at is not None


def test_a_click_that_cannot_be_recorded_still_leads_there(stranger, mail, monkeypatch):
    def fails(**_):
        raise DatabaseError

    monkeypatch.setattr(tracking, "clicked", fails)
    assert stranger.get(mail["link"]).status_code == 302


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.test", "ftp://shop.test/x"]
)
def test_a_link_leads_to_web_pages_only(stranger, mail, now, url, tenant):
    row = Delivery.objects.get()
    token = tokens.write(tokens.Mark("c", tenant.pk, row.pk, row.occasion_at, url))
    assert stranger.get(f"/t/c/{token}").status_code == 404


@pytest.mark.parametrize("what", ["pixel", "link"])
def test_a_program_that_only_asks_for_headers_is_answered_and_not_counted(stranger, mail, what):
    assert stranger.head(mail[what]).status_code == stranger.get(mail[what]).status_code
    flags = Event.objects.filter(name__in=["Email Opened", "Email Link Clicked"]).order_by("id")
    assert [event.properties.get("machine") for event in flags] == ["yes", None]


def test_an_open_faster_than_anyone_reads_is_a_machines(make_profile, make_campaign, postbox, run, stranger):
    make_profile(email="ada@example.test")
    make_campaign()
    run()
    html = postbox.to("ada@example.test").get_body(("html",)).get_content()
    stranger.get(re.search(r'src="[^"]*(/t/o/[^"]+)"', html)[1])
    assert Event.objects.get(name="Email Opened").properties["machine"] == "yes"
    assert Delivery.objects.get().opened_at is None


def test_an_open_before_the_send_was_recorded_is_a_machines(stranger, mail):
    Delivery.objects.update(state="sending", sent_at=None, exposed_at=None)
    stranger.get(mail["pixel"])
    assert Delivery.objects.get().opened_at is None


def test_an_open_of_a_mail_whose_answer_was_lost_counts(stranger, mail):
    Delivery.objects.update(state="unknown", sent_at=None)
    stranger.get(mail["pixel"])
    assert Delivery.objects.get().opened_at is not None


def test_posting_to_a_pixel_or_link_is_refused(stranger, mail):
    for path in (mail["pixel"], mail["link"]):
        assert stranger.post(path).status_code == 403
        assert Client().post(path).status_code == 405
    assert names() == []


def test_nothing_of_it_is_kept_by_caches(stranger, mail):
    for path in mail.values():
        assert "no-store" in stranger.get(path)["Cache-Control"]


# --- Unsubscribing -------------------------------------------------------------------------------
def test_looking_at_the_page_unsubscribes_nobody(stranger, mail):
    response = stranger.get(mail["unsubscribe"])
    assert response.status_code == 200
    assert "Unsubscribe?" in response.content.decode()
    stranger.head(mail["unsubscribe"])
    assert standing() is None
    assert names() == []


@pytest.mark.parametrize(
    ("data", "origin"),
    [
        pytest.param({"List-Unsubscribe": "One-Click"}, "one-click", id="by the mail program"),
        pytest.param({}, "unsubscribe page", id="by the page's button"),
    ],
)
def test_a_post_without_a_cookie_unsubscribes_at_once(stranger, mail, data, origin):
    assert stranger.post(mail["unsubscribe"], data).status_code == 200
    assert standing() == "unsubscribed"
    assert ConsentChange.objects.get().origin == origin
    assert names() == ["Unsubscribed"]
    assert Delivery.objects.get().unsubscribed_at is not None


def test_twice_is_once(stranger, mail):
    for _ in range(2):
        stranger.post(mail["unsubscribe"])
    assert ConsentChange.objects.count() == 1
    assert names() == ["Unsubscribed"]


def test_whoever_unsubscribed_by_mistake_undoes_it_on_the_same_page(stranger, mail):
    page = stranger.post(mail["unsubscribe"]).content.decode()
    undo = re.search(r'action="([^"]+/undo)"', page)[1]
    assert stranger.get(undo).status_code == 405
    assert stranger.post(undo).status_code == 200
    assert standing() == "subscribed"


def standings():
    return dict(Profile.objects.values_list("last_name", "consent__email"))


def test_all_who_go_by_the_mailbox_are_taken_off_and_brought_back_with_them(
    stranger, mail, make_profile, tenant
):
    make_profile(email="Ada@Example.test", last_name="Twin")
    own = make_profile(email="ada@example.test", last_name="Own", consent={"email": "unsubscribed"})
    consent.note(tenant.pk, [consent.Change(own.pk, "email", "unsubscribed", own.created_at, "API")])
    make_profile(email="ada@elsewhere.test", last_name="Elsewhere")
    (first,) = standings().keys() - {"Twin", "Own", "Elsewhere"}
    off = {first: "unsubscribed", "Twin": "unsubscribed", "Own": "unsubscribed", "Elsewhere": None}
    for _ in range(2):
        page = stranger.post(mail["unsubscribe"]).content.decode()
        assert standings() == off
    origins = ConsentChange.objects.filter(profile__last_name="Twin").values_list("origin", flat=True)
    assert list(origins) == ["unsubscribed by somebody with the same address"]
    stranger.post(re.search(r'action="([^"]+/undo)"', page)[1])
    assert standings() == off | {first: "subscribed", "Twin": "subscribed"}


def test_another_brands_people_are_not_taken_off(stranger, mail, other_tenant):
    with scope(tenant=other_tenant):
        theirs = Profile.objects.create(tenant=other_tenant, email="ada@example.test")
        stranger.post(mail["unsubscribe"])
        theirs.refresh_from_db()
        assert theirs.consent == {}


def test_whoever_unsubscribed_gets_no_next_mail(stranger, mail, make_campaign, run, postbox):
    stranger.post(mail["unsubscribe"])
    make_campaign(name="The next")
    run()
    assert postbox.recipients() == ["ada@example.test"]


def test_a_person_who_was_erased_meanwhile_is_answered_too(stranger, mail, now):
    Profile.objects.update(erased_at=now)
    assert stranger.post(mail["unsubscribe"]).status_code == 200
    assert stranger.get(mail["link"]).status_code == 302


# --- What a mail carries -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("html", "tracked"),
    [
        ("<a href='https://a.test/?x=1&amp;y=2'>", ["https://a.test/?x=1&y=2"]),
        (
            '<a href="https://a.test/?x=1&currency=EUR&region=us&copy=2&lt">',
            ["https://a.test/?x=1&currency=EUR&region=us&copy=2<"],
        ),
        ('<a href="https://a.test/&#x2F;&eacute;&nothing;&#38;">', ["https://a.test//é&nothing;&"]),
        ('<A CLASS="b" HREF="HTTP://a.test">', ["HTTP://a.test"]),
        ('<a data-href="https://a.test" href="https://b.test">', ["https://b.test"]),
        ('<a href = "https://a.test">', ["https://a.test"]),
        ('<a href="\n  https://a.test/b \n">', ["https://a.test/b"]),
        ('<a href="mailto:x@a.test">', []),
        ('<a href="#top">', []),
        ('<link href="https://a.test/x.css">', []),
        ('<a href="https://a.test"><a href="https://b.test">', ["https://a.test", "https://b.test"]),
    ],
)
def test_links_lead_through_us_and_back_to_what_they_were(html, tracked, now):
    paths = tracking.Paths(tenant_id=1, delivery_id=2, occasion_at=now)
    made = tracking.add_to(f"<body>{html}</body>", paths)
    found = [tokens.read(token, purpose="c").url for token in re.findall(r"/t/c/([\w-]+)", made)]
    assert found == tracked
    assert made.index("/t/o/") < made.index("</body>")


def test_our_own_links_are_not_tracked(now):
    paths = tracking.Paths(tenant_id=1, delivery_id=2, occasion_at=now)
    assert "/t/c/" not in tracking.add_to(f'<a href="{paths.unsubscribe()}">x</a>', paths)


def test_the_preview_lists_a_link_as_it_will_be_followed():
    (link,) = preview.links('<a href="https://a.test/?x=1&amp;y=2&currency=EUR">See</a>')
    assert link.url == "https://a.test/?x=1&y=2&currency=EUR"


def test_a_shop_whose_name_only_begins_like_ours_is_not_us(now):
    paths = tracking.Paths(tenant_id=1, delivery_id=2, occasion_at=now)
    assert "/t/c/" in tracking.add_to(f'<a href="{paths.base}.shop.test/x">x</a>', paths)
    assert "/t/c/" not in tracking.add_to(f'<a href="{paths.base}/x">x</a>', paths)


def test_another_tenants_token_touches_only_its_own(stranger, mail, other_tenant, now):
    row = Delivery.objects.get()
    token = tokens.write(tokens.Mark("u", other_tenant.pk, row.pk, row.occasion_at))
    stranger.post(f"/u/{token}")
    assert Tenant.objects.count() == 2
    assert standing() is None


@pytest.mark.parametrize(
    ("url", "status"),
    [("https://[shop]/x", 404), ("https://shop.test/a?q=it's", 302)],
    ids=["bracket", "quote"],
)
def test_an_odd_link_is_followed_or_not_found(make_profile, make_campaign, postbox, run, later, url, status):
    make_profile(email="ada@example.test")
    make_campaign(variants=(("a", 100, "News", f'<p><a href="{url}">See</a></p>'),))
    run()
    later(timedelta(hours=1))
    html = postbox.to("ada@example.test").get_body(("html",)).get_content()
    path = re.search(r'href="[^"]*(/t/c/[^"]+)"', html)
    assert path
    assert Client().get(unescape(path[1])).status_code == status
    assert names() == (["Email Link Clicked"] if status == 302 else [])


def test_after_a_sandboxs_clock_went_back_a_click_is_a_persons(
    make_profile, make_campaign, postbox, run, later, tenant, owner
):
    make_profile(email="ada@example.test")
    later(timedelta(days=3))
    make_campaign(variants=(("a", 100, "News", BODY),))
    run()
    html = postbox.to("ada@example.test").get_body(("html",)).get_content()
    clock.set_to(tenant, None, actor=owner)
    path = re.search(r'href="[^"]*(/t/c/[^"]+)"', html)
    assert path
    assert Client().get(unescape(path[1])).status_code == 302
    assert "machine" not in Event.objects.get(name="Email Link Clicked").properties
