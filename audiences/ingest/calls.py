"""Calls as clients send them (Segment's spec) and as we understand them; a bad one is refused alone."""

from __future__ import annotations

import enum
import hashlib
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Raw

from audiences import attributes, consent
from audiences.ingest.clocks import Clock
from audiences.models import Identity, Profile
from tenants import json_body, strict
from tenants.strict import Refused

MAX_CALL = 32 * 1024  # bytes of one call, Segment's limit
Key = tuple[str, str]  # an identity: (kind, value)
EXTERNAL_ID, ANONYMOUS_ID = Identity.Kind.EXTERNAL_ID.value, Identity.Kind.ANONYMOUS_ID.value
EMAIL, PHONE = Identity.Kind.EMAIL.value, Identity.Kind.PHONE.value


class Origin(enum.Enum):
    """Who sends calls, which decides how far they are believed."""

    BROWSER = "browser"  # a write key: whoever reads a web page has it
    SERVER = "server"  # a secret key, or ourselves
    IMPORT = "import"  # a file: what it says is no activity of the person's


@dataclass(frozen=True, slots=True)
class Refusal:
    index: int  # the call's place in the request
    path: str  # where in the call, such as "properties.total"; empty for the call as a whole
    reason: str


class Call(msgspec.Struct, gc=False):
    """A call understood: who, when, and what it says of them."""

    index: int
    digest: bytes
    call_id: str
    raw: bytes
    who: tuple[Key, ...]  # the first decides, the others belong to the same person where that is plausible
    at: datetime
    is_clamped: bool
    may_start: bool
    name: str = ""  # of the event; empty for a call that is none
    properties: dict[str, Any] = {}
    is_activity: bool = False
    stated: dict[str, Any] | None = None  # attributes it sets; None in it removes
    suggested: dict[str, Any] | None = None  # attributes it fills in where missing
    located: dict[str, Any] | None = None  # attributes that say where they are; None in it removes
    consent: dict[str, str] | None = None
    previous: str = ""  # of an alias: whom the person was known as
    person: Any = None  # a people.Person, set once people are resolved


class Context(msgspec.Struct, gc=False):
    timezone: Any = None
    locale: Any = None
    location: Any = None
    externalIds: Any = None


class Wire(msgspec.Struct, gc=False):
    """One call of Segment's tracking API, with what we add: ``consent``, for senders we can trust with it."""

    type: str = ""
    messageId: str | int | None = None
    userId: str | int | float | None = None
    anonymousId: str | int | float | None = None
    previousId: str | int | float | None = None
    groupId: str | int | float | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: Context | None = None
    timestamp: datetime | None = None
    originalTimestamp: datetime | None = None
    sentAt: datetime | None = None
    consent: dict[str, str] | None = None


_Name = Annotated[str, msgspec.Meta(max_length=strict.MAX_NAME)]
_Whole = Annotated[int, msgspec.Meta(ge=strict.INT64[0], le=strict.INT64[-1])]
_Flat = Annotated[dict[_Name, str | _Whole | float | bool | None], msgspec.Meta(max_length=strict.MAX_KEYS)]


class PlainWire(Wire, gc=False):
    """A call as most are: what it carries is one flat object without anything odd, and needs no walk."""

    properties: _Flat | None = None
    traits: _Flat | None = None


_decode = msgspec.json.Decoder(Wire).decode
_decode_plain = msgspec.json.Decoder(PlainWire).decode
_encode = msgspec.json.Encoder().encode


