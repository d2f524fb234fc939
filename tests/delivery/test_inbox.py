"""A sandbox's members read its mail, all of it, as it came; nobody else does, and no mail can do them harm."""

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from delivery import providers
from delivery.channels.email.mime import Skeleton
from delivery.channels.email.smtp import Accepted, Connection, Message, Server
from delivery.inbox_views import PAGE
from delivery.sandbox import inbox
from delivery.sandbox.inbox import Mail
from delivery.sandbox.keeping import INBOX_NAME
from delivery.sandbox.reading import opened, with_links_outside
from tenants import clock
from tenants.models import Tenant
from tests.sandbox import Running, running

HTML = "<html><head><title>x</title></head><body><p>Hello <a href='https://shop.example/x'>Ann</a></p></body></html>"
HX = {"HX-Request": "true"}


@pytest.fixture
def sandbox(tmp_path: Path, settings: Any) -> Iterator[Running]:
    with running(tmp_path) as server:
        settings.SANDBOX_SMTP_PORT = server.port
        settings.SANDBOX_INBOX = server.folder
        yield server


@pytest.fixture
def send(sandbox: Running) -> Callable[..., list[Mail]]:
    """Send mails as a tenant does, and return them as the inbox lists them, newest first."""

    def send(tenant: Tenant, *subjects: str, to: str = "ann@example.org", **parts: Any) -> list[Mail]:
        shop = Skeleton(from_address="news@shop.example", from_name="Shop", is_one_click=False)
        parts = {"text": "Hello Ann https://shop.example/t", "html": HTML, "date": clock.now(tenant)} | parts
        mails = [
            Message(
                number,
                "news@shop.example",
                to,
                shop.fill(to_address=to, subject=subject, message_id=f"{number}@shop.example", **parts),
            )
            for number, subject in enumerate(subjects)
        ]
        with Connection.open(Server(**providers.smtp_server(tenant))) as connection:
            assert all(isinstance(outcome, Accepted) for outcome in connection.send(mails))
        return inbox.newest(sandbox.folder / INBOX_NAME, tenant=tenant.public_id.hex)

    return send


def test_mail_is_listed_newest_first_with_recipient_and_subject(
    tenant: Tenant, client_of: Callable[..., Client], send: Callable[..., list[Mail]]
) -> None:
    send(tenant, "Alpha & Ω", "Beta")
    page = client_of("analyst").get(reverse("inbox"))
    words = page.content.decode()
    assert page.status_code == 200
    assert words.index("Beta") < words.index(escape("Alpha & Ω"))
    assert "ann@example.org" in words


def test_an_empty_inbox_says_what_to_do(client_of: Callable[..., Client], sandbox: Running) -> None:
    words = client_of().get(reverse("inbox")).content.decode()
    assert "No mail yet" in words
    assert "Launch a campaign" in words


def test_search_finds_by_recipient_and_subject_and_says_when_nothing_matches(
    tenant: Tenant, client_of: Callable[..., Client], send: Callable[..., list[Mail]]
) -> None:
    send(tenant, "Alpha", to="ann@example.org")
    send(tenant, "Beta", to="bob@example.org")
    client = client_of()

    def found(q: str) -> list[str]:
        return re.findall("Alpha|Beta", client.get(reverse("inbox"), {"q": q}, headers=HX).content.decode())

    assert (found("alp"), found("BOB@"), found("example"), found("%")) == (
        ["Alpha"],
        ["Beta"],
        ["Beta", "Alpha"],
        [],
    )
    assert "No mail matches" in client.get(reverse("inbox"), {"q": "nobody"}).content.decode()


def test_older_mail_comes_as_one_scrolls_each_mail_once(
    tenant: Tenant, client_of: Callable[..., Client], send: Callable[..., list[Mail]]
) -> None:
    sent = send(tenant, *[f"Subject {number:03}" for number in range(2 * PAGE + 7)])
    assert len(sent) == PAGE  # the domain's own page; what follows goes through the browser's
    client, seen, url = client_of(), [], f"{reverse('inbox')}?q=subject"
    for _ in range(3):
        rows = client.get(url, headers=HX).content.decode()
        assert "<html" not in rows
        seen += re.findall(r"Subject \d+", rows)
        more = re.search(r'hx-get="([^"]+)"', rows)
        url = more[1].replace("&amp;", "&") if more else ""
    assert url == ""
    assert seen == [f"Subject {number:03}" for number in reversed(range(2 * PAGE + 7))]


def test_going_back_in_the_browser_gets_the_whole_page(
    client_of: Callable[..., Client], sandbox: Running
) -> None:
    restored = client_of().get(reverse("inbox"), headers=HX | {"HX-History-Restore-Request": "true"})
    assert "<html" in restored.content.decode()
    assert "HX-Request" in restored["Vary"]


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, ""])
def test_a_page_mark_that_is_none_starts_at_the_newest(
    before: str, tenant: Tenant, client_of: Callable[..., Client], send: Callable[..., list[Mail]]
) -> None:
    send(tenant, "Alpha")
    assert "Alpha" in client_of().get(reverse("inbox"), {"before": before}, headers=HX).content.decode()


