"""The whole of Tact on one machine: pages, queue and the sandbox's mail server, opened and closed together."""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from config import folders, frontend
from config.processes import Group, Program
from tenants import bootstrap

THREADS = 10  # for each web worker; each keeps one database connection. The more, the more calls share a transaction
WAITING_REQUESTS = 64  # for each web worker; more wait in the kernel's queue


class CannotListen(Exception):
    """The pages cannot be served at that address, mostly because something else is."""


@dataclass(frozen=True)
class House:
    """Where the pages are served, and by how many processes."""

    host: str = "127.0.0.1"
    port: int = 8000
    web_workers: int = 2

    @property
    def url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def check(house: House) -> None:
    """Raise CannotListen if the pages could not be served there."""
    if problem := _problem(house.host, house.port):
        raise CannotListen(f"{house.host}:{house.port}: {problem}. Choose another --port or --host.")


def prepare() -> None:
    """Bring front-end, database and static files up to date. Raises frontend.CannotBuild."""
    frontend.build()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def first_owner() -> bootstrap.Login | None:
    """Return the login of the owner whom an empty installation gets now, as the environment names them; else None."""
    return bootstrap.first_owner(
        email=os.environ.get("TACT_OWNER_EMAIL", "owner@localhost"),
        password=os.environ.get("TACT_OWNER_PASSWORD", ""),
    )


def told(login: bootstrap.Login) -> str:
    return f"Log in as {login.email} with the password {login.password} (shown this once)."


def run(house: House, *, on_ready: Callable[[Group], None], beside: Sequence[Program] = ()) -> None:
    """Run everything until a signal ends it; ``on_ready`` is called when the pages answer.

    ``beside`` are programs that this house needs and others do not.

    The database stays up meanwhile, whatever the programs do. Raises processes.NeverReady.
    """
    for connection in connections.all():
        connection.close()  # the embedded server stays: its lock is held until this process ends
    group = Group([*beside, *_programs(house)])
    group.run(is_ready=lambda: _answers(house), on_ready=lambda: on_ready(group))


def _programs(house: House) -> list[Program]:
    manage = [sys.executable, str(folders.PROJECT / "manage.py")]
    smtp_port = _smtp_port()
    environment = {
        "PYTHONUNBUFFERED": "1",
        "TACT_SANDBOX_SMTP_PORT": str(smtp_port),
        "TACT_BASE_URL": os.environ.get("TACT_BASE_URL", house.url),
    }
    return [
        Program("smtp", [*manage, "sandbox_smtp", "--port", str(smtp_port)], environment),
        Program("cluster", [*manage, "cluster"], environment),
        Program("web", _web(house), environment),
    ]


def _web(house: House) -> list[str]:
    options = {
        "--interface": "wsgi",
        "--host": house.host,
        "--port": house.port,
        "--workers": house.web_workers,
        "--blocking-threads": THREADS,
        "--backpressure": WAITING_REQUESTS,
        "--workers-kill-timeout": 10,
        "--working-dir": folders.PROJECT,
        "--log-level": "error",  # its warnings are advice on the numbers above, which were measured
    }
    command = [sys.executable, "-m", "granian", "--no-ws", "--respawn-failed-workers"]
    return [
        *command,
        *(str(part) for option in options.items() for part in option),
        "config.wsgi:application",
    ]


def _smtp_port() -> int:
    """The port the settings name, or any free one: nobody but us needs to know it."""
    if not _problem("127.0.0.1", settings.SANDBOX_SMTP_PORT):
        return int(settings.SANDBOX_SMTP_PORT)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _problem(host: str, port: int) -> str:
    """What keeps us from listening there; empty if nothing does."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as refused:
        return refused.strerror or str(refused)
    except OverflowError:
        return "Ports go from 0 to 65535"
    return ""


def _answers(house: House) -> bool:
    """Whether the pages are served; a refusal of our address is an answer too."""
    address = house.url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
