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

        def make(*, people: int, delay_ms: int, asks: str = "") -> House:
            url = stack.enter_context(fresh_database())
            house = House(tmp_path, url, people=people, delay_ms=delay_ms, asks=asks)
            stack.callback(house.close)
            return house

        yield make
