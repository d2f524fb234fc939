"""What a process keeps of launched versions: each read once, and however many are missing, by as many statements."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import triggers
from delivery import claim, deciding
from delivery.kept import Kept
from tenants import clock


class TestKept:
    def test_each_is_read_once_and_all_that_are_missing_together(self):
        read = []
        squares = Kept(lambda keys: read.append(list(keys)) or {key: key * key for key in keys}, most=10)
        assert squares.of([1, 2]) == {1: 1, 2: 4}
        assert list(squares.of([3, 2, 4])) == [3, 2, 4]
        assert read == [[1, 2], [3, 4]]

    def test_those_read_first_go_first(self):
        read = []
        kept = Kept(lambda keys: read.append(list(keys)) or dict.fromkeys(keys), most=2)
        kept.of([1, 2])
        kept.of([3])
        kept.of([2, 3, 1])
        assert read == [[1, 2], [3], [1]]

    def test_more_than_it_holds_are_still_returned(self):
        kept = Kept(lambda keys: {key: -key for key in keys}, most=2)
        assert kept.of(range(5)) == {key: -key for key in range(5)}


@pytest.fixture
def statements(triggered, person, did, tenant, postbox):
    """Return how many a process makes to hear of an event, and to decide, when so many campaigns are new to it."""

    def made(number: int) -> tuple[int, int]:
        names = [f"Cart {place} of {number}" for place in range(number)]
        for name in names:
            triggered(triggers.make(name))
            person(name)
        with CaptureQueriesContext(connection) as hearing:
            did(names[0], names[0], total=1)
        for name in names[1:]:
            did(name, name, total=1)
        now = clock.now(tenant)
        chunk = claim.claim(tenant=tenant, channel="email", now=now)
        with CaptureQueriesContext(connection) as decision:
            deciding.settle_decisions(chunk, tenant=tenant, channel="email", now=now)
        assert len(chunk.rows) == number
        return len(hearing), len(decision)

    return made


def test_many_campaigns_are_read_with_as_many_statements_as_one(statements):
    statements(2)  # the first call of a process reads much else that is kept
    assert statements(1) == statements(4)
