"""What a server may do to whoever asks it: answer. Everything else it tries costs a bounded time and space."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from campaigns.sources import calling
from campaigns.sources.calling import Failed, Lines, Question, Reply
from tests.servers import certificate, moves, raw, says

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def ask(url: str, *, seconds: float = 5, lines: Lines | None = None, **question: Any) -> Reply:
    with lines or Lines() as asking:
        return asking.ask(
            Question(**{"method": "GET", "url": url} | question), until=time.monotonic() + seconds
        )


def test_an_answer_comes_back_with_its_times(serve):
    server = serve(says('{"a": 1}'))
    reply = ask(f"{server.url}/x?y=1", headers=(("Authorization", "Bearer s"),))
    assert (reply.status, reply.body, reply.kind) == (200, b'{"a": 1}', "application/json")
    assert 0 <= reply.timing.named <= reply.timing.connected <= reply.timing.began <= reply.timing.whole
    (asked,) = server.asked
    assert asked.startswith("GET /x?y=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n" in asked
    assert "Authorization: Bearer s\r\n" in asked


def test_a_body_is_sent(serve):
    server = serve()
    ask(server.url, method="POST", body=b'{"id": "7"}', headers=(("Content-Type", "application/json"),))
    assert server.asked[0].startswith("POST / ")
    assert server.asked[0].endswith('\r\n\r\n{"id": "7"}')


def test_a_line_is_kept_between_questions_and_one_that_was_dropped_is_replaced(serve):
    server = serve(says("{}"))
    with Lines() as lines:
        for _ in range(5):
            lines.ask(Question("GET", server.url), until=time.monotonic() + 5)
        assert (len(server.asked), server.lines) == (5, 1)

        def hang_up(line: socket.socket, asked: str) -> None:
            says("{}")(line, asked)
            line.shutdown(socket.SHUT_RDWR)

        server.answer = hang_up
        for _ in range(3):
            lines.ask(Question("GET", server.url), until=time.monotonic() + 5)
        assert (len(server.asked), server.lines) == (8, 3)


def test_bytes_after_an_answer_are_not_taken_for_the_next(serve):
    server = serve(
        raw(HEAD + b"Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
    )
    with Lines() as lines:
        for _ in range(3):
            assert lines.ask(Question("GET", server.url), until=time.monotonic() + 5).body == b"{}"


def test_the_environments_proxies_have_no_say(serve, monkeypatch):
    server = serve(says("{}"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask(server.url).status == 200


# --- Being sent on --------------------------------------------------------------------------------


def test_a_move_is_followed_with_the_headers_to_the_same_server(serve):
    server = serve()
    server.answer = lambda line, asked: (says("{}") if asked.startswith("GET /b ") else moves("/b"))(
        line, asked
    )
    assert ask(f"{server.url}/a", headers=(("X-Key", "s"),)).url == f"{server.url}/b"
    assert all("X-Key: s" in asked for asked in server.asked)


def test_another_server_does_not_get_the_headers(serve):
    other = serve(says('{"b": 2}'))
    first = serve(moves(f"{other.url}/"))
    assert ask(first.url, headers=(("X-Key", "s"), ("Authorization", "t"))).body == b'{"b": 2}'
    assert "X-Key" not in other.asked[0]
    assert "Authorization" not in other.asked[0]


def test_another_server_does_not_get_the_body(serve):
    other = serve()
    first = serve(moves(f"{other.url}/", status="307 Temporary Redirect"))
    with pytest.raises(Failed, match="must not see"):
        ask(first.url, method="POST", body=b"{}")
    assert other.asked == []


def test_after_see_other_only_the_answer_is_fetched(serve):
    server = serve()
    server.answer = lambda line, asked: (
        moves("/b", status="303 See Other") if "/a " in asked else says("{}")
    )(line, asked)
    ask(f"{server.url}/a", method="POST", body=b"{}")
    assert server.asked[1].startswith("GET /b ")


@pytest.mark.parametrize(
    ("to", "says_why"),
    [
        pytest.param("http://127.0.0.1:1/", "not on the public internet", id="into our own network"),
        pytest.param(
            "http://169.254.169.254/latest/", "not on the public internet", id="to the cloud's metadata"
        ),
        pytest.param("file:///etc/passwd", "Only addresses", id="to a file"),
        pytest.param("gopher://x/", "Only addresses", id="to another protocol"),
        pytest.param("http://user:pw@example.com/", "user name", id="with a password"),
        pytest.param("/again", "more than 3 times", id="for ever"),
    ],
)
def test_is_not_sent(serve, to, says_why):
    server = serve(moves(to))
    with pytest.raises(Failed, match=says_why):
        ask(server.url)


def test_from_https_nobody_is_sent_to_http(serve, tmp_path, monkeypatch):
    authority, tls = certificate(tmp_path)
    plain = serve()
    private = serve(moves(f"{plain.url}/"), tls=tls)
    trusting(monkeypatch, authority)
    with pytest.raises(Failed, match="plain http"):
        ask(private.url)
    assert plain.asked == []


# --- Whose certificate is good --------------------------------------------------------------------


def trusting(monkeypatch: Any, authority: Any) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    calling._trust.cache_clear()


@pytest.fixture(autouse=True)
def _trust_as_before() -> Iterator[None]:
    yield
    calling._trust.cache_clear()


def test_https_with_a_certificate_that_the_system_knows(serve, tmp_path, monkeypatch):
    authority, tls = certificate(tmp_path)
    trusting(monkeypatch, authority)
    assert ask(serve(says("{}"), tls=tls).url).status == 200


@pytest.mark.parametrize(
    "what",
    [
        pytest.param({"name": "other.example"}, id="another's name"),
        pytest.param({"is_expired": True}, id="too old"),
    ],
)
def test_a_bad_certificate_is_refused(serve, tmp_path, monkeypatch, what):
    authority, tls = certificate(tmp_path, **what)
    trusting(monkeypatch, authority)
    with pytest.raises(Failed, match="certificate is not good"):
        ask(serve(tls=tls).url)


def test_an_unknown_authority_is_refused(serve, tmp_path):
    with pytest.raises(Failed, match="certificate is not good"):
        ask(serve(tls=certificate(tmp_path)[1]).url)


def test_the_certificate_has_to_be_the_names_though_we_connect_to_an_address(serve, tmp_path, monkeypatch):
    """The name is resolved once; TLS still asks for the name."""
    authority, tls = certificate(tmp_path, name="shop.example")
    trusting(monkeypatch, authority)
    server = serve(says("{}"), tls=tls)
    there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: there)
    assert ask(f"https://shop.example:{server.port}/").status == 200
    assert f"Host: shop.example:{server.port}" in server.asked[0]


def test_a_name_that_changes_its_mind_is_asked_once(serve, monkeypatch):
    """What was judged is what is connected to: a second answer, to somewhere else, is never heard."""
    server = serve(says("{}"))
    there = [
        [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, server.port))] for ip in ("127.0.0.1", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: there.pop(0))
    assert ask(f"http://rebind.example:{server.port}/").status == 200
    assert len(there) == 1


# --- Bounded --------------------------------------------------------------------------------------


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b"0" * 1_000_000) for _ in range(size // 1_000_000)) + packer.flush()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(raw(), id="says nothing"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\n"), id="stops in mid head"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", every=0.1, for_ever=True), id="drips headers"),
        pytest.param(raw(b"H", b"T", every=0.1, for_ever=True), id="drips its first line"),
        pytest.param(
            raw(HEAD + b"Content-Length: 9999\r\n\r\n", b" ", every=0.1, for_ever=True), id="drips its body"
        ),
        pytest.param(
            raw(HEAD + b"Connection: close\r\n\r\n", b" ", every=0.1, for_ever=True), id="drips its last body"
        ),
        pytest.param(
            raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", every=0.1, for_ever=True),
            id="drips chunks",
        ),
        pytest.param(raw(HEAD + b"Content-Length: 99\r\n\r\n{}"), id="promises more than it sends"),
        pytest.param(
            raw(b"HTTP/1.1 100 Continue\r\n\r\n", every=0.01, for_ever=True), id="only tells us to go on"
        ),
    ],
)
def test_time_is_up_when_it_is_up(serve, answer):
    server, began = serve(answer), time.monotonic()
    with pytest.raises(Failed, match="No answer in 1 s") as failed:
        ask(server.url, seconds=0.6)
    assert failed.value.is_down
    assert time.monotonic() - began < 30


def test_a_handshake_that_never_ends_is_cut_too(settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.SOURCES_MAY_REACH = ["127.0.0.1/32"]
        began = time.monotonic()
        with pytest.raises(Failed, match="No answer"):
            ask(f"https://127.0.0.1:{listener.getsockname()[1]}/", seconds=0.5)
        assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(says(b"0" * 300_000), id="long"),
        pytest.param(raw(HEAD + b"\r\n", b"0" * 65_536, for_ever=True), id="endless"),
        pytest.param(says(bomb(200_000_000), Content_Encoding="gzip"), id="200 MB packed in 200 kB"),
        pytest.param(
            says(gzip.compress(bomb(200_000_000)), Content_Encoding="gzip, gzip"), id="packed twice"
        ),
    ],
)
def test_a_long_answer_is_not_read_to_its_end(serve, answer):
    server, began = serve(answer), time.monotonic()
    with pytest.raises(Failed, match="longer than 256 kB"):
        ask(server.url, seconds=10)
    assert time.monotonic() - began < 9


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(raw(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", for_ever=True), id="endless headers"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 65_536, for_ever=True), id="an endless header"),
        pytest.param(raw(b"SSH-2.0-OpenSSH_9.2\r\n", b"\r\n"), id="no HTTP"),
        pytest.param(says(b"not gzip", Content_Encoding="gzip"), id="not packed as it says"),
        pytest.param(
            raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"\r\n"), id="chunks of no size"
        ),
    ],
)
def test_nonsense_is_an_answer_that_failed(serve, answer):
    server, began = serve(answer), time.monotonic()
    with pytest.raises(Failed) as failed:
        ask(server.url, seconds=30)
    assert failed.value.is_down
    assert time.monotonic() - began < 25


def test_nobody_there(serve, settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.SOURCES_MAY_REACH = ["127.0.0.1/32"]
    with pytest.raises(Failed, match="refuses connections") as failed:
        ask(f"http://127.0.0.1:{port}/")
    assert failed.value.is_down


def test_a_name_that_nobody_has(monkeypatch):
    def nobody(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(Failed, match=r"no server called nobody\.example"):
        ask("https://nobody.example/")
