"""Mail handed over by SMTP; the phase a message had reached decides its outcome, never the class of an exception.

One recipient a message. Where the server offers PIPELINING (RFC 2920), the end of a body and the next message's
envelope leave in one write, so a message costs one round trip. Only one body is ever on its way: a lost
connection, or the death of this process, leaves at most one message of a connection in doubt.
"""

import contextlib
import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Self

from delivery.channels.email.login import Server, Unavailable, log_in
from delivery.channels.email.outcomes import (
    Accepted,
    NotSent,
    Outcome,
    Phase,
    Refused,
    Scope,
    Unknown,
    accepted,
    refusal,
)
from delivery.channels.email.wire import Lost, Reply, Wire
from tenants.mailboxes import InvalidAddress, on_the_wire

__all__ = [
    "Accepted",
    "Connection",
    "Message",
    "NotSent",
    "Outcome",
    "Refused",
    "Server",
    "Unavailable",
    "Unknown",
]

IDLE_SECONDS = 1.0  # unused for longer, a connection is asked whether it still lives before mail is put on it
_PHASES: tuple[Phase, ...] = ("mail", "rcpt", "data")
_GOOD: dict[Phase, range] = {"mail": range(200, 300), "rcpt": range(200, 300), "data": range(300, 400)}
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Message:
    """One mail for one recipient; ``data`` has no line over 998 octets, which mime.Skeleton sees to."""

    id: int
    envelope_from: str
    rcpt: str
    data: bytes


