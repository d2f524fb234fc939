"""Marks each test by what it needs, so that a run can choose: the database, a browser, or things to break."""

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

BY_FOLDER = {"journeys": "journey", "faults": "faults"}
LARGE = ("tests/journeys/", "tests/faults/", "tests/config/test_up.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent / "tests"
    for item in items:
        if item.get_closest_marker("django_db") or "db" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
        if item.path.is_relative_to(tests):
            folder = item.path.relative_to(tests).parts[0]
            if folder in BY_FOLDER:
                item.add_marker(BY_FOLDER[folder])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return LargeOnesTogether(config, log)


class LargeOnesTogether(LoadScopeScheduling):
    """Gives all tests with a browser or a whole house to one process: two at a time would only wait for each other."""

    def _split_scope(self, nodeid: str) -> str:
        return "large" if nodeid.startswith(LARGE) else nodeid
