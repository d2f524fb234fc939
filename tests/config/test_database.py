"""Only a command that needs the database starts the embedded server."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, connections

from config import database_url, folders


@pytest.fixture
def base() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="tact"))
    parent.chmod(0o711)
    yield parent / "data"
    deadline = time.monotonic() + 10
    while (parent / "data/postgres/postmaster.pid").exists():
        assert time.monotonic() < deadline, "the server went on without a user"
        time.sleep(0.1)
    shutil.rmtree(parent)


def manage(base: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"TACT_DATA_DIR": str(base), "TACT_DATABASE_IDLE_SECONDS": "0.2"}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=folders.PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", ["--help", "check"])
def test_a_command_without_questions_to_the_database_starts_none(base: Path, command: str):
    manage(base, command)
    assert not base.exists()


def test_the_first_query_finds_a_server_and_the_right_role(base: Path):
    ask = "from django.db import connection; k = connection.cursor(); print(k.execute('SELECT user').fetchone())"
    assert manage(base, "shell", "--no-imports", "-c", ask).strip() == "('tact',)"


def test_a_database_url_is_taken_as_it_is():
    given = database_url.configuration("postgres://me:secret@db.example.com:5433/house")
    assert given["ENGINE"] == "config.database"
    assert [given[name] for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")] == [
        *("db.example.com", 5433, "house"),
        *("me", "secret"),
    ]


class TestKeptConnections:
    def test_one_that_lives_is_not_asked(self, db, monkeypatch):
        kept = connections["default"]
        with monkeypatch.context() as patched:
            patched.setattr(kept, "is_usable", lambda: pytest.fail("it was asked"))
            patched.setattr(kept, "health_check_enabled", True)
            patched.setattr(kept, "health_check_done", False)
            with kept.cursor() as cursor:
                cursor.execute("SELECT 1")
            assert kept.health_check_done

    def test_one_that_the_server_ended_is_made_anew(self, transactional_db):
        other = connection.copy()
        other.health_check_enabled = True
        try:
            with other.cursor() as cursor, connection.cursor() as ending:
                cursor.execute("SELECT pg_backend_pid()")
                (pid,) = cursor.fetchone()
                ending.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
            other.health_check_done = False  # as at the beginning of a request
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                assert cursor.fetchone() != (pid,)
        finally:
            other.close()
