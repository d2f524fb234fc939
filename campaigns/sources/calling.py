"""One question to another server over HTTP, bounded in every way: where it goes, how long it takes, what comes back.

Nothing of the environment has a say: no proxies, no cookies, no credentials from files. The time is held from outside
the reading, by a timer that cuts the line: a server that drips a byte a second beats any timeout of a single read.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from campaigns.sources import guard
from campaigns.sources.guard import Address, Blocked

MOST_BYTES = 256 * 1024  # of an answer, unpacked
PIECE = 16 * 1024
MOST_HOPS = 3
MOVED = (301, 302, 303, 307, 308)
KEEPS_METHOD = (307, 308)
DOWN = (408, 425, 429, 500, 502, 503, 504, 529)  # not this question's fault: it may be answered later
OURS = {"User-Agent": "Tact", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the same question gets the same answer, whoever it is for."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()  # they go to the server that the URL names, and to no other
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds from the beginning: until the name was found, a line stood, the answer began, and was all there."""

    named: int = 0
    connected: int = 0
    began: int = 0
    whole: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    kind: str  # the content type
    body: bytes
    url: str  # where it came from in the end
    timing: Timing


class Failed(Exception):
    """There is no answer to use; the words say why. ``is_down``: the server's trouble, which may pass."""

    def __init__(
        self, words: str, *, is_down: bool = False, status: int = 0, timing: Timing | None = None
    ) -> None:
        super().__init__(words)
        self.is_down, self.status, self.timing = is_down, status, timing or Timing()


