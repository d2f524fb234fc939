"""No address that somebody types, and no server that answers it, leads into our own network."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from campaigns.sources import guard
from campaigns.sources.guard import Blocked


def vetted(url: str) -> list[Any]:
    return guard.vetted(guard.read(url), until=time.monotonic() + 5)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1/", id="this machine"),
        pytest.param("http://localhost/", id="this machine's name"),
        pytest.param("http://127.1/", id="this machine, shortened"),
        pytest.param("http://2130706433/", id="as one number"),
        pytest.param("http://0x7f.1/", id="in hexadecimal"),
        pytest.param("http://017700000001/", id="in octal"),
        pytest.param("http://①②⑦.0.0.1/", id="in circled digits"),
        pytest.param("http://0/", id="zero"),
        pytest.param("http://0.0.0.0/", id="unspecified"),
        pytest.param("http://10.0.0.1/", id="private 10"),
        pytest.param("http://172.16.0.1/", id="private 172"),
        pytest.param("http://192.168.1.1/", id="private 192"),
        pytest.param("http://169.254.169.254/latest/meta-data/", id="cloud metadata"),
        pytest.param("http://100.100.100.200/", id="carrier NAT, another cloud's metadata"),
        pytest.param("http://168.63.129.16/", id="Azure's own"),
        pytest.param("http://192.0.0.9/", id="protocol assignments"),
        pytest.param("http://192.88.99.1/", id="6to4 relay"),
        pytest.param("http://198.18.0.1/", id="benchmarks"),
        pytest.param("http://224.0.0.1/", id="multicast"),
        pytest.param("http://255.255.255.255/", id="broadcast"),
        pytest.param("http://[::]/", id="unspecified 6"),
        pytest.param("http://[::1]/", id="this machine 6"),
        pytest.param("http://[::ffff:127.0.0.1]/", id="mapped"),
        pytest.param("http://[::127.0.0.1]/", id="compatible"),
        pytest.param("http://[::ffff:0:127.0.0.1]/", id="translated"),
        pytest.param("http://[64:ff9b::7f00:1]/", id="NAT64"),
        pytest.param("http://[64:ff9b:1::7f00:1]/", id="local NAT64"),
        pytest.param("http://[2002:7f00:1::]/", id="6to4"),
        pytest.param("http://[2001:0:7f00:1::]/", id="Teredo"),
        pytest.param("http://[fe80::1]/", id="link-local"),
        pytest.param("http://[fec0::1]/", id="site-local"),
        pytest.param("http://[fc00::1]/", id="unique local"),
        pytest.param("http://[fd00:ec2::254]/", id="cloud metadata 6"),
        pytest.param("http://[ff02::1]/", id="multicast 6"),
        pytest.param("http://[2001:db8::1]/", id="documentation"),
        pytest.param("http://93.184.216.34:22/", id="a port that is not the web's"),
        pytest.param("http://93.184.216.34:25/", id="the mail's port"),
    ],
)
def test_leads_nowhere_inside(url):
    with pytest.raises(Blocked):
        vetted(url)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("ftp://example.com/", id="another protocol"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("gopher://example.com/", id="gopher"),
        pytest.param("//example.com/", id="no protocol"),
        pytest.param("https://", id="no server"),
        pytest.param("https://user:secret@example.com/", id="a password"),
        pytest.param("https://example.com@127.0.0.1/", id="a name before the sign"),
        pytest.param("https://example.com/\r\nX: y", id="a line break"),
        pytest.param("https://example.com/a b", id="a space"),
        pytest.param("https://example.com\\@127.0.0.1/", id="a backslash"),
        pytest.param("https://example.com:99999/", id="no such port"),
        pytest.param("https://[::1/", id="a bracket not closed"),
        pytest.param("https://exa%6dple.com/", id="an escaped name"),
        pytest.param("https://" + "a" * 300 + ".com/", id="too long a name"),
        pytest.param("https://example.com/" + "a" * 4_000, id="too long"),
    ],
)
def test_is_no_address(url):
    with pytest.raises(Blocked):
        guard.read(url)


def test_a_plain_public_address_passes_and_is_what_is_connected_to():
    assert vetted("https://93.184.216.34/x?y=1") == [(socket.AF_INET, ("93.184.216.34", 443))]
    assert vetted("http://[2606:2800:220:1::1]/")[0][1][:2] == ("2606:2800:220:1::1", 80)


def test_a_name_goes_over_the_wire_in_ascii():
    address = guard.read("https://Bücher.example/straße?q=ü")
    assert (address.host, address.target) == ("xn--bcher-kva.example", "/stra%C3%9Fe?q=%C3%BC")


def test_one_bad_answer_among_good_ones_spoils_a_name(monkeypatch):
    def answers(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (ip, 80)) for ip in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    with pytest.raises(Blocked, match=r"127\.0\.0\.1"):
        vetted("http://mixed.example/")


def test_a_resolver_that_hangs_takes_no_longer_than_there_is_time(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(8))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        guard.vetted(guard.read("http://slow.example/"), until=began + 0.2)
    assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    ("allowed", "url", "passes"),
    [
        pytest.param("127.0.0.1/32:9000", "http://127.0.0.1:9000/", True, id="that port of that machine"),
        pytest.param("127.0.0.1/32:9000", "http://127.0.0.1:9001/", False, id="no other port"),
        pytest.param("127.0.0.1/32:9000", "http://10.0.0.1:9000/", False, id="no other machine"),
        pytest.param("10.0.0.0/8", "http://10.1.2.3:12345/", True, id="any port of a network"),
        pytest.param("[::1]/128:9000", "http://[::1]:9000/", True, id="a port, version 6"),
        pytest.param("::1/128", "http://[::1]:80/", True, id="version 6"),
        pytest.param("127.0.0.1/32", "http://[::ffff:127.0.0.1]:80/", False, id="not in another disguise"),
    ],
)
def test_an_operator_may_allow_more(settings, allowed, url, passes):
    settings.SOURCES_MAY_REACH = [allowed]
    if passes:
        assert vetted(url)
    else:
        with pytest.raises(Blocked):
            vetted(url)
