"""Segment's tracking API: its own clients work here with just the host changed.

What cannot be read at all is a 400 that says what and where; a bad call in a batch is refused alone, beside the good.
A 200 means that what was accepted is stored for good. The same call again changes nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django_scopes import scope
from msgspec import Raw

from audiences import ingest
from audiences.ingest.calls import Context
from tenants import json_body, keys, pace
from tenants.authentication import key_of
from tenants.json_body import MAX_BODY, Unreadable
from tenants.models import ApiKey

MAX_CALLS = 1_000
KINDS = {
    "identify": "identify",
    "track": "track",
    "page": "page",
    "screen": "screen",
    "group": "group",
    "alias": "alias",
    # the browser client's short paths
    "i": "identify",
    "t": "track",
    "p": "page",
    "s": "screen",
    "g": "group",
    "a": "alias",
}
CORS = {
    "Access-Control-Allow-Origin": "*",  # no cookie counts here, so any site may send with its key
    "Access-Control-Expose-Headers": "Retry-After",
}
PREFLIGHT = CORS | {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, content-encoding, x-retry-count",
    "Access-Control-Max-Age": "86400",
}


class NotAllowed(Exception):
    """The key does not open this."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class TooFast(Exception):
    """The key has sent more than it may for now."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"This key sends too many calls: wait {seconds} s, then send this again.")
        self.seconds = seconds


class Batch(msgspec.Struct):
    batch: list[Raw]
    sentAt: datetime | None = None
    writeKey: str | None = None
    context: Context | None = None


_decode_batch = msgspec.json.Decoder(Batch).decode
_decode_call = msgspec.json.Decoder(dict[str, Any]).decode


@csrf_exempt
def batch(request: HttpRequest) -> HttpResponse:
    """Store a batch; refused calls are listed in the answer with index, path and reason."""
    if answer := _no_post(request):
        return answer
    try:
        body = _decoded(_decode_batch, _body(request))
        if len(body.batch) > MAX_CALLS:
            raise Unreadable(f"batch: holds {len(body.batch)} calls; at most {MAX_CALLS} are taken at once")
        key = _key(request, body.writeKey)
        _keep_pace(key, len(body.batch))
        with scope(tenant=key.tenant):
            parcel = ingest.Parcel(body.batch, _now(key), body.sentAt, body.context)
            stored = ingest.store_shared(parcel, tenant=key.tenant, origin=_origin(key))
    except (Unreadable, NotAllowed, TooFast, ingest.TooMuchAtOnce) as error:
        return _refusal(error)
    return _answer(stored, 200)


@csrf_exempt
def call(request: HttpRequest, path: str) -> HttpResponse:
    """Store one call, whose kind the path names; a call that is refused is a 400 with the reason."""
    if answer := _no_post(request):
        return answer
    try:
        body = _decoded(_decode_call, _body(request))
        key = _key(request, body.pop("writeKey", None))
        _keep_pace(key, 1)
        with scope(tenant=key.tenant):
            parcel = ingest.Parcel([body | {"type": KINDS[path]}], _now(key))
            stored = ingest.store_shared(parcel, tenant=key.tenant, origin=_origin(key))
    except (Unreadable, NotAllowed, TooFast, ingest.TooMuchAtOnce) as error:
        return _refusal(error)
    return _answer(stored, 400 if stored.refused else 200)


def settings(request: HttpRequest, key: str) -> HttpResponse:
    """Tell Segment's browser client to send to us and to nobody else."""
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=PREFLIGHT)
    try:
        _allowed(key)
    except NotAllowed as error:
        return _refusal(error)
    destination = {"apiKey": key, "apiHost": f"{request.get_host()}/v1", "protocol": request.scheme}
    return JsonResponse(
        {
            "integrations": {"Segment.io": destination | {"unbundledIntegrations": []}},
            "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
            "edgeFunction": {},
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "metrics": {"sampleRate": 0},
            "remotePlugins": [],
        },
        headers=CORS,
    )


def _no_post(request: HttpRequest) -> HttpResponse | None:
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=PREFLIGHT)
    if request.method != "POST":
        return _json({"success": False, "reason": "Calls are sent by POST."}, 405, {"Allow": "POST, OPTIONS"})
    return None


def _body(request: HttpRequest) -> bytes:
    """Return the body, unpacked if it is gzip whatever the headers say; clients disagree on those."""
    too_large = f"The request is larger than {MAX_BODY // 1024} KB"
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
        raise Unreadable(f"{too_large}.")
    body = request.read(MAX_BODY + 1)
    if body[:2] == b"\x1f\x8b":
        unpacking = zlib.decompressobj(31)
        try:
            body = unpacking.decompress(body, MAX_BODY + 1)
        except zlib.error as error:
            raise Unreadable(f"The body is not valid gzip: {error}.") from None
        if len(body) <= MAX_BODY and (not unpacking.eof or unpacking.unused_data):
            raise Unreadable("The body is not valid gzip: it ends too early or goes on after its end.")
    if len(body) > MAX_BODY:
        raise Unreadable(f"{too_large}.")
    return body.removeprefix(b"\xef\xbb\xbf")


def _decoded(decode: Callable[[bytes], Any], body: bytes) -> Any:
    """Return what the body says; half an emoji in one call is no reason to lose the others."""
    try:
        return json_body.decoded(decode, body)
    except Unreadable:
        mended = json_body.without_halves(body)
        if mended == body:
            raise
        return json_body.decoded(decode, mended)


def _key(request: HttpRequest, in_body: Any) -> ApiKey:
    header = key_of(request.META.get("HTTP_AUTHORIZATION", ""))
    return _allowed(header or (in_body if isinstance(in_body, str) else ""))


def _allowed(key: str) -> ApiKey:
    row = keys.find(key) if "\x00" not in key else None
    if row is None:
        raise NotAllowed(
            "No valid key: send a write key as user name of basic authentication or as writeKey.", 401
        )
    if "ingest" not in row.scopes:
        raise NotAllowed("This key may not send data in: it lacks the scope “ingest”.", 403)
    return row


def _keep_pace(key: ApiKey, calls: int) -> None:
    if seconds := pace.take("track", key.pk, a_minute=django_settings.API_PACE["track"], cost=calls):
        raise TooFast(seconds)


def _origin(key: ApiKey) -> ingest.Origin:
    return ingest.Origin.BROWSER if key.kind == ApiKey.Kind.WRITE else ingest.Origin.SERVER


def _now(key: ApiKey) -> datetime:
    return key.asked_at + key.tenant.clock_offset


def _answer(stored: ingest.Stored, status: int) -> HttpResponse:
    refused = [asdict(refusal) for refusal in stored.refused]
    answer = {"accepted": stored.accepted, "duplicates": stored.duplicates, "refused": refused}
    return _json({"success": status == 200} | answer, status)


def _refusal(error: Exception) -> HttpResponse:
    match error:
        case NotAllowed():
            headers = {"WWW-Authenticate": 'Basic realm="Tact"'} if error.status == 401 else {}
            return _json({"success": False, "reason": str(error)}, error.status, headers)
        case TooFast():
            return _json({"success": False, "reason": str(error)}, 429, {"Retry-After": str(error.seconds)})
        case ingest.TooMuchAtOnce():
            return _json({"success": False, "reason": str(error)}, 503, {"Retry-After": "1"})
        case _:
            return _json({"success": False, "reason": str(error)}, 400)


def _json(content: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> HttpResponse:
    body = msgspec.json.encode(content)
    return HttpResponse(body, content_type="application/json", status=status, headers=CORS | (headers or {}))
