"""Servers on this machine that answer as they are told: well, badly, or as an enemy would."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOCAL = "127.0.0.1"

Answer = Callable[
    [socket.socket, str], None
]  # is given the line and what was asked, and may do with it what it likes


def says(body: str | bytes, *, status: str = "200 OK", **headers: str) -> Answer:
    """Answer as one should."""
    content = body.encode() if isinstance(body, str) else body
    given = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items())

    def answer(line: socket.socket, asked: str) -> None:
        line.sendall(f"HTTP/1.1 {status}\r\n{named}\r\n".encode() + content)

    return answer


def moves(to: str, *, status: str = "302 Found") -> Answer:
    return says("", status=status, Location=to)


def raw(*pieces: bytes, every: float = 0.0, for_ever: bool = False) -> Answer:
    """Send these bytes, the last of them again and again, with a pause after each."""

    def answer(line: socket.socket, asked: str) -> None:
        for piece in pieces:
            line.sendall(piece)
        while for_ever:
            line.sendall(pieces[-1])
            if every and stopped.wait(every):
                return

    stopped = threading.Event()
    return answer


@dataclass
class Server:
    """Listens on a port of its own. ``asked`` is every request as it came."""

    port: int
    answer: Answer = field(default_factory=lambda: says("{}"))
    asked: list[str] = field(default_factory=list)
    scheme: str = "http"
    lines: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://{LOCAL}:{self.port}"

    @property
    def allowed(self) -> str:
        return f"{LOCAL}/32:{self.port}"


@contextmanager
def serving(answer: Answer | None = None, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server until the block ends."""
    listener = socket.create_server((LOCAL, 0))
    server = Server(listener.getsockname()[1], scheme="https" if tls else "http")
    if answer:
        server.answer = answer
    open_lines: set[socket.socket] = set()

    def talk(line: socket.socket) -> None:
        try:
            if tls:
                line = tls.wrap_socket(line, server_side=True)
                open_lines.add(line)
            while request := _request(line):
                server.asked.append(request)
                server.answer(line, request)
        except (OSError, ValueError):
            pass  # they hung up
        finally:
            line.close()

    def listen() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            server.lines += 1
            open_lines.add(line)
            threading.Thread(target=talk, args=(line,), daemon=True).start()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for line in open_lines:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        thread.join()


def _request(line: socket.socket) -> str:
    """Read one request with its body; empty when they hang up."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = line.recv(65536)
        if not piece:
            return ""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [row for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < length:
        body += line.recv(65536)
    return (head + b"\r\n\r\n" + body).decode()


def certificate(
    folder: Path, *, name: str | None = LOCAL, is_expired: bool = False
) -> tuple[Path, ssl.SSLContext]:
    """Return the file of an authority that nobody knows, and a server's context with a certificate it signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nobody's authority")])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = (
        [x509.IPAddress(ip_address(name))] if name == LOCAL else [x509.DNSName(name or "x")]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=-1 if is_expired else 1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(pem)
    both = folder / f"{name}.both.pem"
    both.write_bytes(secret + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return file, context
