"""A kept mail taken apart for showing; whatever its bytes, something readable comes out."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

from delivery.sandbox.inbox import head_of, header

_HEADER_NAME = re.compile(rb"(?m)^([!-9;-~]+):")
_PLACES_FOR_BASE = [
    re.compile(tag, re.IGNORECASE) for tag in (r"<head[^>]*>", r"<html[^>]*>", r"<!doctype[^>]*>")
]
_BASE = '<base target="_blank">'


@dataclass(frozen=True, slots=True)
class Opened:
    """``headers`` are decoded, in their order; ``source`` is the mail as it came over the wire."""

    html: str
    text: str
    headers: list[tuple[str, str]]
    source: str


def opened(data: bytes) -> Opened:
    """Return the mail in ``data`` taken apart; "" for a body it does not have."""
    message = message_from_bytes(data, policy=policy.default)
    return Opened(
        _body(message, "html"), _body(message, "plain"), _headers(data), data.decode("utf-8", "replace")
    )


def with_links_outside(html: str) -> str:
    """Return ``html`` with its links leading to a new tab rather than into the frame that shows it."""
    for place in _PLACES_FOR_BASE:
        if found := place.search(html):
            return html[: found.end()] + _BASE + html[found.end() :]
    return _BASE + html


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else b""
    try:
        return octets.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # a character set nobody knows
        return octets.decode("utf-8", "replace")


def _headers(data: bytes) -> list[tuple[str, str]]:
    """Every header once; of one that is repeated, its first."""
    head = head_of(data)
    names = dict.fromkeys(name.decode("ascii") for name in _HEADER_NAME.findall(head))
    return [(name, header(head, re.escape(name))) for name in names]
