"""From a server's address to a connection that takes mail: greeting, TLS and login, each phase named when it fails."""

import base64
import ipaddress
import socket
import ssl
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from delivery.channels.email.wire import Lost, Reply, Wire


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed over, and for how many seconds we wait.

    ``timeout`` bounds connecting and each command, ``data_timeout`` a body and then its answer.
    """

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: str = "none"  # or "starttls" or "tls"
    timeout: float = 15.0
    data_timeout: float = 60.0
    hello: str = ""  # our name in EHLO; the socket's own address when empty
    tls_context: ssl.SSLContext | None = None  # what the system trusts, when None

    def __post_init__(self) -> None:
        if self.tls not in ("none", "starttls", "tls"):  # a misspelt one must not come to mean none
            raise ValueError(f"tls is none, starttls or tls, not {self.tls!r}")


class Unavailable(Exception):
    """The server was not reached or did not let us in; nothing was handed over. ``phase`` says how far we came."""

    def __init__(self, phase: str, why: str, reply: Reply | None = None) -> None:
        super().__init__(f"{phase}: {why}")
        self.phase = phase
        self.reply = reply


def log_in(server: Server) -> tuple[Wire, dict[str, str]]:
    """Return an open wire and the server's features (EHLO keyword to its parameters). Raises Unavailable."""
    wire = _connect(server)
    phase = "banner"
    try:
        if server.tls == "tls":
            phase = "tls"
            _start_tls(wire, server)
        phase = "banner"
        _expect(wire, server, b"", 220)
        phase = "hello"
        features = _hello(wire, server)
        if server.tls == "starttls":
            phase = "tls"
            _expect(wire, server, b"STARTTLS\r\n", 220)
            _start_tls(wire, server)
            phase = "hello"
            features = _hello(wire, server)  # what was offered in the clear no longer counts
        if server.username:
            phase = "login"
            _authenticate(wire, server, features)
    except (Lost, _Unwelcome, OSError) as exc:
        wire.close()
        raise Unavailable(phase, str(exc), getattr(exc, "reply", None)) from exc
    except BaseException:
        wire.close()
        raise
    return wire, features


class _Unwelcome(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


def _connect(server: Server) -> Wire:
    try:
        sock = socket.create_connection((server.host, server.port), timeout=server.timeout)
    except OSError as exc:
        raise Unavailable("connect", f"{server.host}:{server.port}: {exc.strerror or exc}") from exc
    except UnicodeError as exc:  # a name with an empty part, or one that is too long
        raise Unavailable("connect", f"{server.host}:{server.port}: no server can have this name") from exc
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Wire(sock)


def _start_tls(wire: Wire, server: Server) -> None:
    context = server.tls_context or ssl.create_default_context()
    wire.start_tls(context, host=server.host, deadline=monotonic() + server.timeout)


def _expect(wire: Wire, server: Server, command: bytes, code: int) -> Reply:
    if command:
        wire.write(command, deadline=monotonic() + server.timeout)
    reply = wire.reply(deadline=monotonic() + server.timeout)
    if reply.code != code:
        raise _Unwelcome(reply)
    return reply


def _hello(wire: Wire, server: Server) -> dict[str, str]:
    """EHLO, and the features it lists; a server from before 1995 is greeted with HELO and has none."""
    name = (server.hello or _own_address(wire)).encode("ascii", "replace")
    wire.write(b"EHLO " + name + b"\r\n", deadline=monotonic() + server.timeout)
    reply = wire.reply(deadline=monotonic() + server.timeout)
    if reply.code in (500, 502, 504):
        _expect(wire, server, b"HELO " + name + b"\r\n", 250)
        return {}
    if reply.code != 250:
        raise _Unwelcome(reply)
    features: dict[str, str] = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.partition(" ")
        features[keyword.upper()] = parameters
    return features


def _own_address(wire: Wire) -> str:
    """RFC 5321, 4.1.3: a host without a name of its own says its address in brackets."""
    address = _address(wire.sock.getsockname())
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


def _address(socket_name: tuple[Any, ...]) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    host, _, _scope_id = str(socket_name[0]).partition("%")
    return ipaddress.ip_address(host)


def _authenticate(wire: Wire, server: Server, features: dict[str, str]) -> None:
    if not wire.is_secure and _address(wire.sock.getpeername()).is_global:
        raise Lost("a password does not go over the internet without TLS")
    mechanisms = features.get("AUTH", "").upper().split()
    user, password = server.username.encode(), server.password.encode()
    if "PLAIN" in mechanisms:
        token = base64.b64encode(b"\0" + user + b"\0" + password)
        _expect(wire, server, b"AUTH PLAIN " + token + b"\r\n", 235)
    elif "LOGIN" in mechanisms:
        _expect(wire, server, b"AUTH LOGIN\r\n", 334)
        _expect(wire, server, base64.b64encode(user) + b"\r\n", 334)
        _expect(wire, server, base64.b64encode(password) + b"\r\n", 235)
    else:
        raise Lost("the server offers neither PLAIN nor LOGIN")
