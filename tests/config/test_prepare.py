"""Before anything runs: all that the pages need, somebody who can sign in, and a port to listen on."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from config import frontend

pytestmark = pytest.mark.django_db


def test_an_empty_installation_gets_what_its_pages_load_and_one_owner(
    client: Client, capsys: Any, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
):
    settings.STATIC_ROOT, settings.STATICFILES_DIRS = tmp_path, []
    built: list[bool] = []
    monkeypatch.setattr(frontend, "build", lambda: built.append(True))
    monkeypatch.setenv("TACT_OWNER_EMAIL", "ada@example.test")
    call_command("prepare")
    told = re.search(r"Log in as (\S+) with the password (\S+) ", capsys.readouterr().out)
    assert built
    assert list(tmp_path.iterdir())
    assert told
    assert told[1] == "ada@example.test"
    client.post("/accounts/login/", {"login": told[1], "password": told[2]})
    assert client.get("/").status_code == 200
    call_command("prepare")
    assert "password" not in capsys.readouterr().out


def test_a_port_that_is_none_is_told(tmp_path: Path):
    commands: dict[str, dict[str, Any]] = {"up": {}, "sandbox_smtp": {"folder": tmp_path}}
    for command, options in commands.items():
        with pytest.raises(CommandError, match="99999"):
            call_command(command, port=99_999, **options)
