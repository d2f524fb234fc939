"""The tracking API: what a client gets for good calls, bad calls and bad keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audiences.models import Event, Profile, Receipt, RefusedCall
from tenants import keys
from tenants.models import ApiKey, Tenant
from tests.audiences.tracking.bodies import TRACK, Send, batch


# --- Paths ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["track", "track/", "t", "t/"])
def test_a_call_is_stored_by_long_and_short_path(send: Send, path: str) -> None:
    answer = send(f"/v1/{path}", {"userId": "u1", "event": "Order Completed"})
    assert (answer.status_code, answer.json()) == (
        200,
        {"success": True, "accepted": 1, "duplicates": 0, "refused": []},
    )
    assert Event.objects.get().name == "Order Completed"


@pytest.mark.parametrize("path", ["batch", "batch/", "b", "import"])
def test_a_batch_is_stored_by_all_its_paths(send: Send, path: str) -> None:
    assert send(f"/v1/{path}", batch(TRACK, TRACK | {"userId": "u2"})).json()["accepted"] == 2
    assert Profile.objects.count() == 2


@pytest.mark.parametrize(
    "kind,fields,event",
    [
        ("identify", {"traits": {"plan": "pro"}}, None),
        ("i", {"traits": {}}, None),
        ("page", {"name": "Home"}, "Page Viewed"),
        ("p", {}, "Page Viewed"),
        ("screen", {"name": "Start"}, "Screen Viewed"),
        ("s", {}, "Screen Viewed"),
        ("group", {"groupId": "g1"}, "Group Joined"),
        ("g", {"groupId": "g1"}, "Group Joined"),
        ("alias", {"previousId": "a1"}, None),
        ("a", {"previousId": "a1"}, None),
    ],
)
def test_the_path_names_the_kind_of_call(send: Send, kind: str, fields: dict[str, Any], event: str) -> None:
    assert send(f"/v1/{kind}", {"userId": "u1", "type": "track", **fields}).status_code == 200
    assert list(Event.objects.values_list("name", flat=True)) == ([event] if event else [])
    assert Profile.objects.get().external_id == "u1"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"]
)
def test_the_content_type_does_not_matter(send: Send, content_type: str) -> None:
    assert send("/v1/t", TRACK, CONTENT_TYPE=content_type).json()["accepted"] == 1


# --- Keys ----------------------------------------------------------------------------------------
def test_the_key_may_stand_in_the_body(client: Client, write_key: str) -> None:
    body = json.dumps(batch(TRACK) | {"writeKey": write_key})
    assert client.post("/v1/batch", body, content_type="text/plain").json()["accepted"] == 1
    single = json.dumps(TRACK | {"writeKey": write_key})
    assert client.post("/v1/track", single, content_type="text/plain").json()["accepted"] == 1


@pytest.mark.parametrize("key", ["", "wk_wrong", "\x00", "🔑", "x" * 100_000])
def test_a_wrong_key_is_a_401_and_stores_nothing(client: Client, tenant: Tenant, key: str) -> None:
    body = json.dumps(batch(TRACK) | {"writeKey": key})
    answer = client.post("/v1/batch", body, content_type="text/plain")
    assert (answer.status_code, answer.json()["success"]) == (401, False)
    assert answer["WWW-Authenticate"].startswith("Basic")
    assert not Event.objects.exists()


def test_a_key_without_the_scope_may_not_send(send: Send, tenant: Tenant) -> None:
    _, key = keys.create(
        tenant=tenant, kind=ApiKey.Kind.SECRET, name="Reader", scopes=["read"], created_by=None
    )
    assert send("/v1/track", TRACK, key=key).status_code == 403


def test_what_a_key_sends_lands_in_its_tenant_only(send: Send, tenant: Tenant, other_tenant: Tenant) -> None:
    _, key = keys.create(tenant=other_tenant, kind="write", name="Theirs", scopes=[], created_by=None)
    send("/v1/track", TRACK)
    send("/v1/track", TRACK | {"tenant_id": tenant.pk}, key=key)
    assert Event.objects.count() == Profile.objects.count() == 1


def test_consent_and_merges_of_known_people_take_a_secret_key(
    send: Send, write_key: str, secret_key: str
) -> None:
    consent = {"userId": "u1", "consent": {"email": "unsubscribed"}}
    merge = {"userId": "u1", "previousId": "u2"}
    send("/v1/identify", {"userId": "u2"})
    for path, call in [("/v1/identify", consent), ("/v1/alias", merge)]:
        refused = send(path, call)
        assert (refused.status_code, "secret key" in refused.json()["refused"][0]["reason"]) == (400, True)
        assert send(path, call, key=secret_key).status_code == 200
    assert Profile.objects.living().get().consent == {"email": "unsubscribed"}


@pytest.mark.parametrize(
    "path,body",
    [("/v1/track", {"userId": "u1", "event": "Order Completed"}), ("/v1/batch", batch(TRACK, TRACK))],
)
def test_a_key_that_sends_too_much_is_told_how_long_to_wait(
    send: Send, secret_key: str, settings: Any, path: str, body: Any
) -> None:
    settings.API_PACE = {"track": 1}
    assert send(path, body).status_code == 200
    before = Event.objects.count()
    answer = send(path, body)
    assert (answer.status_code, answer.json()["success"]) == (429, False)
    assert int(answer.headers["Retry-After"]) > 0
    assert Event.objects.count() == before
    assert send(path, body, key=secret_key).status_code == 200  # another key is not held up


# --- Idempotence ---------------------------------------------------------------------------------
def test_a_batch_sent_again_changes_nothing(send: Send) -> None:
    calls = batch(*(TRACK | {"messageId": f"m{n}", "userId": f"u{n % 3}"} for n in range(10)))
    assert send("/v1/batch", calls).json()["accepted"] == 10
    before = list(Event.objects.values()), list(Profile.objects.values())
    assert send("/v1/batch", calls).json() == {
        "success": True,
        "accepted": 0,
        "duplicates": 10,
        "refused": [],
    }
    assert (list(Event.objects.values()), list(Profile.objects.values())) == before


def test_a_refused_call_counts_once_corrected_under_its_old_id(send: Send) -> None:
    assert send("/v1/track", {"messageId": "m1", "userId": "u1"}).status_code == 400
    assert send("/v1/track", TRACK | {"messageId": "m1"}).json()["accepted"] == 1


# --- Refusals ------------------------------------------------------------------------------------
def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


# Each is one call's JSON, refused alone, with the path and a part of the reason.
BAD_CALLS = [
    pytest.param(b'{"type":"track","userId":"u1"}', "event", "missing", id="no event"),
    pytest.param(b'{"type":"track","userId":"u1","event":" "}', "event", "missing", id="blank event"),
    pytest.param(b'{"type":"track","event":"E"}', "userId", "anonymousId", id="nobody"),
    pytest.param(b'{"type":"track","userId":"","event":"E"}', "userId", "missing", id="empty user"),
    pytest.param(
        b'{"type":"track","userId":null,"anonymousId":null,"event":"E"}', "userId", "", id="null ids"
    ),
    pytest.param(b'{"type":"trck","userId":"u1","event":"E"}', "type", "must be one of", id="wrong type"),
    pytest.param(b'{"userId":"u1","event":"E"}', "type", "missing", id="no type"),
    pytest.param(b'{"type":"track","userId":{"a":1},"event":"E"}', "userId", "Expected", id="object as id"),
    pytest.param(b'{"type":"track","userId":true,"event":"E"}', "userId", "Expected", id="boolean as id"),
    pytest.param(b'{"type":"track","userId":1.5,"event":"E"}', "userId", "whole number", id="fraction as id"),
    pytest.param(b'{"type":"track","userId":"u1","event":7}', "event", "Expected", id="number as event"),
    pytest.param(
        b'{"type":"track","userId":"u1","event":"E","properties":[1]}', "properties", "", id="array"
    ),
    pytest.param(b'{"type":"track","userId":"u1","event":"E","properties":"x"}', "properties", "", id="text"),
    pytest.param(b'{"type":"track","userId":"u1","event":"E","context":[]}', "context", "", id="context"),
    pytest.param(b'{"type":"group","userId":"u1"}', "groupId", "missing", id="no group"),
    pytest.param(b'{"type":"alias","userId":"u1"}', "previousId", "missing", id="no previous"),
    pytest.param(b'{"type":"alias","previousId":"u1","anonymousId":"a"}', "userId", "missing", id="alias"),
    pytest.param(
        b'{"type":"track","userId":"u1","event":"E","timestamp":"yesterday"}', "timestamp", "", id="time"
    ),
    pytest.param(b'{"type":"track","userId":"u1","event":"E","timestamp":12}', "timestamp", "", id="epoch"),
    pytest.param(
        b'{"type":"track","userId":"u1","event":"E","timestamp":"0001-01-01T00:00:00+14:00"}',
        "timestamp",
        "range",
        id="before time",
    ),
    pytest.param(b'{"type":"track","userId":"u\\u0000","event":"E"}', "userId", "NUL", id="NUL in id"),
    pytest.param(b'{"type":"track","userId":"u1","event":"E\\u0000"}', "event", "NUL", id="NUL in name"),
    pytest.param(
        b'{"type":"track","userId":"u1","event":"E","properties":{"a":{"b":["\\u0000"]}}}',
        "properties.a.b[0]",
        "NUL",
        id="NUL in value",
    ),
    pytest.param(
        b'{"type":"track","userId":"u1","event":"E","properties":{"a\\u0000":1}}',
        "properties.a\\u0000",
        "NUL",
        id="NUL in key",
    ),
    pytest.param(
        b'{"type":"identify","userId":"u1","traits":{"first_name":"A\\u0000"}}',
        "traits.first_name",
        "NUL",
        id="NUL in trait",
    ),
    pytest.param(
        b'{"type":"track","userId":"u1","event":"E","properties":{"a":1e400}}',
        "properties",
        "range",
        id="1e400",
    ),
    pytest.param(
        b'{"type":"track","userId":"u1","event":"E","properties":{"a":9223372036854775808}}',
        "properties.a",
        "64 bits",
        id="2^63",
    ),
    pytest.param(
        b'{"type":"track","userId":"u1","event":"E","properties":{"a":%s}}' % (b"9" * 5000),
        "properties",
        "",
        id="5000 digits",
    ),
    pytest.param(
        b'{"type":"track","userId":"u1","event":"E","properties":%s}' % json.dumps(deep(11)).encode(),
        "properties" + ".a" * 10,
        "10 deep",
        id="11 deep",
    ),
    pytest.param(
        b'{"type":"track","userId":"u1","event":"E","properties":{"a":%s1%s}}' % (b"[" * 11, b"]" * 11),
        "properties.a" + "[0]" * 9,
        "10 deep",
        id="11 arrays deep",
    ),
    pytest.param(
        json.dumps(TRACK | {"properties": {str(n): n for n in range(501)}}).encode(),
        "properties",
        "500",
        id="keys",
    ),
    pytest.param(
        json.dumps(TRACK | {"properties": {"a": [0] * 2001}}).encode(),
        "properties.a",
        "2000 items",
        id="items",
    ),
    pytest.param(json.dumps(TRACK | {"userId": "u" * 256}).encode(), "userId", "255", id="long id"),
    pytest.param(
        json.dumps(TRACK | {"messageId": "m" * 256}).encode(), "messageId", "255", id="long call id"
    ),
    pytest.param(json.dumps(TRACK | {"event": "E" * 256}).encode(), "event", "255", id="long event"),
    pytest.param(
        json.dumps(TRACK | {"properties": {"k" * 256: 1}}).encode(),
        "properties." + "k" * 40,
        "255",
        id="long key",
    ),
    pytest.param(json.dumps(TRACK | {"properties": {"a": "x" * 33_000}}).encode(), "", "32 KB", id="33 KB"),
    pytest.param(
        b'{"type":"identify","userId":"u1","traits":{"email":"nobody"}}', "traits.email", "email", id="email"
    ),
    pytest.param(
        b'{"type":"identify","userId":"u1","traits":{"email":7}}', "traits.email", "text", id="email 7"
    ),
    pytest.param(
        b'{"type":"identify","userId":"u1","traits":{"phone":"0301"}}', "traits.phone", "country", id="phone"
    ),
    pytest.param(
        b'{"type":"identify","userId":"u1","traits":{"address":{"country":"Atlantis"}}}',
        "traits.address.country",
        "country",
        id="country",
    ),
    pytest.param(
        b'{"type":"identify","userId":"u1","traits":{"timezone":"Mars"}}', "traits.timezone", "", id="zone"
    ),
    pytest.param(
        b'{"type":"identify","userId":"u1","traits":{"latitude":91}}', "traits.latitude", "90", id="north"
    ),
    pytest.param(
        b'{"type":"identify","userId":"u1","traits":{"locale":"??"}}', "traits.locale", "tag", id="locale"
    ),
    pytest.param(b'"track"', "", "Expected", id="text for a call"),
    pytest.param(b"[]", "", "Expected", id="array for a call"),
    pytest.param(b"null", "", "Expected", id="null for a call"),
]


@pytest.mark.parametrize("bad,path,reason", BAD_CALLS)
def test_a_bad_call_is_refused_alone_with_its_place_and_reason(
    send: Send, bad: bytes, path: str, reason: str
) -> None:
    good = json.dumps(TRACK).encode()
    answer = send("/v1/batch", b'{"batch":[' + b",".join([good, bad, good]) + b"]}")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["accepted"], [refused["index"] for refused in body["refused"]]) == (2, [1])
    assert body["refused"][0]["path"] == path
    assert reason in body["refused"][0]["reason"]
    kept = RefusedCall.objects.get()
    assert (kept.index, kept.reason) == (1, body["refused"][0]["reason"])
    assert Event.objects.count() == 2


def test_a_bad_call_sent_by_itself_is_a_400_with_its_place_and_reason(send: Send) -> None:
    answer = send("/v1/track", {"userId": "u1", "event": "E", "properties": {"a": {"b": "\x00"}}})
    assert answer.status_code == 400
    assert answer.json()["refused"] == [
        {"index": 0, "path": "properties.a.b", "reason": "holds the character NUL"}
    ]


@pytest.mark.parametrize("depth", [11, 100, 500, *range(850, 1_000, 7), 5_000])
def test_a_call_by_itself_is_refused_however_deep_it_is_nested(send: Send, depth: int) -> None:
    body = b'{"userId":"u1","event":"E","properties":%s{}%s}' % (b'{"a":' * depth, b"}" * depth)
    answer = send("/v1/track", body)
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    if refused := answer.json().get("refused"):
        # Where the decoder itself just about gives up, which the stack's depth decides, it cannot say where.
        paths = ("properties" + ".a" * 10, "")
        assert [(one["index"], one["path"] in paths) for one in refused] == [(0, True)]
        assert refused[0]["reason"] == "is nested more than 10 deep"
    else:
        assert "deep" in answer.json()["reason"]
    assert not Event.objects.exists()


@pytest.mark.parametrize("user", [7, 7.0, "7", " 7 "])
def test_a_number_as_user_id_is_the_same_as_its_text(send: Send, user: Any) -> None:
    send("/v1/track", TRACK | {"userId": user})
    assert Profile.objects.get().external_id == "7"


def test_only_a_hundred_refused_calls_of_a_batch_are_kept_shortened(send: Send) -> None:
    answer = send("/v1/batch", batch(*({"type": "track", "x": "y" * 900} for _ in range(1000))))
    assert len(answer.json()["refused"]) == 1000
    assert RefusedCall.objects.count() == 100
    assert not Receipt.objects.exists()


def test_a_batch_brings_its_context_to_calls_without_one(send: Send) -> None:
    context = {"timezone": "Asia/Tokyo", "locale": "ja-JP"}
    send("/v1/batch", batch(TRACK) | {"context": context})
    profile = Profile.objects.get()
    assert (profile.timezone, profile.language) == ("Asia/Tokyo", "ja-JP")


# --- Browsers ------------------------------------------------------------------------------------
def test_a_browser_may_ask_first_and_send_from_any_site(client: Client, send: Send) -> None:
    preflight = client.options("/v1/t", HTTP_ORIGIN="https://shop.test")
    assert (preflight.status_code, preflight["Access-Control-Allow-Origin"]) == (204, "*")
    assert "authorization" in preflight["Access-Control-Allow-Headers"]
    for answer in [send("/v1/t", TRACK), send("/v1/t", b"{"), send("/v1/t", TRACK, key="no")]:
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer


def test_the_browser_client_is_told_to_send_here_and_nowhere_else(client: Client, write_key: str) -> None:
    answer = client.get(f"/v1/projects/{write_key}/settings")
    assert list(answer.json()["integrations"]) == ["Segment.io"]
    assert answer.json()["integrations"]["Segment.io"]["apiHost"] == "testserver/v1"
    assert answer.json()["metrics"] == {"sampleRate": 0}
    assert client.get("/v1/projects/wk_wrong/settings").status_code == 401


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_reading_is_no_way_to_send(client: Client, path: str) -> None:
    assert client.get(path).status_code == 405


def test_no_cookie_counts_and_none_is_needed(client_of: Callable[..., Client], tenant: Tenant) -> None:
    browser = client_of("owner")
    assert browser.post("/v1/track", json.dumps(TRACK), content_type="text/plain").status_code == 401