def test_a_mail_shows_its_text_headers_and_source(
    tenant: Tenant, client_of: Callable[..., Client], send: Callable[..., list[Mail]]
) -> None:
    [mail] = send(tenant, "Grüße <b>", headers={"X-Tact-Delivery": "d42"})
    client, url = client_of(), reverse("inbox_message", args=[mail.public_id])

    def shown(what: str) -> str:
        return str(client.get(url, {"show": what}).content.decode())

    assert escape("Grüße <b>") in shown("text")
    assert 'href="https://shop.example/t"' in shown("text")
    assert "X-Tact-Delivery" in shown("headers")
    assert "d42" in shown("headers")
    assert "Content-Type: multipart/alternative" in shown("source")
    assert reverse("inbox_frame", args=[mail.public_id]) in shown("")
    assert reverse("inbox_frame", args=[mail.public_id]) in shown("nonsense")


def test_the_date_shown_is_the_sandboxs_own(
    tenant: Tenant, client_of: Callable[..., Client], send: Callable[..., list[Mail]]
) -> None:
    moment = clock.now(tenant).replace(microsecond=0) + timedelta(days=21)
    [mail] = send(tenant, "Later", date=moment)
    assert mail.sent_at == moment
    assert moment.isoformat()[:16] in client_of().get(reverse("inbox")).content.decode()


def test_the_frame_holds_the_html_and_lets_it_do_nothing_but_look(
    tenant: Tenant, client_of: Callable[..., Client], send: Callable[..., list[Mail]]
) -> None:
    [mail] = send(tenant, "Hello")
    frame = client_of().get(reverse("inbox_frame", args=[mail.public_id]))
    assert frame.content.decode() == HTML.replace("<head>", '<head><base target="_blank">')
    policy = frame["Content-Security-Policy"]
    sandbox, default, *_ = policy.split("; ")
    assert sandbox.split()[0] == "sandbox"
    assert default == "default-src 'none'"
    assert not re.search("allow-(scripts|same-origin|forms)|script-src", policy)
    assert frame["X-Frame-Options"] == "SAMEORIGIN"
    assert frame["Referrer-Policy"] == "no-referrer"
    page = client_of().get(reverse("inbox_message", args=[mail.public_id])).content.decode()
    assert not re.search(r"<iframe[^>]*allow-(scripts|same-origin|forms)", page)


def test_a_mail_in_plain_text_opens_at_its_text(
    tenant: Tenant, client_of: Callable[..., Client], send: Callable[..., list[Mail]]
) -> None:
    [mail] = send(tenant, "Plain", html="", text="Only <words>")
    page = client_of().get(reverse("inbox_message", args=[mail.public_id])).content.decode()
    assert escape("Only <words>") in page
    assert "<iframe" not in page


@pytest.mark.parametrize("name", ["inbox_message", "inbox_frame"])
def test_another_tenants_mail_is_a_404_like_one_that_never_was(
    name: str,
    tenant: Tenant,
    other_tenant: Tenant,
    client_of: Callable[..., Client],
    send: Callable[..., list[Mail]],
) -> None:
    [ours], [theirs] = send(tenant, "Ours"), send(other_tenant, "Secret of theirs")
    client = client_of()
    assert client.get(reverse(name, args=[ours.public_id])).status_code == 200
    assert client.get(reverse(name, args=[theirs.public_id])).status_code == 404
    assert client.get(reverse(name, args=[uuid.uuid4()])).status_code == 404
    assert "Secret" not in client.get(reverse("inbox")).content.decode()


@pytest.mark.parametrize("name", ["inbox", "inbox_message", "inbox_frame"])
def test_a_tenant_that_sends_for_real_has_no_inbox(
    name: str, tenant: Tenant, client_of: Callable[..., Client], send: Callable[..., list[Mail]]
) -> None:
    [mail] = send(tenant, "Hello")
    url = reverse(name, args=[] if name == "inbox" else [mail.public_id])
    client = client_of()
    assert client.get(url).status_code == 200
    Tenant.objects.filter(pk=tenant.pk).update(is_sandbox=False, clock_offset=timedelta(0))
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("name", ["inbox", "inbox_message", "inbox_frame"])
def test_who_is_not_signed_in_is_asked_to(
    name: str, tenant: Tenant, client_of: Callable[..., Client], send: Callable[..., list[Mail]]
) -> None:
    [mail] = send(tenant, "Hello")
    url = reverse(name, args=[] if name == "inbox" else [mail.public_id])
    assert client_of("analyst").get(url).status_code == 200
    answer = Client().get(url)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("account_login"))


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param("<HEAD lang=x><b>", '<HEAD lang=x><base target="_blank"><b>', id="head"),
        pytest.param("<html a><p>", '<html a><base target="_blank"><p>', id="no head"),
        pytest.param(
            "<!DOCTYPE html>\n<p>", '<!DOCTYPE html><base target="_blank">\n<p>', id="a doctype stays first"
        ),
        pytest.param("<p>", '<base target="_blank"><p>', id="a fragment"),
    ],
)
def test_links_lead_outside_the_frame(html: str, expected: str) -> None:
    assert with_links_outside(html) == expected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no headers at all", id="no headers"),
        pytest.param(
            b"Content-Type: text/html; charset=klingon\r\n\r\n<p>\xff\xfe", id="an unknown character set"
        ),
        pytest.param(
            b"Subject: =?utf-8?b?!!!?=\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%", id="broken base64"
        ),
        pytest.param(b"Content-Type: multipart/alternative\r\n\r\n--x\r\n\r\nhi", id="no boundary"),
        pytest.param(b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhi", id="a mail in a mail"),
        pytest.param(b"X: 1\r\nX: 2\r\n Y: 3\r\n\r\n", id="repeated and folded headers"),
    ],
)
def test_whatever_came_can_be_opened(data: bytes) -> None:
    parts = opened(data)
    assert parts.source == data.decode("utf-8", "replace")
    assert all(isinstance(part, str) for part in (parts.html, parts.text))
