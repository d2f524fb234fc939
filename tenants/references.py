"""Rows without a public id, named to outsiders: words that nobody can read, make up or count with."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.conf import settings
from django.utils.crypto import salted_hmac

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST = 2**56  # of both numbers: a billion a second for two years, and the year 4253
_BLOCK = struct.Struct(">QQ")  # one block of the cipher; the first byte of each number stays zero


class NotOurs(Exception):
    """The word is none of ours, or was made for another purpose."""


class Place(NamedTuple):
    """What a word stands for: a row by its id, and its moment where the table is partitioned by one."""

    id: int
    at: datetime = EPOCH


def write(purpose: str, place: Place) -> str:
    """Return the word for a place, 32 hexadecimal digits; always the same under one SECRET_KEY."""
    moment = (place.at - EPOCH) // timedelta(microseconds=1)
    encryptor = _cipher(purpose, settings.SECRET_KEY).encryptor()
    return encryptor.update(_BLOCK.pack(place.id, moment)).hex()


def read(purpose: str, word: str) -> Place:
    """Return what ``write`` was given. Raises NotOurs; words of an earlier SECRET_KEY stay good as its fallback does.

    One in 65,000 made-up words passes and names no row: look it up within the tenant.
    """
    try:
        block = bytes.fromhex(word)
    except ValueError as exc:
        raise NotOurs from exc
    if len(block) != _BLOCK.size or word != block.hex():
        raise NotOurs
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        id_, moment = _BLOCK.unpack(_cipher(purpose, secret).decryptor().update(block))
        if id_ < LARGEST and moment < LARGEST:
            return Place(id_, EPOCH + timedelta(microseconds=moment))
    raise NotOurs


@cache
def _cipher(purpose: str, secret: str) -> Cipher[modes.ECB]:
    """A permutation of single blocks, which is what this mode is where there is one block and none is repeated."""
    key = salted_hmac(f"tact.reference.{purpose}", "", secret=secret, algorithm="sha256").digest()
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305
