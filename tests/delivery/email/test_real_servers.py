"""A server of somebody else's takes every mail byte for byte, under TLS and after a login where it wants them."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from delivery.channels.email import login
from delivery.channels.email.smtp import Accepted, Connection, Message, Server, Unavailable
from tests.delivery.email.partners import (
    BODY,
    Mailbox,
    authenticate,
    letters,
    listening,
    messages,
    patient,
    server_at,
)
from tests.delivery.email.scripted import Script, ScriptedServer


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def real_server(mailbox: Mailbox) -> Iterator[Server]:
    with listening(mailbox, enable_SMTPUTF8=True) as port:
        yield patient(port, username="")


def test_a_real_server_gets_every_message_and_names_it(real_server: Server, mailbox: Mailbox) -> None:
    with Connection.open(real_server) as connection:
        outcomes = list(connection.send(messages(*[BODY] * 50)))
    assert letters(outcomes) == "A" * 50
    assert {outcome.provider_id for outcome in outcomes if isinstance(outcome, Accepted)} == {"4F1A2B"}
    assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [
        [f"p{n}@example.org"] for n in range(1, 51)
    ]


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        pytest.param(b".\r\n", b".\r\n", id="a lone dot"),
        pytest.param(b"..\r\n.\r\n...a\r\n", b"..\r\n.\r\n...a\r\n", id="dots"),
        pytest.param(
            b"a\n.\nMAIL FROM:<eve@example.org>", b"a\r\n.\r\nMAIL FROM:<eve@example.org>\r\n", id="bare LF"
        ),
        pytest.param(b"a\r.\rb\r\n", b"a\r\n.\r\nb\r\n", id="bare CR"),
        pytest.param(b"a\n\r\n.\r\nb", b"a\r\n\r\n.\r\nb\r\n", id="mixed"),
        pytest.param(b"", b"\r\n", id="empty"),
        pytest.param("é\r\n".encode(), "é\r\n".encode(), id="eight bits"),
    ],
)
def test_a_body_arrives_as_one_message_byte_for_byte(
    sent: bytes, received: bytes, real_server: Server, mailbox: Mailbox
) -> None:
    with Connection.open(real_server) as connection:
        assert letters(list(connection.send(messages(sent, BODY)))) == "AA"
    assert [envelope.content for envelope in mailbox.envelopes] == [received, BODY]


def test_addresses_beyond_ascii_arrive(real_server: Server, mailbox: Mailbox) -> None:
    with Connection.open(real_server) as connection:
        assert (
            letters(list(connection.send([Message(1, "news@shop.example", "jürgen@bücher.example", BODY)])))
            == "A"
        )
    assert mailbox.envelopes[0].rcpt_tos == ["jürgen@xn--bcher-kva.example"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    alternatives = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path_factory.mktemp("tls") / "localhost.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return pem


@pytest.fixture(params=["starttls", "tls"])
def guarded(request: pytest.FixtureRequest, mailbox: Mailbox, certificate: Path) -> Iterator[Server]:
    """A server that takes mail only from those who came by TLS and logged in."""
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(certificate)
    options: dict[str, Any] = {"authenticator": authenticate, "auth_required": True}
    if request.param == "tls":
        options |= {"ssl_context": theirs, "auth_require_tls": False}
    else:
        options |= {"tls_context": theirs, "require_starttls": True}
    with listening(mailbox, **options) as port:
        yield patient(port, tls=request.param, tls_context=ssl.create_default_context(cafile=certificate))


def test_mail_goes_under_tls_after_a_login(guarded: Server, mailbox: Mailbox) -> None:
    with Connection.open(guarded) as connection:
        assert letters(list(connection.send(messages()))) == "AAA"
    assert len(mailbox.envelopes) == 3


@pytest.mark.parametrize(
    ("changes", "phase"),
    [
        pytest.param({"password": "wrong"}, "login", id="wrong password"),
        pytest.param({"tls_context": None}, "tls", id="a certificate nobody vouches for"),
    ],
)
def test_who_is_not_let_in_has_sent_nothing(
    changes: dict[str, Any], phase: str, guarded: Server, mailbox: Mailbox
) -> None:
    with pytest.raises(Unavailable) as caught:
        Connection.open(replace(guarded, **changes))
    assert caught.value.phase == phase
    assert not mailbox.envelopes


@pytest.mark.parametrize("left_out", ["PLAIN", "LOGIN"])
def test_either_way_of_logging_in_will_do(left_out: str, mailbox: Mailbox) -> None:
    options: dict[str, Any] = {"auth_require_tls": False, "auth_exclude_mechanism": [left_out]}
    with (
        listening(mailbox, authenticator=authenticate, auth_required=True, **options) as port,
        Connection.open(patient(port)) as connection,
    ):
        assert letters(list(connection.send(messages()))) == "AAA"


def test_words_said_ahead_of_tls_are_not_believed() -> None:
    script: Script = {"STARTTLS": [b"220 go\r\n250 trust me"]}
    with ScriptedServer(script) as server, pytest.raises(Unavailable, match="before TLS began"):
        Connection.open(server_at(server.port, tls="starttls"))


def test_a_password_is_not_shown_and_not_said_over_the_internet_without_tls(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        login, "_address", lambda name: ipaddress.ip_address("8.8.8.8")
    )  # as if it lay out there
    with (
        listening(mailbox, authenticator=authenticate, auth_require_tls=False) as port,
        pytest.raises(Unavailable, match="without TLS"),
    ):
        Connection.open(patient(port))
    assert "schlüssel" not in repr(patient(port))


def test_a_misspelt_way_of_tls_does_not_mean_none() -> None:
    with pytest.raises(ValueError, match="starttls"):
        server_at(25, tls="StartTLS")
