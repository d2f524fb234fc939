"""The signing key is one and the same for all processes, and nobody else's."""

import subprocess
import sys
from pathlib import Path

import pytest

from config import folders, secrets


def test_processes_that_race_for_the_first_key_agree(tmp_path: Path):
    folder = tmp_path / "var"
    code = f"from pathlib import Path; from config.secrets import secret_key; print(secret_key(Path({str(folder)!r})))"
    racers = [
        subprocess.Popen([sys.executable, "-c", code], cwd=folders.PROJECT, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    keys = {racer.communicate()[0].strip() for racer in racers}
    assert len(keys) == 1
    assert len(keys.pop()) >= 50
    assert [path.name for path in folder.iterdir()] == ["secret_key"]
    assert (folder / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_given_key_is_used_and_none_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TACT_SECRET_KEY", "given")
    assert secrets.secret_key(tmp_path) == "given"
    assert not list(tmp_path.iterdir())
