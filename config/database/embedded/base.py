"""The engine's wrapper: every new connection asks for a running server."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import client
from psycopg.conninfo import conninfo_to_dict

from config import embedded
from config.database import base


class DatabaseClient(client.DatabaseClient):
    def runshell(self, parameters: Iterable[str]) -> None:
        """Open psql, for ``manage.py dbshell``, on a running server."""
        address = conninfo_to_dict(embedded.ensure())
        self.connection.settings_dict |= {"HOST": address["host"], "USER": address["user"]}
        super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """Return what psycopg needs, on a server that answers: every new connection asks for one."""
        address = conninfo_to_dict(embedded.ensure())
        return super().get_connection_params() | {"host": address["host"], "user": address["user"]}
