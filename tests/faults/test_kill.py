"""Nobody twice, nobody lost: whatever is killed while a campaign is being sent."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter

from delivery.recording import GROUP
from tests.faults.house import LEASE_SECONDS, WORKERS, House, kill, survivors, wait_for

PEOPLE = 2_000
# In this order, so that each is hit in mid send; what kills the whole group and what does not take turns.
TARGETS = [
    "worker", "renderer", "monitor", "pusher", "sentinel", "renderer", "pulse", "master", "group", "connections",
    "worker", "frozen worker",
]  # fmt: skip


def strike(house: House, target: str, chance: random.Random) -> None:
    if target == "group":
        os.killpg(house.master(), signal.SIGKILL)
    elif target == "connections":
        house.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    elif target == "frozen worker":  # for longer than its leases last
        worker = chance.choice(house.parts()["worker"])
        os.kill(worker, signal.SIGSTOP)
        time.sleep(LEASE_SECONDS + 2)
        os.kill(worker, signal.SIGCONT)
    else:
        kill(chance.choice(wait_for(lambda: house.parts()[target], target)))


def test_killed_a_dozen_times_in_mid_send_nobody_gets_it_twice_and_nobody_is_forgotten(make_house):
    seed = random.randrange(10_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    house = make_house(people=PEOPLE, delay_ms=25)
    house.supervise()
    wait_for(house.is_planned, "the plan")
    for target in TARGETS:
        seen = len(house.journal())
        wait_for(lambda seen=seen: len(house.journal()) >= seen + 30, f"mails before {target} is killed")
        time.sleep(chance.random() / 2)
        assert house.count_open() > 2 * GROUP, "the send was over before everything had been killed"
        strike(house, target, chance)
    wait_for(lambda: not house.count_open(), "the end of the send", seconds=120)
    assert_nobody_twice_nobody_lost(house)
    house.close()
    assert survivors(house.groups) == []


def assert_nobody_twice_nobody_lost(house: House) -> None:
    arrived = Counter(entry.recipient for entry in house.journal())
    state_of = dict(house.rows("SELECT address, state FROM delivery_delivery"))
    of = {state: {who for who, held in state_of.items() if held == state} for state in ("sent", "unknown")}
    assert [who for who, times in arrived.items() if times > 1] == []
    assert house.states().keys() <= {"sent", "unknown"}
    assert sum(house.states().values()) == len(state_of) == PEOPLE
    assert of["sent"] <= arrived.keys()
    assert arrived.keys() <= of["sent"] | of["unknown"]
    in_doubt = house.rows(
        "SELECT lease_token, count(*) FROM delivery_delivery WHERE state = 'unknown' GROUP BY lease_token"
    )
    assert max((count for _, count in in_doubt), default=0) <= GROUP
    assert len(of["unknown"]) <= GROUP * (WORKERS - 1) * len(TARGETS)
    ((events, people),) = house.rows(
        "SELECT count(*), count(DISTINCT profile_id) FROM audiences_event WHERE name = 'Email Sent'"
    )
    assert events == people == len(of["sent"])
    assert house.rows("SELECT count, count(*) FROM delivery_entry GROUP BY count") == [(1, PEOPLE)]


def test_told_to_end_it_ends_within_seconds_and_leaves_nothing_in_doubt(make_house):
    house = make_house(people=600, delay_ms=15)
    cluster = house.start("cluster", ["manage.py", "cluster"])
    wait_for(lambda: len(house.journal()) > 60, "mails")
    started = time.monotonic()
    cluster.terminate()
    assert cluster.wait(30) == 0
    assert time.monotonic() - started < 15
    assert house.states()["sending"] == house.states()["unknown"] == 0
    assert survivors({cluster.pid}) == []
    assert house.count_open() > 0, "it had finished by itself"
    cluster = house.start("cluster", ["manage.py", "cluster"])
    wait_for(lambda: not house.count_open(), "the end of the send")
    cluster.terminate()
    assert cluster.wait(30) == 0
    assert house.states() == {"sent": 600}
    assert sorted(Counter(entry.recipient for entry in house.journal()).values()) == [1] * 600
