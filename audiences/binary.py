"""A cursor that sends parameters in binary form: whole columns of values go into one statement as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection


def run(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Execute one statement on Django's connection and return its rows, none for a statement without any.

    Lists belong to ``%b`` placeholders with a cast, such as ``unnest(%b::bigint[])``: as text they cost three times
    as much. It runs in Django's transaction, raises Django's errors and passes Django's execute wrappers.
    """
    connection.ensure_connection()
    raw: Any = psycopg.Cursor(connection.connection)  # Django's own put values into the text of the statement
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with wrap(raw) as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if raw.description else []
