"""A fresh database for one run on the embedded server, dropped afterwards, and the settings it was measured under."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg

from config import embedded

# What a commit costs depends on these; a server that forgets what it confirmed is not worth measuring.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
PATIENCE_SECONDS = 60
TOLD = ("server_version", "shared_buffers", "work_mem", "max_wal_size", "wal_sync_method")


class NotDurable(Exception):
    """The server may lose what it confirmed, so its speed means nothing."""


@contextmanager
def fresh() -> Iterator[str]:
    """Make an empty database, name it in DATABASE_URL for us and our children, yield its URL, and drop it.

    It lies on the server that DATABASE_URL names before, else on the embedded one. Raises NotDurable.
    """
    server = os.environ.get("DATABASE_URL") or embedded.ensure()
    name = f"tact_bench_{os.getpid()}"
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        _check(connection)
        connection.execute(f"CREATE DATABASE {name}")
        before = os.environ.get("DATABASE_URL")
        os.environ["DATABASE_URL"] = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        try:
            yield os.environ["DATABASE_URL"]
        finally:
            _restore(before)
            _drop(connection, name)


def _drop(connection: psycopg.Connection, name: str) -> None:
    """Drop a database whoever is in it. An autovacuum worker, which only a superuser may end, is waited for."""
    for _ in range(PATIENCE_SECONDS):
        try:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        except psycopg.errors.InsufficientPrivilege:
            time.sleep(1)
        else:
            return
    raise RuntimeError(f"{name} is still being vacuumed; drop it by hand.")


def _restore(url: str | None) -> None:
    if url is None:
        del os.environ["DATABASE_URL"]
    else:
        os.environ["DATABASE_URL"] = url


def _check(connection: psycopg.Connection) -> None:
    for name, wanted in DURABLE.items():
        if (found := _setting(connection, name)) != wanted:
            raise NotDurable(f"{name} is {found}: measure on a server where it is {wanted}.")


def settings() -> dict[str, str]:
    """Return the server's settings that bear on speed."""
    with closing(psycopg.connect(os.environ["DATABASE_URL"])) as connection:
        return {name: _setting(connection, name) for name in (*TOLD, *DURABLE)}


def _setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row
    return str(row[0])
