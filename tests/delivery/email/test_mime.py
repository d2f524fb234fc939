"""A filled skeleton says exactly what was put in, and no value can leave its place."""

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses

import pytest
from django.core.mail import EmailMultiAlternatives
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.channels.email.mime import Skeleton, UnsafeHeader
from tenants.mailboxes import InvalidAddress

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SHOP = Skeleton(
    from_address="news@shop.example",
    from_name="The Shop, Zoë & Co",
    reply_to="help@shop.example",
    is_one_click=True,
)
PLAIN_SHOP = Skeleton(from_address="news@shop.example", is_one_click=False)

# Everything but lone surrogates, which no UTF-8 can hold and the edge refuses.
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
prose = st.text(st.sampled_from("aB \n.=-?_é漢😀\t\r<>"), max_size=1200) | anything
subjects = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=200)
names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]) | st.just(" "), max_size=120
).map(lambda name: " ".join(name.split()))
locals_ = st.from_regex(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30})?", fullmatch=True
)
domains = st.sampled_from(
    ["example.org", "mail.example.co.uk", "bücher.example", "пример.example", "x.example"]
)
addresses = st.builds("{}@{}".format, locals_, domains)


def filled(skeleton: Skeleton = SHOP, /, **changes: object) -> bytes:
    values: dict[str, object] = {
        "to_address": "ann@example.org",
        "subject": "Hello",
        "text": "Hello Ann",
        "html": "<p>Hello Ann</p>",
        "message_id": "d1.abc@shop.example",
        "date": NOW,
        "unsubscribe_url": "https://shop.example/u/abc",
    }
    return skeleton.fill(**(values | changes))


def parsed(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return one_newline(payload.decode(part.get_content_charset("ascii")))


def recipient(data: bytes) -> tuple[str, str]:
    """Read with the older of the library's parsers: the newer keeps a space between two encoded words of a name."""
    [(phrase, address)] = getaddresses([email.message_from_bytes(data)["To"]])
    return str(make_header(decode_header(phrase))), address


def one_newline(text: str) -> str:
    return re.sub(r"\r\n|\r", "\n", text)


def ascii_domain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


@given(address=addresses, name=names, subject=subjects, text=prose, html=prose.filter(bool))
@example(
    address="a@example.org", name="=?utf-8?q?x?=", subject=" =?utf-8?q?not_encoded?= ", text="", html="."
)
@example(
    address="a@example.org", name='O"Neil \\ (x)', subject="a" * 200, text="From me\n.\n", html="x" * 3000
)
@example(address="a@example.org", name="x" * 120, subject="é" * 200, text="é " * 600, html="漢" * 400)
def test_what_parses_out_is_what_was_put_in(
    address: str, name: str, subject: str, text: str, html: str
) -> None:
    data = filled(to_address=address, to_name=name, subject=subject, text=text, html=html)
    message = parsed(data)
    assert str(message["Subject"]) == subject
    assert recipient(data) == (name, ascii_domain(address))
    assert body(message, "plain") == one_newline(text)
    assert body(message, "html") == one_newline(html)


# Where Django differs it is by its own choice: it drops an empty text, and lets "=?" in a subject be decoded.
@given(
    address=addresses,
    subject=subjects.filter(lambda subject: "=?" not in subject),
    text=prose.filter(bool),
    html=prose.filter(bool),
)
def test_a_mail_equals_what_django_builds(address: str, subject: str, text: str, html: str) -> None:
    theirs = EmailMultiAlternatives(subject, text, "news@shop.example", to=[address])
    theirs.attach_alternative(html, "text/html")
    django = parsed(theirs.message().as_bytes())
    ours = parsed(filled(to_address=address, subject=subject, text=text, html=html))
    assert str(ours["Subject"]).strip() == str(django["Subject"]).strip()
    assert [to.addr_spec for to in ours["To"].addresses] == [to.addr_spec for to in django["To"].addresses]
    assert [body(ours, kind) for kind in ("plain", "html")] == [
        body(django, kind) for kind in ("plain", "html")
    ]
    assert [part.get_content_type() for part in ours.walk()] == [
        part.get_content_type() for part in django.walk()
    ]


@given(text=prose, html=prose, subject=subjects, name=names)
def test_every_mail_is_seven_bit_in_lines_smtp_can_carry(
    text: str, html: str, subject: str, name: str
) -> None:
    data = filled(text=text, html=html, subject=subject, to_name=name)
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert data.count(b"\n") == data.count(b"\r") == data.count(b"\r\n")
    head = data.split(b"\r\n\r\n")[0]
    assert all(len(line) <= 78 for line in head.split(b"\r\n") if not line.startswith(b"Content-Type"))
    assert all(len(line) <= 76 for line in head.split(b"\r\n") if b"=?" in line)


@given(
    value=st.text(st.sampled_from("ab:\r\n\0é"), max_size=12).filter(
        lambda text: re.search(r"[\r\n\0]", text)
    )
)
def test_a_line_break_never_leaves_a_header(value: str) -> None:
    with pytest.raises(UnsafeHeader):
        filled(subject=value)
    for field in ("message_id", "unsubscribe_url"):
        changes: dict[str, object] = {field: value}
        with pytest.raises(UnsafeHeader):
            filled(**changes)
    with pytest.raises(UnsafeHeader):
        filled(headers={"X-Tact-Delivery": value})
    with pytest.raises(UnsafeHeader):
        filled(headers={value: "x"})
    with pytest.raises(InvalidAddress):
        filled(to_address=f"a{value}@example.org")


def test_white_space_in_a_persons_name_is_one_space() -> None:
    message = parsed(filled(to_name="Ann\r\nBcc: eve@example.org\n Lee"))
    assert message["Bcc"] is None
    assert [to.display_name for to in message["To"].addresses] == ["Ann Bcc: eve@example.org Lee"]


def test_a_body_that_holds_the_boundary_stays_one_body() -> None:
    boundary = parsed(filled()).get_boundary()
    evil = f"before\n--{boundary}\nContent-Type: text/html\n\n<p>not ours</p>\n--{boundary}--\nafter"
    message = parsed(filled(text=evil))
    assert body(message, "plain") == evil
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_marketing_mail_carries_both_one_click_headers_and_its_sender() -> None:
    message = parsed(filled(headers={"X-Tact-Delivery": "d1"}))
    assert message["List-Unsubscribe"] == "<https://shop.example/u/abc>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [(sender.display_name, sender.addr_spec) for sender in message["From"].addresses] == [
        ("The Shop, Zoë & Co", "news@shop.example")
    ]
    assert (message["Reply-To"], message["Message-ID"]) == ("help@shop.example", "<d1.abc@shop.example>")
    assert message["X-Tact-Delivery"] == "d1"
    assert not message.defects