class Lines:
    """The connections of one asker, kept between questions to the same server. Not for two threads at once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, int], _Plain | _Private] = {}

    def ask(self, question: Question, *, until: float) -> Reply:
        """Return the server's answer, whatever its status. Raises Failed.

        ``until`` is of time.monotonic: by then it is over, but for the system's own last breath.
        """
        with _Cut(until) as cut:
            try:
                return self._followed(question, cut)
            except Blocked as blocked:
                raise Failed(str(blocked), timing=cut.timing()) from blocked
            except (OSError, HTTPError, HTTPException, ValueError) as failed:
                words = f"No answer in {cut.seconds:.0f} s." if cut.is_over() else _words(failed)
                raise Failed(words, is_down=True, timing=cut.timing()) from failed

    def close(self) -> None:
        for connection in self._kept.values():
            connection.drop()
        self._kept = {}

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _followed(self, question: Question, cut: _Cut) -> Reply:
        url, method, body = question.url, question.method, question.body
        first = address = guard.read(url)
        for _ in range(MOST_HOPS + 1):
            headers = dict(question.headers) if address.origin == first.origin else {}
            reply, location = self._once(address, url, method, headers, body, cut)
            if reply.status not in MOVED or not location:
                return reply
            url = urljoin(url, location)
            was, address = address, guard.read(url)
            if was.scheme == "https" and address.scheme == "http":
                raise Blocked("The server sent us on from https to plain http.")
            if reply.status not in KEEPS_METHOD and method != "GET":
                method, body = "GET", b""
            if body and address.origin != first.origin:
                raise Blocked("The server sent us on to another, which must not see what was asked.")
        raise Failed(f"The server sent us on more than {MOST_HOPS} times.", timing=cut.timing())

    def _once(
        self, address: Address, url: str, method: str, headers: dict[str, str], body: bytes, cut: _Cut
    ) -> tuple[Reply, str]:
        sent = {"Host": address.host_header, **OURS, **headers}
        kept = self._kept.pop(address.origin, None)
        if kept is not None and kept.is_connected and method == "GET":
            try:
                return self._over(kept, address, url, method, sent, body, cut)
            except ConnectionError:  # the server was just giving up the line: that is no answer
                pass
        elif kept is not None:
            kept.drop()
        return self._over(self._new(address, cut), address, url, method, sent, body, cut)

    def _over(
        self,
        connection: _Plain | _Private,
        address: Address,
        url: str,
        method: str,
        sent: dict[str, str],
        body: bytes,
        cut: _Cut,
    ) -> tuple[Reply, str]:
        cut.watch(connection)
        try:
            connection.timeout = cut.left()
            if connection.sock is None:
                connection.connect()
            cut.mark("connected")
            connection.timeout = cut.left()
            connection.request(method, address.target, body=body or None, headers=sent, preload_content=False)
            answer = connection.getresponse()
            cut.mark("began")
            content = _read(answer, cut)
        except BaseException:
            connection.drop()
            raise
        kind = answer.headers.get("Content-Type", "")
        location = answer.headers.get("Location", "") if answer.status in MOVED else ""
        if connection.sock is not None:
            self._kept[address.origin] = connection
        else:
            connection.drop()
        return Reply(answer.status, kind, content, url, cut.timing()), location

    def _new(self, address: Address, cut: _Cut) -> _Plain | _Private:
        """Return a line that is yet to be connected, to where its name leads now."""
        places = guard.vetted(address, until=cut.until)
        cut.mark("named")
        if address.scheme == "https":
            return _Private(address.host, address.port, ssl_context=_trust()).pinned(places, cut)
        return _Plain(address.host, address.port).pinned(places, cut)


class _Pinned:
    """Connects to an address that was vetted, whatever the name says by now."""

    _places: Sequence[tuple[int, Any]] = ()
    _cut: _Cut
    cord: socket.socket | None = None  # the same line once more, to cut it by

    def pinned(self, places: Sequence[tuple[int, Any]], cut: _Cut) -> Any:
        self._places, self._cut = places, cut
        return self

    def _new_conn(self) -> socket.socket:
        failed: OSError = OSError("no address")
        for family, place in self._places:
            line = socket.socket(family, socket.SOCK_STREAM)
            line.settimeout(self._cut.left())
            try:
                line.connect(place)
            except OSError as error:
                failed = error
                line.close()
                continue
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.cord = line.dup()
            return line
        raise failed

    def drop(self) -> None:
        """Close the line and its cord. ``close`` leaves the cord: a last answer is read from a line that is closed."""
        self.close()  # type: ignore[attr-defined]  # of the connection this is mixed into
        if self.cord is not None:
            self.cord.close()
            self.cord = None


class _Plain(_Pinned, HTTPConnection):
    pass


class _Private(_Pinned, HTTPSConnection):
    pass


class _Cut:
    """The end of one question's time: when it has come, whatever line is in use is cut."""

    def __init__(self, until: float) -> None:
        self.until = until
        self._began = time.monotonic()
        self.seconds = max(until - self._began, 0.0)
        self._marks: dict[str, int] = {}
        self._watched: _Pinned | None = None
        self._timer = threading.Timer(self.seconds, self._now)
        self._timer.daemon = True

    def __enter__(self) -> _Cut:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._watched = None

    def left(self) -> float:
        """Return the seconds left. Raises TimeoutError when there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def is_over(self) -> bool:
        return time.monotonic() >= self.until

    def watch(self, connection: _Pinned) -> None:
        self._watched = connection
        connection._cut = self

    def mark(self, what: str) -> None:
        self._marks[what] = int(1000 * (time.monotonic() - self._began))

    def timing(self) -> Timing:
        self.mark("whole")
        return Timing(**self._marks)

    def _now(self) -> None:
        watched = self._watched
        cord = watched.cord if watched else None
        if cord is not None:
            try:
                cord.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it ended by itself


def _read(answer: Any, cut: _Cut) -> bytes:
    """Return the unpacked body. A line that was cut looks like one that ended: the clock tells which it was."""
    pieces: list[bytes] = []
    size = 0
    while True:
        piece = answer.read(PIECE, decode_content=True)
        if cut.is_over():
            raise TimeoutError
        if not piece:
            return b"".join(pieces)
        size += len(piece)
        if size > MOST_BYTES:
            raise Failed(
                f"The answer is longer than {MOST_BYTES // 1024} kB.",
                status=answer.status,
                timing=cut.timing(),
            )
        pieces.append(piece)


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """The system's certificates, which SSL_CERT_FILE may name, and those of browsers for systems without any."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _words(failed: Exception) -> str:
    if isinstance(failed, ssl.SSLCertVerificationError):
        return f"The server's certificate is not good: {failed.verify_message}."
    if isinstance(failed, ssl.SSLError):
        return "The server does not speak TLS as it should."
    if isinstance(failed, ConnectionRefusedError):
        return "The server refuses connections."
    if isinstance(failed, TimeoutError):
        return str(failed) or "No answer in time."
    if type(failed) is OSError:
        return str(failed)
    return f"The answer broke off or made no sense ({type(failed).__name__})."
