"""A request's body as JSON, or what is wrong with it and where; the same for every way in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from tenants import strict

MAX_BODY = 1024 * 1024  # bytes, unpacked; Segment's own limit is half of it

_MESSAGE = re.compile(r"(?P<reason>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)

_HIGH, _LOW = rb"[dD][89abAB][0-9a-fA-F]{2}", rb"[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = re.compile(rb"(?<!\\)\\u(?:%b(?!\\u%b)|(?<!\\u%b\\u)%b)" % (_HIGH, _LOW, _HIGH, _LOW))


class Unreadable(Exception):
    """The request cannot be understood; what and where."""


def decoded(decode: Callable[[bytes], Any], body: bytes) -> Any:
    """Return what a decoder of msgspec's makes of ``body``. Raises Unreadable."""
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        path, reason = locate(error)
        raise Unreadable(f"{path}: {reason}" if path else reason) from None
    except RecursionError as error:
        raise Unreadable(f"The JSON {locate(error)[1]}.") from None
    except UnicodeDecodeError:
        raise Unreadable(f"The body is not UTF-8{_near(body)}.") from None
    except msgspec.DecodeError as error:
        raise Unreadable(f"{_broken(str(error), body)}.") from None


def without_halves(body: bytes) -> bytes:
    """Return JSON with U+FFFD for each half of a surrogate pair: what is left of an emoji that a program cut in two."""
    return _HALF.sub(rb"\\ufffd", body)


def locate(error: Exception) -> tuple[str, str]:
    """Return where in the JSON a decoder's error lies, as a path, and what it says."""
    if isinstance(error, RecursionError):
        return "", f"is nested more than {strict.MAX_DEPTH} deep"
    match = _MESSAGE.fullmatch(str(error))
    assert match
    return (match["path"] or "").replace("[...]", ""), match["reason"]


def _near(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f", {_place(body, error.start)}"
    return ""


def _broken(message: str, body: bytes) -> str:
    """Return a decoder's complaint with line and column in place of its byte."""
    said, _, byte = message.partition(" (byte ")
    if byte:
        return f"{said}, {_place(body, int(byte.rstrip(')')))}"
    return f"{said}, {_place(body, len(body))}"


def _place(body: bytes, offset: int) -> str:
    before = body[:offset].split(b"\n")
    return f"line {len(before)}, column {len(before[-1]) + 1}"
