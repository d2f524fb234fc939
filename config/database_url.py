"""From DATABASE_URL to Django's settings: a server of the operator's, or the embedded one."""

from typing import Any

import environ


def configuration(url: str) -> dict[str, Any]:
    """Return one entry of ``DATABASES``. Without a ``url`` it starts the embedded server, at the first connection."""
    if url:
        return dict(environ.Env.db_url_config(url, engine="config.database"))
    return {"ENGINE": "config.database.embedded", "NAME": "tact"}
