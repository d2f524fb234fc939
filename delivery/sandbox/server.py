"""The sandboxes' SMTP server: it takes mail from tenants that log in, pipelined, and refuses whom its rules name.

Our own for its speed: aiosmtpd, tried first, takes a thousand mails a second with a core to itself, this seven times
as many, and a rehearsal of weeks in a minute lives on it. It listens on loopback, to a sender we know.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from delivery.sandbox.dialogue import BODY, LINE, MAX_MAIL, Accept, HangUp, Session
from delivery.sandbox.rules import Rule

MAX_LINE = 4096


class Connection(asyncio.Protocol):
    """A client's socket: finds the ends of lines and bodies, and answers all that came in one go in one write."""

    def __init__(self, server: "Sandbox") -> None:
        self._server = server
        self._session = Session(server.accept, server.rules)
        self._talk = self._session.talk()
        self._wanted = next(self._talk)
        self._buffer = bytearray()
        self._searched = 0
        self._is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.connections.add(self)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_paused:
            self._go_on()

    def _go_on(self) -> None:
        self._is_paused = False
        try:
            while not self.transport.is_closing() and (piece := self._piece()) is not None:
                was_body = self._wanted == BODY
                self._want(self._talk.send(piece))
                if was_body and self._server.delay_seconds:
                    self._is_paused = True
                    asyncio.get_running_loop().call_later(self._server.delay_seconds, self._go_on)
                    return  # with the replies, which go out after the pause
        except StopIteration:
            self._flush()
            self.transport.close()
        except HangUp:
            self.transport.abort()
        else:
            self._flush()

    def _want(self, end: bytes) -> None:
        self._wanted, self._searched = end, 0
        if end == BODY:
            self._buffer[:0] = b"\r\n"  # so that a dot on the very first line ends the body as well

    def _piece(self) -> bytes | None:
        """Take the next whole line or body out of what has come, None while it is not all there."""
        at = self._buffer.find(self._wanted, self._searched)
        if at < 0:
            self._searched = max(0, len(self._buffer) - len(self._wanted))
            if len(self._buffer) > (MAX_LINE if self._wanted == LINE else MAX_MAIL):
                self._session.replies.append(b"552 5.3.4 too long")
                raise StopIteration
            return None
        piece = bytes(self._buffer[2 if self._wanted == BODY else 0 : at])
        del self._buffer[: at + len(self._wanted)]
        self._searched = 0
        return piece

    def _flush(self) -> None:
        if self._session.replies and not self.transport.is_closing():
            self.transport.write(b"\r\n".join([*self._session.replies, b""]))
        self._session.replies.clear()


class Sandbox:
    """The server: what its connections share."""

    def __init__(self, accept: Accept, rules: Sequence[Rule] = (), *, delay_seconds: float = 0) -> None:
        self.accept = accept
        self.rules = rules
        self.delay_seconds = delay_seconds
        self.connections: set[Connection] = set()

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[int]:
        """Take mail while the block runs and yield the port, which is a free one if ``port`` is 0."""
        server = await asyncio.get_running_loop().create_server(lambda: Connection(self), host, port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for connection in list(self.connections):
                connection.transport.close()
