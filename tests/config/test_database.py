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
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections

from config import database_url, folders
from config.database.base import DatabaseWrapper
from tenants import binary


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


@pytest.mark.parametrize(
    "url", ["mysql://me@db.example.com/house", "sqlite:///house.db", "house", "postgres://me@db:x/h"]
)
def test_only_postgresql_is_taken(url: str):
    with pytest.raises(ImproperlyConfigured, match="PostgreSQL"):
        database_url.configuration(url)


@pytest.fixture
def kept(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabaseWrapper]:
    """A connection that served a request a moment ago, at the beginning of the next."""
    wrapper = connections["default"]
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT 1")
    with monkeypatch.context() as patched:
        patched.setattr(wrapper, "health_check_enabled", True)
        patched.setattr(wrapper, "health_check_done", False)
        patched.setattr(wrapper, "_alive_at", time.monotonic())
        yield wrapper


def pid_by_cursor() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def pid_by_binary() -> int:
    ((pid,),) = binary.run("SELECT pg_backend_pid()", [])
    return int(pid)


@pytest.mark.parametrize("ask", [pid_by_cursor, pid_by_binary])
class TestKeptConnections:
    def test_one_in_use_of_late_is_not_asked(self, kept, ask, monkeypatch):
        with monkeypatch.context() as patched:
            patched.setattr(kept, "is_usable", lambda: pytest.fail("it was asked"))
            ask()
        assert kept.health_check_done

    def test_one_that_rested_is(self, kept, ask, monkeypatch):
        asked = []
        monkeypatch.setattr(kept, "_alive_at", time.monotonic() - 31)
        monkeypatch.setattr(kept, "is_usable", lambda: asked.append(1) or True)
        ask()
        ask()
        assert asked == [1]

    def test_one_that_the_server_ended_is_made_anew(self, kept, ask):
        pid = kept.connection.info.backend_pid
        other = kept.copy()
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        other.close()
        assert ask() != pid
