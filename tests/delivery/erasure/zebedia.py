"""Zebedia, whom the tests erase: what she tells of herself, and where she is named."""

from __future__ import annotations

from django.apps import apps
from django.db import connection

NAME, EMAIL = "Zebedia", "Zebedia@example.test"


def calls(*, user="zebedia-1", **consent):
    traits = {"firstName": NAME, "email": EMAIL, "phone": "+4930901820", "plan": "zebedias"}
    told = {"type": "identify", "userId": user, "anonymousId": f"anon-{user}", "traits": traits}
    return [told | ({"consent": consent} if consent else {})]


def naming(word):
    """Return the tables in which any row says ``word``, whatever its case."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            table = model._meta.db_table
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE %s', [f"%{word}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return found
