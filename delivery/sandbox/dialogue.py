"""One client's SMTP session as a plain generator: it yields the end it waits for and is sent what came before it."""

import base64
import binascii
import logging
import re
import uuid
from collections.abc import Callable, Generator, Sequence

from delivery.sandbox.rules import LOSE, REPLIES, Rule, action_for

log = logging.getLogger(__name__)

LINE, BODY = b"\r\n", b"\r\n.\r\n"
MAX_MAIL = 5 * 1024 * 1024
_GREETING = "\r\n250-".join(
    ["250-tact sandbox", "PIPELINING", f"SIZE {MAX_MAIL}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
)
_HELLO = f"{_GREETING}\r\n250 AUTH PLAIN LOGIN".encode()
_OK = b"250 2.0.0 OK"

# What takes a mail over: (tenant, sender, recipients, data). If it raises, the client is told to try later.
Accept = Callable[[str, str, list[str], bytes], None]
Talk = Generator[bytes, bytes, None]


class HangUp(Exception):
    """The connection ends here, without a word."""


class Session:
    """What the client has said so far. ``replies`` collects what is to be written back."""

    def __init__(self, accept: Accept, rules: Sequence[Rule] = ()) -> None:
        self.replies: list[bytes] = [b"220 tact sandbox ESMTP"]
        self._accept = accept
        self._rules = rules
        self._tenant = ""
        self._forget()

    def talk(self) -> Talk:
        """Hold the dialogue until QUIT. Raises HangUp where a rule loses the connection."""
        while True:
            verb, _, argument = (yield LINE).decode("utf-8", "replace").partition(" ")
            match verb.upper():
                case "EHLO":
                    self._forget()
                    self.replies.append(_HELLO)
                case "HELO":
                    self._forget()
                    self.replies.append(b"250 tact sandbox")
                case "AUTH":
                    yield from self._log_in(argument)
                case "MAIL":
                    self.replies.append(self._mail(argument))
                case "RCPT":
                    self.replies.append(self._rcpt(argument))
                case "DATA" if self._recipients:
                    self.replies.append(b"354 go on, end with a dot")
                    self.replies.append(self._take(unstuffed((yield BODY))))
                case "DATA":
                    self.replies.append(b"503 5.5.1 no recipient yet")
                case "RSET":
                    self._forget()
                    self.replies.append(_OK)
                case "NOOP":
                    self.replies.append(_OK)
                case "QUIT":
                    self.replies.append(b"221 2.0.0 bye")
                    return
                case _:
                    self.replies.append(b"502 5.5.2 not here")

    def _forget(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []

    def _log_in(self, argument: str) -> Talk:
        """A tenant's name is its password too: nobody can guess it, and nobody else is on this machine to listen."""
        mechanism, _, token = argument.partition(" ")
        if mechanism.upper() == "PLAIN":
            if not token:
                self.replies.append(b"334 ")
                token = (yield LINE).decode("ascii", "replace")
            _, _, login = _decoded(token).partition("\0")
            name, _, password = login.partition("\0")
        elif mechanism.upper() == "LOGIN":
            self.replies.append(b"334 VXNlcm5hbWU6")
            name = _decoded((yield LINE).decode("ascii", "replace"))
            self.replies.append(b"334 UGFzc3dvcmQ6")
            password = _decoded((yield LINE).decode("ascii", "replace"))
        else:
            self.replies.append(b"504 5.5.4 PLAIN or LOGIN")
            return
        if _is_tenant(name) and password == name:
            self._tenant = name
            self.replies.append(b"235 2.7.0 come in")
        else:
            self.replies.append(b"535 5.7.8 not a sandbox tenant")

    def _mail(self, argument: str) -> bytes:
        sender = _path(argument, "FROM")
        if not self._tenant:
            return b"530 5.7.0 log in first"
        if self._sender is not None:
            return b"503 5.5.1 one mail at a time"
        if sender is None:
            return b"501 5.1.7 MAIL FROM:<address>"
        self._sender = sender
        return _OK

    def _rcpt(self, argument: str) -> bytes:
        recipient = _path(argument, "TO")
        if self._sender is None:
            return b"503 5.5.1 MAIL first"
        if not recipient:
            return b"501 5.1.3 RCPT TO:<address>"
        action = action_for(recipient, self._rules)
        if action in REPLIES:
            return REPLIES[action]
        self._recipients.append(recipient)
        return _OK

    def _take(self, data: bytes) -> bytes:
        sender, recipients = self._sender or "", self._recipients
        self._forget()
        try:
            self._accept(self._tenant, sender, recipients, data)
        except Exception:
            log.exception("a sandbox mail could not be kept")
            return b"451 4.3.0 could not be kept, try later"
        if any(action_for(recipient, self._rules) == LOSE for recipient in recipients):
            raise HangUp
        return b"250 2.0.0 OK: kept"


def unstuffed(data: bytes) -> bytes:
    """Return a body as its sender meant it: the dot that DATA doubles at a line's start is single again."""
    data = data.replace(b"\r\n..", b"\r\n.")
    return (data[1:] if data.startswith(b"..") else data) + b"\r\n"


def _path(argument: str, word: str) -> str | None:
    match = re.match(rf"{word}:\s*<([^<>\s]*)>", argument, re.IGNORECASE)
    return match[1] if match else None


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _is_tenant(name: str) -> bool:
    try:
        return uuid.UUID(name).hex == name
    except ValueError:
        return False
