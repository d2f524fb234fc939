"""A send rate with a real cluster and a real mail server: as fast as it allows, not faster, also while workers die."""

from __future__ import annotations

import random
import time

from tests.faults.house import kill, wait_for

PER_MINUTE, SECONDS = 1_200, 24
A_SECOND = PER_MINUTE / 60


def test_two_drains_keep_the_rate_and_reach_it_though_a_worker_is_killed(make_house):
    house = make_house(people=1_000, delay_ms=5)
    house.rows("UPDATE campaigns_version SET per_minute = %s RETURNING id", PER_MINUTE)
    house.supervise()
    wait_for(house.is_planned, "the plan")
    wait_for(house.journal, "the first mail")
    time.sleep(SECONDS / 2)
    kill(random.choice(wait_for(lambda: house.parts()["worker"], "a worker")))
    time.sleep(SECONDS / 2)
    arrived = sorted(entry.at for entry in house.journal())
    ((decided,),) = house.rows("SELECT extract(epoch FROM min(decided_at))::float8 FROM delivery_delivery")
    for count, at in enumerate(arrived, start=1):
        assert count <= A_SECOND * (at - decided + 2), f"{count} within {at - decided} s"
    began = arrived[0]
    untroubled = sum(at < began + SECONDS / 2 for at in arrived)
    assert untroubled > 0.9 * A_SECOND * SECONDS / 2
    assert arrived[-1] - began > SECONDS * 0.8  # it goes on
    assert len(arrived) > 0.7 * A_SECOND * SECONDS
