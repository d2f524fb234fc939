"""The management API's frame: who gets in, what is read, what is said when something is wrong, and its pace."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from tenants import clock, keys, references
from tenants.references import Place
from tests.api import Caller, shaped

UUID = "7b0e2f1c-3b0f-4a57-9d5e-0f8f6f0d1c11"


@pytest.fixture(autouse=True)
def _counted_anew():
    cache.clear()


# --- Who gets in ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "no_key"),
        ("Bearer sk_nobody-made-this", "no_such_key"),
        ("Basic !!!", "no_such_key"),
        ("Basic é", "no_such_key"),
        ("Digest x", "no_such_key"),
        ("Bearer sk_\x00", "no_such_key"),
    ],
)
def test_without_a_live_key_nothing_is_opened(tenant, header, code):
    answer = Client().get("/api/v1/profiles", headers={"Authorization": header} if header else {})
    shaped(answer, 401, code)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Tact"'


def test_a_session_is_no_key(client_of):
    shaped(client_of().get("/api/v1/profiles"), 401, "no_key")


def test_a_write_key_opens_nothing(tenant):
    error = shaped(Caller(tenant, kind="write").get("profiles"), 403, "not_allowed")
    assert "write key" in error["message"]


def test_a_key_needs_the_scope(tenant):
    error = shaped(
        Caller(tenant, scopes=["ingest", "edit", "launch", "send"]).get("profiles"), 403, "not_allowed"
    )
    assert "“read”" in error["message"]
    assert Caller(tenant, scopes=["read"]).get("profiles").status_code == 200
    assert Caller(tenant, scopes=["read"]).client.head("/api/v1/profiles").status_code == 200


def test_a_revoked_key_opens_nothing_from_then_on(tenant, owner, api):
    assert api.get("profiles").status_code == 200
    keys.revoke(tenant=tenant, key=api.row.public_id, actor=owner, now=clock.raw_now())
    shaped(api.get("profiles"), 401, "no_such_key")


def test_a_key_may_come_as_the_user_name_of_basic_auth(api):
    basic = b64encode(f"{api.key}:".encode()).decode()
    assert Client().get("/api/v1/profiles", headers={"Authorization": f"Basic {basic}"}).status_code == 200


# --- What is said when something is wrong -----------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "nothing-of-the-kind", 404, "not_found"),
        ("GET", "profiles/", 404, "not_found"),
        ("GET", "profiles/no-uuid", 404, "not_found"),
        ("POST", "nothing%0Aof-the-kind", 404, "not_found"),
        ("GET", f"profiles/{UUID}", 404, "not_found"),
        ("GET", f"campaigns/{UUID}/variants/a%00/contents/email", 404, "not_found"),
        ("GET", "profiles?email=%00", 400, "invalid"),
        ("DELETE", "profiles", 405, "method_not_allowed"),
        ("PATCH", f"segments/{UUID}", 405, "method_not_allowed"),
    ],
)
def test_every_error_has_one_shape(api, method, path, status, code):
    shaped(api.send(method, path), status, code)


def test_another_content_type_is_told(api):
    answer = api.client.post("/api/v1/segments", {"name": "x"})
    shaped(answer, 415, "unsupported_media_type")


BAD_BODIES = [
    pytest.param(b'{"name": ', "line 1, column 10", id="broken"),
    pytest.param(b'{"name": NaN}', "invalid character", id="NaN"),
    pytest.param(b'{"name": 1e999}', "out of range", id="infinite"),
    pytest.param(b'{"name": "a\\u0000b"}', "name: holds the character NUL", id="NUL"),
    pytest.param(b'{"name": "\\ud800"}', "line 1, column 19", id="half a character"),
    pytest.param(b'{"name": "\xff"}', "not UTF-8", id="not UTF-8"),
    pytest.param(b'{"rule": ' + b"[" * 100 + b"]" * 100 + b"}", "nested more than", id="deep"),
    pytest.param(b"[" * 100_000, "nested more than", id="bottomless"),
    pytest.param(b'{"n": 99999999999999999999}', "more than 64 bits", id="large number"),
    pytest.param(b'"' + b"x" * 1_100_000 + b'"', "larger than 1024 KB", id="large"),
]


@pytest.mark.parametrize(("body", "said"), BAD_BODIES)
def test_a_body_that_cannot_be_kept_is_refused_with_the_reason(api, body, said):
    assert said in shaped(api.post("segments", body), 400, "unreadable")["message"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "name"),
        ([], ""),
        ({"name": "N", "rule": {"all": []}, "colour": "red"}, "colour"),
        ({"name": "N" * 121, "rule": {"all": []}}, "name"),
    ],
)
def test_a_wrong_field_is_told_by_its_path(api, body, path):
    error = shaped(api.post("segments", body), 400, "invalid")
    assert error["details"][0]["path"] == path


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"cursor": "x"},
        {"cursor": "0" * 32},
        {"emial": "a@b.test"},
    ],
)
def test_a_wrong_question_is_told(api, query):
    error = shaped(api.get("profiles", **query), 400, "invalid")
    assert error["details"][0]["path"] == next(iter(query))


def test_what_fails_on_our_side_is_told_in_the_same_shape(api, monkeypatch):
    monkeypatch.setattr("audiences.people.known_as", None)
    error = shaped(api.get("profiles"), 500, "broken")
    assert "NoneType" not in error["message"]


# --- Its pace ---------------------------------------------------------------------------------------
def test_a_key_that_asks_too_often_is_told_how_long_to_wait(api, tenant, settings):
    settings.API_PACE = {"manage": 1, "send": 1}
    assert api.get("segments").status_code == 200
    answer = api.get("segments")
    shaped(answer, 429, "too_many_requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert Caller(tenant).get("segments").status_code == 200  # another key is not held up


# --- How it describes itself ------------------------------------------------------------------------
def test_the_description_has_nothing_to_complain_about(capsys):
    call_command("spectacular", validate=True, fail_on_warn=True)
    assert "Warning" not in capsys.readouterr().err


def test_the_pages_ask_nobody_but_us(client):
    page = client.get("/api/docs/").content.decode()
    assert "//" not in page.replace("</script>", "")
    script = client.get("/api/docs/?script=")
    assert "/api/v1/schema" in script.content.decode()
    assert client.get("/api/v1/schema").status_code == 200


# --- References -------------------------------------------------------------------------------------
PLACE = Place(123_456, datetime(2026, 11, 22, 10, 30, 15, 123_456, tzinfo=UTC))


def test_a_reference_leads_back_to_what_it_was_written_for(settings):
    word = references.write("delivery", PLACE)
    assert len(word) == 32
    assert references.read("delivery", word) == PLACE
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one"
    assert references.read("delivery", word) == PLACE
    assert references.write("delivery", PLACE) != word


@pytest.mark.parametrize(
    "word",
    [
        references.write("cursor", PLACE),
        references.write("delivery", PLACE)[:-1],
        references.write("delivery", PLACE) + "00",
        references.write("delivery", PLACE).upper(),
        "",
        "ä" * 32,
    ],
)
def test_other_words_are_not_ours(word):
    with pytest.raises(references.NotOurs):
        references.read("delivery", word)


def test_neighbours_have_nothing_in_common():
    words = [references.write("delivery", Place(n, PLACE.at)) for n in range(100)]
    assert len(set(words)) == len({word[:8] for word in words}) == len({word[-8:] for word in words}) == 100