class Connection:
    """A kept connection to one server, opened again by itself when the server ends it between two messages.

    Not for two threads at once. ``with Connection.open(server) as connection`` says goodbye at the end.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._wire: Wire | None = None
        self._features: dict[str, str] = {}
        self._used_at = 0.0
        self._answered = 0  # messages answered since the connection was opened

    @classmethod
    def open(cls, server: Server) -> Self:
        """Return a connection greeted, under TLS and logged in as ``server`` asks. Raises Unavailable."""
        connection = cls(server)
        connection._open()
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_pipelined(self) -> bool:
        return "PIPELINING" in self._features

    def close(self) -> None:
        """Say QUIT, if there is still somebody to say it to, and close. Safe to call twice."""
        if self._wire is not None:
            with contextlib.suppress(Lost):
                self._wire.write(b"QUIT\r\n", deadline=monotonic() + 1)
                self._wire.reply(deadline=monotonic() + 1)
        self._drop()

    def send(
        self, messages: Iterable[Message], *, until: float | None = None
    ) -> Generator[Outcome, None, None]:
        """Hand over ``messages`` in order and yield one outcome for each; what cannot be sent at all comes first.

        Raises nothing for what a server does. ``until`` is a ``time.monotonic()`` moment: a body leaves only if
        its answer can be waited for by then, and what is left over is NotSent. No body leaves before the outcome
        of the message before it was taken: a caller who stops iterating has handed over what it saw, no more.
        """
        waiting = deque(messages)
        why, is_clean = "", False
        try:
            while waiting:
                try:
                    self._freshen()
                    yield from self._turn_away(waiting)
                    yield from self._dialogue(waiting, until)
                except Unavailable as exc:
                    why = str(exc)
                    break
                except Lost as lost:
                    why = str(lost)
                    self._drop()
                    if not lost.is_worth_reopening or not self._answered:
                        break
            is_clean = True
        finally:
            self._used_at = monotonic()
            if not is_clean:
                self._drop()
        yield from (NotSent(message.id, why) for message in waiting)

    def _open(self) -> None:
        self._wire, self._features = log_in(self.server)
        self._used_at = monotonic()
        self._answered = 0

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = None

    def _freshen(self) -> None:
        """Leave an open connection: a server may have ended a kept one long ago."""
        if self._wire is not None and monotonic() - self._used_at > IDLE_SECONDS:
            try:
                self._reset(ahead=b"")
            except Lost:
                self._drop()
        if self._wire is None:
            self._open()

    def _turn_away(self, waiting: deque[Message]) -> Iterator[Refused]:
        """Take out of ``waiting``, and yield as refused, what this server could never be given."""
        for message in list(waiting):
            if objection := self._objection(message):
                waiting.remove(message)
                yield objection

    def _objection(self, message: Message) -> Refused | None:
        def no(why: object, scope: Scope, *, is_address_dead: bool = False) -> Refused:
            return Refused(message.id, True, 0, str(why), scope, is_address_dead)

        try:
            sender = on_the_wire(message.envelope_from)
        except InvalidAddress as exc:
            return no(exc, "sender")
        try:
            rcpt = on_the_wire(message.rcpt)
        except InvalidAddress as exc:
            return no(exc, "recipient", is_address_dead=True)
        if "SMTPUTF8" not in self._features and not (sender + rcpt).isascii():
            return no("the server takes ASCII addresses only", "recipient" if sender.isascii() else "sender")
        limit = self._features.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit) < len(message.data):
            return no(f"larger than the server's {limit} octets", "message")
        if "8BITMIME" not in self._features and not message.data.isascii():
            return no("the server takes 7-bit mail only", "message")
        return None

    def _dialogue(self, waiting: deque[Message], until: float | None) -> Iterator[Outcome]:
        """Settle ``waiting`` from the left, taking out what is settled; Lost says the rest was not handed over."""
        if waiting:
            self._write(self._ahead(waiting))
        while waiting:
            message = waiting[0]
            replies = self._offer(message)
            refused = _refused(message, replies)
            if refused is None:
                if until is not None and monotonic() + self.server.data_timeout > until:
                    raise Lost("no time left to wait for an answer", is_worth_reopening=False)
                outcome = self._handed_over(message, self._ahead(waiting, 1))
            else:
                outcome = refused
            waiting.popleft()
            self._answered += 1
            yield outcome
            if isinstance(outcome, NotSent):
                raise Lost(outcome.why)
            if isinstance(outcome, Unknown):
                raise Lost(outcome.why, is_worth_reopening=False)
            if isinstance(outcome, Refused) and outcome.code == 421:
                raise Lost(outcome.reply)
            if refused is not None:
                self._start_over(replies, self._ahead(waiting))

    def _offer(self, message: Message) -> list[Reply]:
        """Return the replies to MAIL, RCPT and DATA; one by one they end at the first refusal."""
        replies: list[Reply] = []
        for phase, command in zip(_PHASES, self._envelope(message), strict=True):
            if not self.is_pipelined:
                self._write(command)
            reply = self._reply()
            replies.append(reply)
            if not self.is_pipelined and reply.code not in _GOOD[phase]:
                break
        return replies

    def _handed_over(self, message: Message, ahead: bytes) -> Outcome:
        """Hand a body over; one that ends a fresh connection is passed over, so that it holds up none behind it."""
        try:
            return self._hand_over(message, ahead)
        except Lost as lost:
            if self._answered or not lost.is_worth_reopening:
                raise
            return NotSent(message.id, str(lost))

    def _hand_over(self, message: Message, ahead: bytes) -> Accepted | Refused | Unknown:
        """Write the body and, behind it, the next envelope; raises Lost if the final dot cannot have left."""
        assert self._wire is not None
        deadline = monotonic() + self.server.data_timeout
        body = _stuffed(message.data)
        if self._wire.is_secure:  # a failed TLS write cannot say how much left, so the dot goes by itself
            self._wire.write(body, deadline=deadline)
            body = b""
        try:
            self._wire.write(body + b".\r\n" + ahead, deadline=deadline)
        except Lost as lost:
            if lost.written < len(body) + 3:
                raise
            return Unknown(message.id, str(lost))
        try:
            reply = self._wire.reply(deadline=deadline)
        except Lost as lost:
            return Unknown(message.id, str(lost))
        if 200 <= reply.code < 300:
            return accepted(message.id, reply)
        if reply.code >= 400:
            return refusal(message.id, reply, phase="body")
        return Unknown(message.id, f"after the body the server said {reply}")

    def _start_over(self, replies: list[Reply], ahead: bytes) -> None:
        """Bring the server back to where an envelope may begin after a refused one, and write the next."""
        is_data_open = len(replies) == 3 and replies[2].code in _GOOD["data"]
        if not is_data_open:
            self._reset(ahead=ahead)
            return
        if replies[1].code in _GOOD["rcpt"]:
            raise Lost("the server refused the sender and still asked for the body")
        # RFC 2920, 3.1: with no recipient accepted, a server that asks for the body gets a lone dot.
        self._write(b".\r\nRSET\r\n" + ahead)
        self._reply()
        self._expect_reset()

    def _reset(self, *, ahead: bytes) -> None:
        self._write(b"RSET\r\n" + ahead)
        self._expect_reset()

    def _expect_reset(self) -> None:
        reply = self._reply()
        if reply.code != 250:
            raise Lost(f"RSET was answered {reply}")

    def _ahead(self, waiting: deque[Message], index: int = 0) -> bytes:
        """The envelope that may leave before its turn: none where commands go one by one."""
        if not self.is_pipelined or index >= len(waiting):
            return b""
        return b"".join(self._envelope(waiting[index]))

    def _envelope(self, message: Message) -> tuple[bytes, bytes, bytes]:
        sender, rcpt = on_the_wire(message.envelope_from), on_the_wire(message.rcpt)
        options = ""
        if "SIZE" in self._features:
            options += f" SIZE={len(message.data)}"
        if not message.data.isascii():
            options += " BODY=8BITMIME"
        if not (sender + rcpt).isascii():
            options += " SMTPUTF8"
        return f"MAIL FROM:<{sender}>{options}\r\n".encode(), f"RCPT TO:<{rcpt}>\r\n".encode(), b"DATA\r\n"

    def _write(self, data: bytes) -> None:
        assert self._wire is not None
        self._wire.write(data, deadline=monotonic() + self.server.timeout)

    def _reply(self) -> Reply:
        assert self._wire is not None
        reply = self._wire.reply(deadline=monotonic() + self.server.timeout)
        if reply.code == 421:  # may answer any command, and ends the connection: RFC 5321, 3.8
            raise Lost(str(reply))
        return reply


def _refused(message: Message, replies: list[Reply]) -> Refused | None:
    for phase, reply in zip(_PHASES, replies, strict=False):
        if reply.code >= 400:
            return refusal(message.id, reply, phase=phase)
        if reply.code not in _GOOD[phase]:
            raise Lost(f"{phase.upper()} was answered {reply}")
    return None


def _stuffed(data: bytes) -> bytes:
    """``data`` as DATA carries it: CRLF line ends only (a bare one can smuggle in a second mail), dots doubled."""
    ends = data.count(b"\r\n")
    if data.count(b"\n") != ends or data.count(b"\r") != ends:
        data = _LINE_END.sub(b"\r\n", data)
    data = data.replace(b"\r\n.", b"\r\n..")
    if data.startswith(b"."):
        data = b"." + data
    return data if data.endswith(b"\r\n") else data + b"\r\n"
