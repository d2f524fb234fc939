"""The bytes under an SMTP dialogue: every write and every reply has a deadline, and a loss says what had left."""

import re
import socket
import ssl
from dataclasses import dataclass, field
from time import monotonic

MAX_REPLY = 64 * 1024  # a reply longer than this is an attack or a broken server, not an answer
_LINE = re.compile(rb"([2-5][0-9]{2})([ -]?)(.*)")
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b|.*\(#([245]\.\d{1,3}\.\d{1,3})\)")  # qmail says it last


class Lost(Exception):
    """The connection is gone, too late or talks nonsense: nothing more can be asked on it.

    ``written`` is how many bytes of the failed write may have left. ``is_worth_reopening`` is false where a new
    connection would likely fare no better, as after a missed deadline.
    """

    def __init__(self, why: str, *, written: int = 0, is_worth_reopening: bool = True) -> None:
        super().__init__(why)
        self.written = written
        self.is_worth_reopening = is_worth_reopening


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said: the lines after their code, made safe to show."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.lines)[:500]

    @property
    def enhanced(self) -> str:
        """The RFC 3463 status such as "5.1.1", or "" if the server gave none."""
        match = _ENHANCED.match(self.text)
        return (match[1] or match[2]) if match else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()


@dataclass(slots=True)
class Wire:
    """A connected socket, plain or TLS, and what was read from it ahead of need. Deadlines are ``time.monotonic()``."""

    sock: socket.socket
    _buffer: bytearray = field(default_factory=bytearray, init=False)

    def write(self, data: bytes, *, deadline: float) -> None:
        """Send all of ``data`` by ``deadline``, or raise Lost saying how much of it may have left."""
        view, written = memoryview(data), 0
        while written < len(view):
            try:
                self.sock.settimeout(_left(deadline))
                written += self.sock.send(view[written:])
            except OSError as exc:
                raise self._lost(exc, written=self._may_have_left(written, len(view))) from exc

    def reply(self, *, deadline: float) -> Reply:
        """Return the next whole reply, or raise Lost if it is not all there by ``deadline``."""
        lines: list[str] = []
        size = 0
        while True:
            line = self._line(deadline)
            match = _LINE.fullmatch(line)
            size += len(line)
            if match is None or size > MAX_REPLY:
                raise Lost(f"not an SMTP reply: {line[:80]!r}")
            lines.append(_readable(match[3]))
            if match[2] != b"-":
                return Reply(int(match[1]), tuple(lines))

    def start_tls(self, context: ssl.SSLContext, *, host: str, deadline: float) -> None:
        """Go on under TLS. Raises Lost if that fails, or if the server spoke ahead of it (CVE-2011-0411)."""
        if self._buffer:
            raise Lost("the server sent more than its reply before TLS began")
        try:
            self.sock.settimeout(_left(deadline))
            self.sock = context.wrap_socket(self.sock, server_hostname=host)
        except (OSError, ValueError) as exc:
            raise Lost(f"TLS failed: {exc}") from exc

    @property
    def is_secure(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket)

    def close(self) -> None:
        self.sock.close()

    def _line(self, deadline: float) -> bytes:
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            if start > MAX_REPLY:
                raise Lost("a reply without end")
            self._buffer += self._receive(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def _receive(self, deadline: float) -> bytes:
        try:
            self.sock.settimeout(_left(deadline))
            data = self.sock.recv(16384)
        except OSError as exc:
            raise self._lost(exc) from exc
        if not data:
            raise Lost("the server closed the connection")
        return data

    def _may_have_left(self, written: int, total: int) -> int:
        # A plain send that raises has sent nothing; a TLS send may have put records on the wire first.
        return total if self.is_secure else written

    @staticmethod
    def _lost(exc: OSError, *, written: int = 0) -> Lost:
        late = isinstance(exc, TimeoutError)
        why = "the server was too slow" if late else f"connection lost: {exc.strerror or exc}"
        return Lost(why, written=written, is_worth_reopening=not late)


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _readable(line: bytes) -> str:
    text = line.decode("utf-8", "replace").strip()
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
