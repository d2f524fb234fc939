"""``manage.py prepare``: all that the pages need, and somebody who can sign in."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
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
