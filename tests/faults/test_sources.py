"""A cluster killed while it asks a source: the dead keep nobody waiting for ever, and nobody is forgotten."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections import Counter

from tests.faults.house import House, wait_for
from tests.servers import says, serving

PEOPLE = 200
OK = says('{"sky": "clear"}')


def test_killed_while_it_asks_everybody_gets_one_mail_with_the_answer(make_house):
    is_dead = threading.Event()

    def hold(line: socket.socket, asked: str) -> None:
        """Keep whoever asks first waiting until it is dead, and answer everybody after."""
        if not is_dead.is_set():
            is_dead.wait(60)
        else:
            OK(line, asked)

    with serving(hold) as server:
        house: House = make_house(people=PEOPLE, delay_ms=0, asks=server.url + "/")
        house.supervise()
        wait_for(lambda: server.asked, "the first question")
        os.killpg(house.master(), signal.SIGKILL)
        is_dead.set()
        assert house.rows("SELECT count(*) FROM campaigns_sourceanswer WHERE asked_until IS NOT NULL") == [
            (1,)
        ]
        assert house.journal() == []
        wait_for(lambda: house.is_planned() and not house.count_open(), "the end of the send")
        arrived = Counter(entry.recipient for entry in house.journal())
        assert (len(arrived), set(arrived.values())) == (PEOPLE, {1})
        assert house.states() == {"sent": PEOPLE}
        answers = house.rows(
            "SELECT DISTINCT decision -> 'sources' -> 'weather' ->> 'answer' FROM delivery_delivery"
        )
        assert answers == [('{"sky": "clear"}',)]
        assert house.rows("SELECT count(*) FROM campaigns_sourceanswer WHERE asked_until IS NOT NULL") == [
            (0,)
        ]
