"""Each benchmark runs, on very few, and counts what came of its work; how fast that was is not asked here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config import folders

SIZES = {
    "people": 120, "events": 600, "rounds": 1, "ingested": 200, "requests": 4, "mails": 40, "clients": 1, "drains": 1,
    "history": 1_200, "asked": 60, "rate": 20, "seconds": 2, "share": 0.25,
}  # fmt: skip


def run(folder: Path, *which: str) -> list[dict[str, Any]]:
    """Return the lines of a run; a run that fails writes none."""
    sizes = [word for name, size in SIZES.items() for word in (f"--{name}", str(size))]
    command = [sys.executable, "-m", "benchmarks", *which, *sizes, "--results", str(folder)]
    done = subprocess.run(
        command,
        cwd=folders.PROJECT,
        env=os.environ.copy(),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    written = list(folder.glob("*.json"))
    assert len(written) == 1, done.stdout + done.stderr
    lines: list[dict[str, Any]] = json.loads(written[0].read_text())["results"]
    missed = [line["name"] for line in lines if not line["is_held"]]
    assert (done.returncode == 1) == bool(missed)
    return lines


def test_all_that_compare_run_and_count(tmp_path: Path):
    lines = run(tmp_path, "segments", "planning", "ingest", "triggers", "caps", "web", "mails")
    assert len(lines) == 10 + 2 + 1 + 1 + 2 + 2 + 2
    assert all(len(line["ours"]["rounds"]) == 1 for line in lines)
    assert sum(bool(line["other"]) for line in lines) == 19  # all but the memory that planning gained
    found = {line["name"]: line["notes"]["found"] for line in lines if line["name"].startswith("segment")}
    assert found["segment: bucket"] > 0


def test_whatever_sets_a_message_off_becomes_one_mail_on_either_side(tmp_path: Path):
    answered, median, latest, beside = run(tmp_path, "latency")
    assert 0 < answered["ours"]["min"] <= SIZES["rate"] * 1.05
    assert 0 < median["ours"]["min"] <= latest["ours"]["max"]
    assert beside["ours"] == median["ours"]
    assert beside["other"]["min"] > 0


@pytest.mark.faults
def test_the_memory_of_a_whole_house_is_read(tmp_path: Path):
    lines = run(tmp_path, "memory")
    assert [line["unit"] for line in lines] == ["MB"] * 3
    assert all(line["ours"]["min"] > 10 for line in lines)
