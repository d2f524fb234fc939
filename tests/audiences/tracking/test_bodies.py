"""Bodies as they travel: packed, broken, cut off, odd. What can be read is stored; of the rest it is said where."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest

from audiences.models import Event
from tests.audiences.tracking.bodies import TRACK, Send, batch


def test_gzip_is_unpacked_whatever_the_headers_say(send: Send) -> None:
    packed = gzip.compress(json.dumps(batch(TRACK)).encode())
    assert send("/v1/batch", packed, CONTENT_TYPE="application/x-www-form-urlencoded").json()["accepted"] == 1


@pytest.mark.parametrize(
    "spoil", [lambda packed: packed[:-9], lambda packed: packed + b"x", lambda packed: packed[:2] + b"broken"]
)
def test_broken_gzip_is_a_400_that_says_so(send: Send, spoil: Callable[[bytes], bytes]) -> None:
    answer = send("/v1/batch", spoil(gzip.compress(json.dumps(batch(TRACK)).encode())))
    assert answer.status_code == 400
    assert "not valid gzip" in answer.json()["reason"]


def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(send: Send) -> None:
    bomb = gzip.compress(b'{"batch": [' + b" " * 300_000_000 + b"]}")
    assert len(bomb) < 1024 * 1024
    answer = send("/v1/batch", bomb)
    assert (answer.status_code, "1024 KB" in answer.json()["reason"]) == (400, True)


def test_a_body_with_a_byte_order_mark_is_read(send: Send) -> None:
    assert send("/v1/t", b"\xef\xbb\xbf" + json.dumps(TRACK).encode()).json()["accepted"] == 1


@pytest.mark.parametrize(
    "body,said",
    [
        pytest.param(b"", "truncated, line 1, column 1", id="nothing"),
        pytest.param(b'{"batch":[', "truncated, line 1, column 11", id="cut off"),
        pytest.param(b'{"batch":[\n  {"a": NaN}]}', "line 2, column 9", id="NaN"),
        pytest.param(b'{"batch":[\n {"a": Infinity}]}', "line 2, column 8", id="infinity"),
        pytest.param(b'{"batch":[{"a":"\x01"}]}', "line 1, column 17", id="control character"),
        pytest.param(b'{"batch":[]} {}', "trailing characters, line 1", id="more than one"),
        pytest.param(b'{"batch":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "deep", id="bottomless"),
        pytest.param(b"[]", "Expected `object`, got `array`", id="an array"),
        pytest.param(b"{}", "missing required field `batch`", id="no batch"),
        pytest.param(b'{"batch":{}}', "batch: Expected `array`", id="batch is none"),
        pytest.param(b'{"batch":[],"sentAt":"noon"}', "sentAt: Invalid", id="sentAt"),
        pytest.param(b'{"batch":[' + b"{}," * 1000 + b"{}]}", "1001 calls", id="too many"),
        pytest.param(b'{"batch":["' + b"x" * 1024 * 1024 + b'"]}', "1024 KB", id="too large"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_400_that_says_where(send: Send, body: bytes, said: str) -> None:
    answer = send("/v1/batch", body)
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert said in answer.json()["reason"]
    assert not Event.objects.exists()


def test_half_an_emoji_is_no_reason_to_lose_a_batch(send: Send) -> None:
    call = b'{"type":"track","userId":"u1","event":"E","properties":'
    halves = rb'{"a":"\ud83d","b":"\uDE00-\ud83d\u0041","whole":"\ud83d\ude00","said":"\\ud83d"}}'
    answer = send("/v1/batch", b'{"batch":[' + call + b'{"n":1}},' + call + halves + b"]}")
    assert (answer.status_code, answer.json()["accepted"]) == (200, 2)
    stored = Event.objects.exclude(properties__has_key="n").get().properties
    assert stored == {"a": "\ufffd", "b": "\ufffd-\ufffdA", "whole": "\U0001f600", "said": "\\ud83d"}


@pytest.mark.parametrize("raw", [b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\xaf"'])
@pytest.mark.parametrize("where", ["event", "properties"])
def test_bytes_that_are_no_utf_8_are_refused(send: Send, raw: bytes, where: str) -> None:
    value = b'{"a":' + raw + b"}" if where == "properties" else raw
    other = b'"event":"E",' if where == "properties" else b""
    call = b'"userId":"u1",' + other + b'"' + where.encode() + b'":' + value + b"}"
    for path, body in [
        ("/v1/track", b"{" + call),
        ("/v1/batch", b'{"batch":[{"type":"track",' + call + b"]}"),
    ]:
        answer = send(path, body)
        said = answer.json()
        assert said.get("refused") or answer.status_code == 400
        assert "utf-8" in (said.get("reason") or said["refused"][0]["reason"]).lower()
    assert not Event.objects.exists()


def test_odd_but_valid_json_is_stored_as_it_came(send: Send) -> None:
    properties = {
        "emoji": "😀",
        "escaped": "\\u0000",
        "quote": '"\n\t',
        "long": "x" * 9000,
        "int": 2**63 - 1,
        "small": 1e-400,
        "nothing": None,
        "empty": {},
        "list": [[], [1, [2]]],
        "": "no name",
        "ünïcödé": "\u202e\ufeff",
    }
    assert send("/v1/track", TRACK | {"properties": properties}).json()["accepted"] == 1
    assert Event.objects.get().properties == properties


def test_of_a_key_given_twice_the_last_counts(send: Send) -> None:
    send("/v1/track", b'{"userId":"u1","event":"E","properties":{"a":1,"a":2}}')
    assert Event.objects.get().properties == {"a": 2}
