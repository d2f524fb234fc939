"""Memory: what the processes of ``manage.py up`` take while they answer, store and send."""

from __future__ import annotations

import http.cookiejar
import random
import re
import sys
import time
import urllib.parse
import urllib.request
from typing import Any

from benchmarks import household, resident, web
from benchmarks.data import World
from benchmarks.harness import Bound, Options, Result
from benchmarks.household import Household
from benchmarks.settler import EMAIL, PASSWORD

PEOPLE = 2_000
BATCHES = 50  # requests of 100 events, before each reading
PAGES = ("/", "/campaigns/", "/segments/", "/people/", "/events/", "/settings/team/")
SENDS_WITHIN_SECONDS = 180


def run(world: World | None, options: Options) -> list[Result]:
    """Read the memory after each round of work. ``world`` is not used: the house has a database of its own."""
    if not household.is_measurable():
        sys.stderr.write("This system tells no proportional set sizes: memory is not measured.\n")
        return []
    readings: list[dict[str, list[float]]] = []
    people = min(PEOPLE, options.people)
    with household.running() as house:
        with resident.started("benchmarks.settler", cpus=None, environment=house.environment) as settler:
            settler.ask("settle", people)
            settled = settler.answer()
            browser = _logged_in(house)
            for number in range(options.rounds):
                settler.ask("launch", number)
                settler.answer()
                _send_events(house, settled, number)
                _look_around(house, browser)
                _wait_for_mails(settler, people * (number + 1))
                readings.append(house.memory())
    return _results(readings)


def _results(readings: list[dict[str, list[float]]]) -> list[Result]:
    web_workers = [max(reading["web"][1:]) for reading in readings]
    cluster_workers = [max(reading["cluster"]) for reading in readings]
    together = [sum(reading["web"]) + sum(reading["cluster"]) for reading in readings]
    parts = {name: [round(size) for size in sizes] for name, sizes in readings[-1].items()}
    return [
        Result("memory, the largest web worker", "MB", Bound("<=", 150), web_workers),
        Result("memory, the largest cluster process", "MB", Bound("<=", 150), cluster_workers),
        Result("memory, web and cluster together", "MB", Bound("<=", 700), together, notes={"parts": parts}),
    ]


def _logged_in(house: Household) -> urllib.request.OpenerDirector:
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    url = f"http://127.0.0.1:{house.port}/accounts/login/"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', _read(browser, url))
    assert token
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], "login": EMAIL, "password": PASSWORD})
    _read(browser, urllib.request.Request(url, form.encode(), {"Referer": url}))
    return browser


def _look_around(house: Household, browser: urllib.request.OpenerDirector) -> None:
    for page in PAGES:
        _read(browser, f"http://127.0.0.1:{house.port}{page}")


def _read(browser: urllib.request.OpenerDirector, what: str | urllib.request.Request) -> str:
    with browser.open(what, timeout=60) as page:
        return str(page.read().decode())


def _send_events(house: Household, settled: dict[str, Any], number: int) -> None:
    chance = random.Random(number)
    bodies = [web.body(settled["people"], chance) for _ in range(BATCHES)]
    waits: list[float] = []
    web.send(house.port, "/v1/batch", settled["write_key"], bodies, waits)
    assert len(waits) == BATCHES


def _wait_for_mails(settler: resident.Resident, wanted: int) -> None:
    deadline = time.monotonic() + SENDS_WITHIN_SECONDS
    sent = 0
    while sent < wanted:
        assert time.monotonic() < deadline, f"{sent} of {wanted} mails were sent"
        time.sleep(0.5)
        settler.ask("sent")
        sent = settler.answer()