class Reader:
    """Understands the calls of one batch."""

    def __init__(
        self, *, clock: Clock, origin: Origin, sent_at: datetime | None, context: Context | None
    ) -> None:
        self._clock = clock
        self._is_browser = origin is Origin.BROWSER
        self._sent_at = sent_at
        self._context = context  # the batch's, for calls that bring none of their own

    def read(
        self, calls: Iterable[Raw | bytes | dict[str, Any]], *, first: int = 0
    ) -> tuple[list[Call], list[tuple[Refusal, bytes]]]:
        """Return the calls that can be stored, in order, and those that cannot with their bytes.

        ``first``: the place in the batch of the first of them.
        """
        understood: list[Call] = []
        refused: list[tuple[Refusal, bytes]] = []
        for index, given in enumerate(calls, first):
            raw = b""
            try:
                raw = _encoded(given) if isinstance(given, dict) else bytes(given)
                understood.append(self._understand(index, raw))
            except Refused as error:
                refused.append((Refusal(index, error.path, error.reason), raw))
        return understood, refused

    def _understand(self, index: int, raw: bytes) -> Call:
        if len(raw) > MAX_CALL:
            raise Refused("", f"is larger than {MAX_CALL // 1024} KB")
        wire = _decoded(raw)
        understand = _KINDS.get(wire.type)
        if understand is None:
            raise Refused("type", f"must be one of {', '.join(_KINDS)}" if wire.type else "is missing")
        claimed = wire.originalTimestamp or wire.timestamp
        at, is_clamped, may_start = self._clock.settle(claimed, wire.sentAt or self._sent_at)
        call_id = _call_id(wire, raw, has_time=claimed is not None)
        call = Call(index, _digest(call_id), call_id, raw, _who(wire), at, is_clamped, may_start)
        understand(call, wire)
        if not call.who or (self._is_browser and call.who[0][0] not in (EXTERNAL_ID, ANONYMOUS_ID)):
            raise Refused("userId", "is missing, and so is anonymousId")
        if context := wire.context or self._context:
            _surroundings(call, context)
        if call.stated and not attributes.LOCATION.isdisjoint(call.stated):
            stated = {name: call.stated.pop(name) for name in attributes.LOCATION & call.stated.keys()}
            call.located = (call.located or {}) | stated
        if wire.consent:
            call.consent = self._consent(wire.consent)
        return call

    def _consent(self, stated: dict[str, str]) -> dict[str, str]:
        if self._is_browser:
            raise Refused("consent", "needs a secret key: anyone can read a write key")
        for subject, standing in stated.items():
            strict.text(subject, "consent")
            if not consent.is_subject(subject):
                allowed = f"{', '.join(consent.CHANNELS)} or {consent.TOPIC}…"
                raise Refused("consent", f"is about “{subject[:40]}”; it must be {allowed}")
            if standing not in Profile.Standing.values:
                raise Refused(f"consent.{subject}", f"must be one of {', '.join(Profile.Standing.values)}")
        return stated


def _encoded(call: dict[str, Any]) -> bytes:
    try:
        return _encode(call)
    except RecursionError as error:  # nested as deep as the decoder could just about go
        for name, value in call.items():
            strict.check(value, name)
        raise Refused(*json_body.locate(error)) from None


