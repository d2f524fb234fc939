"""A port that is none is told in a sentence, by whatever listens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.django_db
def test_a_port_that_is_none_is_told(tmp_path: Path) -> None:
    commands: dict[str, dict[str, Any]] = {"up": {}, "sandbox_smtp": {"folder": tmp_path}}
    for command, options in commands.items():
        with pytest.raises(CommandError, match="99999"):
            call_command(command, port=99_999, **options)
