"""Houses to break, each with a database of its own, gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.house import House, fresh_database


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    with ExitStack() as stack:

        def make(*, people: int, delay_ms: int) -> House:
            house = House(tmp_path, stack.enter_context(fresh_database()), people=people, delay_ms=delay_ms)
            stack.callback(house.close)
            return house

        yield make