def _decoded(raw: bytes) -> Wire:
    if b"\\" not in raw or b"\\u0000" not in raw:  # a single byte is looked for ten times as fast
        try:
            return _decode_plain(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # whatever is wrong or merely odd, the other one tells
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(*json_body.locate(error)) from None


def _checked(wire: Wire, path: str) -> dict[str, Any]:
    """Return a call's properties or traits, or raise Refused."""
    values: dict[str, Any] = getattr(wire, path) or {}
    if type(wire) is not PlainWire:
        strict.check(values, path)
    return values


def _call_id(wire: Wire, raw: bytes, *, has_time: bool) -> str:
    """Return the client's id. Without one, a call that says when it happened is known again by its content."""
    if wire.messageId:
        return strict.text(str(wire.messageId), "messageId")
    return "content-" + hashlib.blake2b(raw, digest_size=16).hexdigest() if has_time else str(uuid.uuid4())


def _digest(call_id: str) -> bytes:
    return hashlib.blake2b(call_id.encode(), digest_size=16).digest()


def _id(value: str | float | None, path: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return strict.text(value.strip(), path)
    if isinstance(value, float) and not value.is_integer():
        raise Refused(path, "must be text or a whole number")
    return strict.text(str(int(value)), path)


def _who(wire: Wire) -> tuple[Key, ...]:
    keys: tuple[Key, ...] = ()
    if wire.userId is not None and (user := _id(wire.userId, "userId")):
        keys = ((EXTERNAL_ID, user),)
    if wire.anonymousId is not None and (anonymous := _id(wire.anonymousId, "anonymousId")):
        keys += ((ANONYMOUS_ID, anonymous),)
    if wire.context and wire.context.externalIds:
        keys += _external_ids(wire.context.externalIds)
    return keys


def _external_ids(given: Any) -> tuple[Key, ...]:
    """Return Segment's ``context.externalIds`` of the kinds that find people here; others are left alone."""
    keys = []
    for number, item in enumerate(given if isinstance(given, list) else []):
        if isinstance(item, dict) and item.get("type") in (EMAIL, PHONE, EXTERNAL_ID, ANONYMOUS_ID):
            path = f"context.externalIds[{number}].id"
            value = item.get("id")
            if not isinstance(value, str):
                raise Refused(path, "must be text")
            if known := _identity(item["type"], value, path):
                keys.append((item["type"], known))
    return tuple(keys)


def _identity(kind: str, value: str, path: str) -> str:
    if kind not in (EMAIL, PHONE):
        return strict.text(value.strip(), path)
    try:
        cleaned = attributes.clean(kind, value)
    except attributes.Unfit as error:
        raise Refused(path, str(error)) from None
    if cleaned is None:
        raise Refused(path, "is missing")
    return cleaned.lower()


# --- One function a kind of call -----------------------------------------------------------------
def _identify(call: Call, wire: Wire) -> None:
    call.stated = _stated(_checked(wire, "traits"), "traits")
    if email := call.stated.get("email"):
        call.who += ((EMAIL, email.lower()),)  # a later import that knows only the address means this person


def _track(call: Call, wire: Wire) -> None:
    if not wire.event or wire.event.isspace():
        raise Refused("event", "is missing")
    call.name = strict.text(wire.event, "event")
    call.properties = _checked(wire, "properties")
    call.is_activity = True


def _page(call: Call, wire: Wire) -> None:
    _view(call, wire, "Page Viewed")


def _screen(call: Call, wire: Wire) -> None:
    _view(call, wire, "Screen Viewed")


def _view(call: Call, wire: Wire, event: str) -> None:
    call.name = event
    said = {"name": wire.name, "category": wire.category}
    added = {name: strict.text(value, name) for name, value in said.items() if value}
    call.properties = _checked(wire, "properties") | added
    call.is_activity = True


def _group(call: Call, wire: Wire) -> None:
    group = _id(wire.groupId, "groupId")
    if not group:
        raise Refused("groupId", "is missing")
    traits = _checked(wire, "traits")
    call.name = "Group Joined"
    call.properties = {**traits, "group_id": group}
    call.stated = _stated({"group": traits | {"id": group}}, "traits")


def _alias(call: Call, wire: Wire) -> None:
    user, previous = _id(wire.userId, "userId"), _id(wire.previousId, "previousId")
    if not user:
        raise Refused("userId", "is missing")
    if not previous:
        raise Refused("previousId", "is missing")
    call.who = ((EXTERNAL_ID, user),)
    call.previous = "" if previous == user else previous


def _surroundings(call: Call, context: Context) -> None:
    if context.timezone or context.locale:
        call.suggested = attributes.from_context(context.timezone, context.locale)
    if context.location:
        call.located = _located(context.location)


def _located(location: Any) -> dict[str, Any] | None:
    try:
        return attributes.from_location(location)
    except attributes.Unfit as error:
        raise Refused(f"context.location.{error.args[1]}", str(error.args[0])) from None


def _stated(traits: dict[str, Any], path: str) -> dict[str, Any]:
    try:
        return attributes.from_traits(traits)
    except attributes.Unfit as error:
        raise Refused(f"{path}.{error.args[1]}", str(error.args[0])) from None


_KINDS: dict[str, Callable[[Call, Wire], None]] = {
    "identify": _identify,
    "track": _track,
    "page": _page,
    "screen": _screen,
    "group": _group,
    "alias": _alias,
}
