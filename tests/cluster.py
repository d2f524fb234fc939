"""A real cluster for tests: the command people run, on the test's own database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode

from django.db import connection

from config import folders


def database_url() -> str:
    """Return the URL of the database this test is using, for a process of its own."""
    connection.ensure_connection()
    info = connection.connection.info
    who = quote(info.user) + (f":{quote(info.password)}" if info.password else "")
    return f"postgres://{who}@/{info.dbname}?{urlencode({'host': info.host, 'port': info.port})}"


@contextmanager
def running(**environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``manage.py cluster`` while the block does, and end it as an operator would."""
    command = [sys.executable, str(folders.PROJECT / "manage.py"), "cluster"]
    given = os.environ | {"DATABASE_URL": database_url(), "TACT_LOG_LEVEL": "WARNING"} | environment
    process = subprocess.Popen(command, env=given, start_new_session=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
