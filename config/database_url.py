"""From DATABASE_URL to Django's settings: a server of the operator's, or the embedded one."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


def configuration(url: str) -> dict[str, Any]:
    """Return one entry of ``DATABASES``. Without a ``url`` it starts the embedded server, at the first connection.

    Raises ImproperlyConfigured where it names no PostgreSQL.
    """
    if url:
        given = _read(url)
        if given.get("ENGINE") != "django.db.backends.postgresql":
            raise ImproperlyConfigured(
                "DATABASE_URL has to name a PostgreSQL: postgres://user:password@host:5432/name"
            )
        return given | {"ENGINE": "config.database"}
    return {"ENGINE": "config.database.embedded", "NAME": "tact"}


def _read(url: str) -> dict[str, Any]:
    try:
        return dict(environ.Env.db_url_config(url))
    except ValueError:  # a port that is no number
        return {}
