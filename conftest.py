"""Marks each test by what it needs, so that a run can choose: the database, a browser, or things to break.

Where several processes share a run, the tests of a module stay together, and one process alone has all that run a whole
server, a browser or a cluster: two of those at once would only wait for each other.
"""

from pathlib import Path

import pytest

BY_FOLDER = {"journeys": "journey", "faults": "faults"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent / "tests"
    for item in items:
        if item.get_closest_marker("django_db") or "db" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
        if item.path.is_relative_to(tests):
            folder = item.path.relative_to(tests).parts[0]
            if folder in BY_FOLDER:
                item.add_marker(BY_FOLDER[folder])
        is_large = any(map(item.get_closest_marker, BY_FOLDER.values()))
        item.add_marker(pytest.mark.xdist_group("large" if is_large else str(item.path)))
