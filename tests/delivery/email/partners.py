"""Whom the SMTP tests talk to, what they send, and how they read what became of it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from delivery.channels.email.smtp import Accepted, Message, NotSent, Outcome, Refused, Server, Unknown

BODY = b"Subject: Hello\r\n\r\nHello.\r\n"
LETTERS = {Accepted: "A", Unknown: "U", NotSent: "N"}


def messages(*bodies: bytes) -> list[Message]:
    return [
        Message(number, "news@shop.example", f"p{number}@example.org", body)
        for number, body in enumerate(bodies or (BODY, BODY, BODY), start=1)
    ]


def server_at(port: int, **changes: Any) -> Server:
    given: dict[str, Any] = {"host": "127.0.0.1", "port": port, "timeout": 0.6, "data_timeout": 0.6}
    return Server(**(given | changes))


def letters(outcomes: list[Outcome]) -> str:
    """A accepted, P refused for good, T refused for now, U unknown, N not sent; in the messages' order."""
    return "".join(
        ("P" if outcome.permanent else "T") if isinstance(outcome, Refused) else LETTERS[type(outcome)]
        for outcome in sorted(outcomes, key=lambda outcome: outcome.id)
    )


class Mailbox:
    """aiosmtpd's side: it keeps what it was given, and offers PIPELINING."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 Ok: queued as 4F1A2B"


@contextmanager
def listening(mailbox: Mailbox, *, host: str = "127.0.0.1", **options: Any) -> Iterator[int]:
    """Run aiosmtpd and yield the port it listens on."""
    with socket.create_server((host, 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(mailbox, hostname=host, port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def patient(port: int, **changes: Any) -> Server:
    """The right login, and time enough for a real server."""
    return server_at(
        port, **({"timeout": 5, "data_timeout": 5, "username": "tact", "password": "schlüssel"} | changes)
    )


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and data == LoginPassword(b"tact", "schlüssel".encode())
    return AuthResult(success=is_right, handled=False)
