"""Statements whose parameters travel in binary form: whole columns of values go into one statement as arrays."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.adapt import Dumper


class Column(bytes):
    """An array as it lies on the wire, for a ``%b`` with a cast to its type: packed in a third of a list's time."""


class _ColumnDumper(Dumper):
    format = psycopg.pq.Format.BINARY

    def dump(self, obj: Column) -> Column:
        return obj


psycopg.adapters.register_dumper(Column, _ColumnDumper)

_HEAD = struct.Struct(
    ">iiIii"
)  # dimensions, whether there are NULLs, the elements' type and number, the first's
_LENGTH = struct.Struct(">i")
_BIGINT = struct.Struct(">q")
_NULL = b"\xff\xff\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def bigints(values: Iterable[int]) -> Column:
    return _of_one_size(20, 8, [*map(_BIGINT.pack, values)])


def uuids(values: Iterable[bytes]) -> Column:
    """Return a column of ``uuid``, each given by its 16 bytes."""
    return _of_one_size(2950, 16, [*values])


def booleans(values: Iterable[bool]) -> Column:
    return _of_one_size(16, 1, [b"\x01" if value else b"\x00" for value in values])


def moments(values: Iterable[datetime | None]) -> Column:
    """Return a column of ``timestamptz``; the moments are aware."""
    pack, epoch, unit = _BIGINT.pack, _EPOCH, _MICROSECOND
    return _column(1184, [None if value is None else pack((value - epoch) // unit) for value in values])


def texts(values: Iterable[str | None]) -> Column:
    return _column(25, [None if value is None else value.encode() for value in values])


def tids(values: Iterable[bytes]) -> Column:
    """Return a column of ``tid``, where rows lie in their table, each as a statement that reads binary returned it."""
    return _of_one_size(27, 6, [*values])


def jsons(values: Iterable[bytes]) -> Column:
    """Return a column of ``jsonb``, each value given as its JSON."""
    return _column(3802, [b"\x01" + value for value in values])


def _of_one_size(type_: int, size: int, packed: list[bytes]) -> Column:
    length = _LENGTH.pack(size)
    return Column(_head(type_, len(packed)) + length.join([b"", *packed]))


def _column(type_: int, packed: list[bytes | None]) -> Column:
    parts = [_NULL if value is None else _LENGTH.pack(len(value)) + value for value in packed]
    return Column(_head(type_, len(parts), has_nulls=None in packed) + b"".join(parts))


def _head(type_: int, count: int, *, has_nulls: bool = False) -> bytes:
    return _HEAD.pack(1, has_nulls, type_, count, 1)


class Answer:
    """What a statement came to, once it is there."""

    def __init__(self, cursor: Any, raw: Any) -> None:
        self._cursor, self._raw = cursor, raw

    @property
    def count(self) -> int:
        """How many rows it returned or changed: told without reading them, and only before ``rows`` does."""
        self._wait()
        return int(self._raw.rowcount)

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows, none for a statement without any. In a block of ``together``, wait for them."""
        self._wait()
        with self._cursor as cursor:
            return cursor.fetchall() if self._raw.pgresult.nfields else []

    def _wait(self) -> None:
        if self._raw.pgresult is None:
            with together():
                pass


# A plan for one array of three costs less on paper than the plan for any array, which reckons with ten; the database
# would plan anew each time, a third of what a few mails take it. Behind a SELECT it cannot see how long an array is.
_ARRAY = re.compile(r"%b::(\w+)\[\]")


@lru_cache(maxsize=1_024)
def _planned_once(sql: str) -> str:
    return _ARRAY.sub(r"(SELECT \g<0>)::\1[]", sql)


def send(sql: str, parameters: Sequence[Any], *, reads_binary: bool = False) -> Answer:
    """Execute one statement on Django's connection; in a block of ``together``, its answer is there after the block.

    Columns and lists belong to ``%b`` placeholders with a cast, such as ``unnest(%b::bigint[])``: as text they cost
    three times as much. It runs in Django's transaction, raises Django's errors and passes Django's execute wrappers.
    With ``reads_binary`` the rows come in binary form too: times are read far faster, but jsonb by psycopg, not Django.
    """
    connection = _connected()
    raw: Any = psycopg.Cursor(connection.connection)  # Django's own put values into the text of the statement
    raw.format = psycopg.pq.Format.BINARY if reads_binary else psycopg.pq.Format.TEXT
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    cursor = wrap(raw)
    cursor.execute(_planned_once(sql), parameters)
    return Answer(cursor, raw)


def _connected() -> Any:
    """Return Django's connection itself: each look at it through ``django.db.connection`` costs a microsecond."""
    connection = connections[DEFAULT_DB_ALIAS]
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    return connection


def run(sql: str, parameters: Sequence[Any], *, reads_binary: bool = False) -> list[tuple[Any, ...]]:
    """Execute one statement as ``send`` does and return its rows."""
    return send(sql, parameters, reads_binary=reads_binary).rows()


@contextmanager
def together() -> Iterator[None]:
    """Send the block's statements without waiting for each: the database works on one while we prepare the next.

    The block ends once all are done and raises what the first that failed says; those after it did nothing then.
    """
    connection = _connected()
    failed: Exception | None = None
    with connection.wrap_database_errors:
        try:
            with connection.connection.pipeline():
                try:
                    yield
                except Exception as error:
                    failed = error  # held back: psycopg would log that the statements after it failed too
        except psycopg.Error as error:
            failed = failed or error
        if failed:
            raise failed
