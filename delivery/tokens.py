"""Signed tokens in mails' links: what they name cannot be guessed or changed, and needs no table to be read."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from hashlib import sha256

import msgspec
from django.conf import settings
from django.utils.crypto import salted_hmac

SIGNATURE_BYTES = 16
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Forged(Exception):
    """The token is not one of ours, or was changed on its way."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a token says: which delivery, for which purpose, and for a link where it leads."""

    purpose: str  # o: open, c: click, u: unsubscribe
    tenant_id: int
    delivery_id: int
    occasion_at: datetime
    url: str = ""


def write(mark: Mark) -> str:
    """Return the token that says ``mark``; the same mark always gives the same token."""
    body = _encode(
        (mark.purpose, mark.tenant_id, mark.delivery_id, _microseconds(mark.occasion_at), mark.url)
    )
    return base64.urlsafe_b64encode(body + _sign(body, settings.SECRET_KEY)).rstrip(b"=").decode()


def read(token: str, *, purpose: str) -> Mark:
    """Return what a token says. Raises Forged if it is not ours or was made for another purpose.

    Tokens never expire; those signed with an earlier key of SECRET_KEY_FALLBACKS stay good.
    """
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError) as exc:
        raise Forged from exc
    body, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    if not any(hmac.compare_digest(signature, _sign(body, key)) for key in keys):
        raise Forged
    said, tenant_id, delivery_id, moment, url = msgspec.msgpack.decode(body)
    if said != purpose:
        raise Forged
    return Mark(said, tenant_id, delivery_id, EPOCH + timedelta(microseconds=moment), url)


_encode = msgspec.msgpack.Encoder().encode


@lru_cache(maxsize=16)  # one moment for all of a plan
def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _sign(body: bytes, secret: str) -> bytes:
    return hmac.digest(_key(secret), body, sha256)[:SIGNATURE_BYTES]


@cache
def _key(secret: str) -> bytes:
    return salted_hmac("tact.tracking", "", secret=secret, algorithm="sha256").digest()