def test_one_click_mail_without_its_url_is_refused() -> None:
    with pytest.raises(UnsafeHeader):
        filled(unsubscribe_url="")


def test_without_html_the_mail_is_plain_text() -> None:
    message = parsed(filled(PLAIN_SHOP, html="", text="Hello\nAnn", unsubscribe_url=""))
    assert message.get_content_type() == "text/plain"
    assert message.get_payload(decode=True) == b"Hello\r\nAnn"
    assert message["List-Unsubscribe"] is None


def test_a_local_part_beyond_ascii_goes_out_as_it_is() -> None:
    data = filled(to_address="jürgen@bücher.example", to_name="Jürgen")
    assert "<jürgen@xn--bcher-kva.example>".encode() in data


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("", id="empty"),
        pytest.param("ann", id="no domain"),
        pytest.param("@example.org", id="no local part"),
        pytest.param("ann@example.org, eve@example.org", id="two"),
        pytest.param("ann@example.org>\r\nRCPT TO:<eve@example.org", id="a second command"),
        pytest.param("ann lee@example.org", id="space"),
        pytest.param("ann@exam ple.org", id="space in the domain"),
        pytest.param("ann@.org", id="empty label"),
        pytest.param("ann@" + "a." * 130 + "org", id="domain too long"),
        pytest.param("a" * 65 + "@example.org", id="local part over 64"),
        pytest.param("é" * 33 + "@example.org", id="local part over 64 octets"),
        pytest.param("ann\u200b@example.org", id="invisible character"),
        pytest.param("ann\ud800@example.org", id="lone surrogate"),
        pytest.param("<ann@example.org>", id="angle brackets"),
    ],
)
def test_what_is_no_mailbox_is_refused(address: str) -> None:
    with pytest.raises(InvalidAddress):
        filled(to_address=address)


def test_the_date_is_the_moment_given_and_must_say_its_zone() -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    assert parsed(filled(date=tokyo))["Date"].datetime == NOW
    with pytest.raises(ValueError, match="aware"):
        filled(date=NOW.replace(tzinfo=None))
