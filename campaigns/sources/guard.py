"""Where a request to an address that somebody typed may go: to the public internet, and nowhere else.

Every address that a name stands for is judged, and the connection goes to one that was judged: the name is not asked
for again, so it cannot change its mind in between.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any
from urllib.parse import urlsplit

import idna
from django.conf import settings

LONGEST_URL = 4_000
MOST_ADDRESSES = 20

Ip = IPv4Address | IPv6Address

# The IANA registries of special-purpose addresses; what Python's ``is_global`` says is not enough, and differs by its
# version. https://www.iana.org/assignments/iana-ipv4-special-registry
CLOSED_4 = [
    IPv4Network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
OPEN_6 = IPv6Network(
    "2000::/3"
)  # all other prefixes are unassigned, local, multicast, or hold an IPv4 address
CLOSED_6 = [
    IPv6Network(each)
    for each in (
        "2001::/23",  # protocol assignments, among them Teredo and ORCHID
        "2001:db8::/32", "3fff::/20",  # documentation
        "2002::/16",  # 6to4: holds an IPv4 address
        "2620:4f:8000::/48",
    )
]  # fmt: skip
# Metadata of clouds that lies outside of all that: Alibaba's is in 100.64/10, Oracle's old one is here.
CLOSED_4.append(IPv4Network("168.63.129.16/32"))  # Azure's


class Blocked(Exception):
    """Nothing may be asked there; the words say why."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL taken apart, its host as it goes over the wire."""

    scheme: str
    host: str  # without brackets
    port: int
    target: str  # path and query

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def written_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def host_header(self) -> str:
        usual = self.port == (443 if self.scheme == "https" else 80)
        return self.written_host if usual else f"{self.written_host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """A network that this installation allows besides the internet, perhaps one port of it only."""

    network: IPv4Network | IPv6Network
    port: int | None

    def covers(self, ip: Ip, port: int) -> bool:
        return ip in self.network and self.port in (None, port)


def read(url: str) -> Address:
    """Return a URL's parts. Raises Blocked for one that no request may go to, whatever its host stands for."""
    if len(url) > LONGEST_URL:
        raise Blocked(f"The address is longer than {LONGEST_URL:,} characters.")
    if any(ord(sign) <= 32 or ord(sign) == 127 for sign in url) or "\\" in url:
        raise Blocked("The address holds a space, a line break or a backslash.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as wrong:
        raise Blocked(f"The address cannot be read: {wrong}.") from wrong
    if parts.scheme not in ("http", "https"):
        raise Blocked("Only addresses that begin with http:// or https:// can be asked.")
    if "@" in parts.netloc:
        raise Blocked("An address must not hold a user name or password: put them into a header.")
    if not parts.hostname:
        raise Blocked("The address names no server.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(
        parts.scheme,
        _host(parts.hostname),
        port or (443 if parts.scheme == "https" else 80),
        "".join(sign if ord(sign) < 127 else _quoted(sign) for sign in target),
    )


def _host(written: str) -> str:
    if ":" in written:
        try:
            return str(IPv6Address(written))
        except ValueError as wrong:
            raise Blocked(f"{written} is no address.") from wrong
    try:
        host = idna.encode(written.rstrip("."), uts46=True).decode() if not written.isascii() else written
    except idna.IDNAError as wrong:
        raise Blocked(f"{written} is no server's name.") from wrong
    host = host.rstrip(".").lower()
    if not host or len(host) > 253 or not all(sign.isalnum() or sign in "-._" for sign in host):
        raise Blocked(f"{written} is no server's name.")
    return host


def _quoted(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode(errors="replace"))


def vetted(address: Address, *, until: float) -> list[tuple[int, Any]]:
    """Return where to connect to, as (family, socket address), asked for once; ``until`` is of time.monotonic.

    One address that is closed spoils the name. Raises Blocked, and OSError for a name that leads nowhere.
    """
    allowed = exceptions()
    found = _resolved(address.host, address.port, until)
    places = []
    for family, place in found[:MOST_ADDRESSES]:
        ip = ipaddress.ip_address(place[0].partition("%")[0])
        if any(one.covers(ip, address.port) for one in allowed):
            places.append((family, place))
        elif is_closed(ip):
            raise Blocked(f"{address.host} leads to {ip}, which is not on the public internet.")
        elif address.port not in settings.SOURCES_PORTS:
            ports = " and ".join(map(str, settings.SOURCES_PORTS))
            raise Blocked(f"Port {address.port} is not asked, only {ports}.")
        else:
            places.append((family, place))
    return places


def is_closed(ip: Ip) -> bool:
    """Whether an address is anything but a plain one of the public internet, also as IPv6 around an IPv4 one."""
    if isinstance(ip, IPv4Address):
        return any(ip in network for network in CLOSED_4)
    return ip not in OPEN_6 or any(ip in network for network in CLOSED_6)


def exceptions() -> list[Allowed]:
    """Return what SOURCES_MAY_REACH allows: networks, each perhaps with a port, as 10.1.0.0/16 or 127.0.0.1/32:9000."""
    found = []
    for text in settings.SOURCES_MAY_REACH:
        network, _, port = text.rpartition(":") if _names_port(text) else (text, "", "")
        found.append(
            Allowed(
                ipaddress.ip_network(network.replace("[", "").replace("]", "")), int(port) if port else None
            )
        )
    return found


def _names_port(text: str) -> bool:
    before, colon, port = text.rpartition(":")
    return bool(colon) and port.isdigit() and (":" not in before or before.startswith("["))


def _resolved(host: str, port: int, until: float) -> list[tuple[int, Any]]:
    """Ask for a name's addresses in a thread of its own: the system's resolver cannot be told how long it may take."""
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as failed:
            answers.append(failed)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(max(until - time.monotonic(), 0.0))
    if not answers:
        raise TimeoutError(f"No answer in time to where {host} is.")
    (answer,) = answers
    if isinstance(answer, Exception):
        raise OSError(f"There is no server called {host}.") from answer
    return [(family, place) for family, _, _, _, place in answer]
