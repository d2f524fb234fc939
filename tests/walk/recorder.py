"""Every statement our code sends in a test names its tenant, or it is written down here why it need not.

The recorder sits in psycopg's cursors, under Django's and under those that our own SQL opens.
"""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.sql import Composable

ROOT = Path(__file__).resolve().parents[2]
APPS = ("tenants", "audiences", "campaigns", "delivery", "config")

# Where a statement may look over all tenants: "file:function" and why.
ACROSS: dict[str, str] = {
    "tenants/keys.py:find": "the key says which tenant",
    "tenants/invitations.py:find": "the token says which tenant",
    "audiences/ingest/storing.py:prune": "old receipts and refused calls go, whose ever they are",
    "audiences/tasks.py:resume_imports": "takes up every tenant's imports, each in its own scope",
    "audiences/tasks.py:resume_erasures": "takes up every tenant's erasures, each in its own scope",
    "campaigns/tasks.py:resume_compiling": "takes up every tenant's drafts, each in its own scope",
    "campaigns/sources/answers.py:forget": "old answers go, whose ever they are",
    "delivery/watching.py:look_around": "finds the tenants to look around in, and opens the scope of each",
    "delivery/sweep.py:stopped": "ends what every tenant's stopped campaigns still owe; each row brings its tenant",
}


class Offence(NamedTuple):
    """A statement on tenants' tables that names no tenant, and where our code sent it from."""

    place: str
    statement: str


offences: list[Offence] = []


def attach(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Record what this connection is asked from now on; a receiver of ``connection_created``."""
    raw = connection.connection
    if raw is None or connection.vendor != "postgresql":
        return
    for name in ("cursor_factory", "server_cursor_factory"):
        factory = getattr(raw, name)
        if not issubclass(factory, _Recording):
            setattr(raw, name, type("Recorded", (_Recording, factory), {}))


class _Recording:
    """Notes each statement before it is sent."""

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        _note(query)
        return super().execute(query, *args, **kwargs)

    def executemany(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        _note(query)
        return super().executemany(query, *args, **kwargs)

    def stream(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        _note(query)
        return super().stream(query, *args, **kwargs)

    def copy(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        _note(statement)
        return super().copy(statement, *args, **kwargs)


def _note(query: Any) -> None:
    text = _text(query)
    if not names_no_tenant(text):
        return
    place = _sender()
    if place is not None and place.rpartition(":")[0] not in ACROSS:
        offences.append(Offence(place, text))


def _text(query: Any) -> str:
    if isinstance(query, Composable):
        return query.as_string(None)
    return query.decode(errors="replace") if isinstance(query, bytes) else str(query)


def _sender() -> str | None:
    """Our own code that sent the statement, as "file:function:line"; None if a test or a migration did."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(str(ROOT)) and "/.venv/" not in path:
            inner = os.path.relpath(path, ROOT)
            if inner == "tests/walk/recorder.py":
                pass
            elif inner.split("/")[0] in APPS and "/migrations/" not in inner:
                return f"{inner}:{frame.f_code.co_name}:{frame.f_lineno}"
            else:
                return None
        frame = frame.f_back
    return None


_OTHER = re.compile(
    r"\s*(CREATE|ALTER|DROP|LOCK|SAVEPOINT|RELEASE|ROLLBACK|SET|SHOW|NOTIFY|LISTEN|ANALYZE|TRUNCATE)\b", re.I
)
_SELECTED = re.compile(r"\bSELECT\b.*?\bFROM\b", re.I | re.S)
_WRITTEN = re.compile(r"\bSET\b.*?\bWHERE\b", re.I | re.S)
_RETURNED = re.compile(r"\bRETURNING\b.*", re.I | re.S)
_BY_KEY = re.compile(r'\bWHERE\s+\(?\s*("\w+"\.)?"?id"?\s*(=|IN\b)', re.I)
# Django's own: what goes with rows that are deleted by their keys.
_CASCADE = re.compile(r'DELETE FROM "(\w+)" WHERE "\1"."\w+_id" IN ')


@lru_cache(maxsize=10_000)
def names_no_tenant(statement: str) -> bool:
    """Whether a statement reads or writes tenants' tables and neither asks for a tenant nor for rows by their key.

    A key is fine: it was read from a row of the tenant before, which the walk holds for those that come from outside.
    """
    if _OTHER.match(statement) or _CASCADE.match(statement) or not _tenants_table().search(statement):
        return False
    asked = _RETURNED.sub("", _WRITTEN.sub("WHERE", _SELECTED.sub("FROM", statement)))
    return "tenant_id" not in asked and not _BY_KEY.search(asked)


@lru_cache(maxsize=1)
def _tenants_table() -> re.Pattern[str]:
    from tests.walk.world import tenant_models

    names = sorted({model._meta.db_table for model in tenant_models()}, key=len, reverse=True)
    return re.compile(r"\b(" + "|".join(names) + r")\b")
