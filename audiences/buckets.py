"""Shares of people that last: a bucket from 0 to 9999 by profile and salt, the same in Python and in PostgreSQL."""

from __future__ import annotations

COUNT = 10_000

# {} the profile's id, then the salt: a template of audiences.rules.fragments.sql. The per cent sign is doubled for
# psycopg. The remainder of a signed hash has its sign; as each remainder but 0 comes with either sign, and 0 takes
# both halves of its own, all buckets are equally likely.
SQL = "abs(hashint8extended({}, {}::bigint) %% 10000)"

_32, _64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def bucket(profile_id: int, salt: int) -> int:
    """Return the profile's bucket, 0 to 9999, for this salt; id and salt are signed 64 bits. Salts are independent."""
    hashed = hash_int8_extended(profile_id, salt)
    return abs(hashed) % COUNT


def hash_int8_extended(value: int, seed: int) -> int:
    """Return PostgreSQL's hashint8extended, a signed 64-bit number: Jenkins' lookup3 over the two halves, folded."""
    low, high = value & _32, (value >> 32) & _32
    key = low ^ (high if value >= 0 else ~high & _32)
    a = b = c = (0x9E3779B9 + 4 + 3_923_095) & _32
    if seed & _64:
        a, b, c = _mix((a + (seed >> 32 & _32)) & _32, (b + (seed & _32)) & _32, c)
    b, c = _final((a + key) & _32, b, c)
    unsigned = b << 32 | c
    return unsigned - (1 << 64) if unsigned >> 63 else unsigned


def _rotate(x: int, by: int) -> int:
    return (x << by | x >> (32 - by)) & _32


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for by_a, by_b, by_c in ((4, 6, 8), (16, 19, 4)):
        a = (a - c & _32) ^ _rotate(c, by_a)
        c = c + b & _32
        b = (b - a & _32) ^ _rotate(a, by_b)
        a = a + c & _32
        c = (c - b & _32) ^ _rotate(b, by_c)
        b = b + a & _32
    return a, b, c


def _final(a: int, b: int, c: int) -> tuple[int, int]:
    c = (c ^ b) - _rotate(b, 14) & _32
    a = (a ^ c) - _rotate(c, 11) & _32
    b = (b ^ a) - _rotate(a, 25) & _32
    c = (c ^ b) - _rotate(b, 16) & _32
    a = (a ^ c) - _rotate(c, 4) & _32
    b = (b ^ a) - _rotate(a, 14) & _32
    c = (c ^ b) - _rotate(b, 24) & _32
    return b, c
