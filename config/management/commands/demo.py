"""``manage.py demo``: all of Tact, with a record shop in it whose customers really bought what they buy."""

from __future__ import annotations

import os
import socket
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from config import frontend, house
from config.demo import replay, shelf, story
from config.processes import Group, NeverReady, Program
from tenants import clock
from tenants.models import Tenant

CURL = """curl {url}/v1/track -u {key}: -H 'Content-Type: application/json' \\
       -d '{{"userId": "me", "event": "Order Completed", "properties": {{"total": 30, "revenue": 30}}}}'"""


class Command(BaseCommand):
    help = (
        "Run Tact with a demo brand: 23,570 real customers of a music shop and 18 months of their purchases."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--workers", type=int, default=2, help="Processes that serve pages.")

    def handle(self, *, host: str, port: int, workers: int, **options: Any) -> None:
        opened = house.House(host=host, port=port, web_workers=workers)
        os.environ.setdefault("TACT_BASE_URL", opened.url)
        try:
            self.stdout.write("Preparing front-end, database and static files ...")
            house.check(opened)
            house.prepare()
            tenant, told = self._tenant(), story.Told.read()
            beside = _shelf()
            if not beside:
                self.stdout.write(
                    f"Port {shelf.PORT} is taken: the shop's own server, which its sources ask, does not run."
                )
            house.run(opened, on_ready=lambda group: welcome(group, opened, tenant, told), beside=beside)
        except (frontend.CannotBuild, house.CannotListen, NeverReady, story.Forgotten) as problem:
            raise CommandError(str(problem)) from problem
        except KeyboardInterrupt:  # before the group took the signals over
            pass
        self.stdout.write("Tact has stopped; nothing of it is running. Your data is kept.")

    def _tenant(self) -> Tenant:
        """Return the demo's tenant, made now if it is not whole yet."""
        if (tenant := story.find()) and story.is_whole(tenant):
            return tenant
        self.stdout.write(
            "Loading the purchase log of CDNOW, 1997 to 1998, moved to end yesterday.\n"
            "The purchases are real; names, addresses, languages and zones are made up, since the log has none."
        )
        with _bars() as advance:
            return story.make(yesterday=_yesterday(), progress=advance)


def _shelf() -> list[Program]:
    """The shop's own server, and leave for sources to ask it; nothing if its port is taken."""
    try:
        socket.create_server((shelf.HOST, shelf.PORT)).close()
    except OSError:
        return []
    allowed = [os.environ.get("TACT_SOURCES_MAY_REACH", ""), f"{shelf.HOST}/32:{shelf.PORT}"]
    os.environ["TACT_SOURCES_MAY_REACH"] = ",".join(filter(None, allowed))
    return [Program("shelf", [sys.executable, str(shelf.__file__), str(shelf.PORT)])]


def welcome(group: Group, opened: house.House, tenant: Tenant, told: story.Told) -> None:
    """Say how to get in, and let the shop's customers go on shopping."""
    group.say(f"Tact is ready at {opened.url}")
    group.say(f"Log in as {story.OWNER} with the password {told.password}")
    group.say(f"The shop's write key is {told.write_key}; send a first event with")
    group.say(CURL.format(url=opened.url, key=told.write_key))
    group.say("Ctrl-C ends it and keeps the data.")
    if tenant.clock_offset:
        threading.Thread(target=_replay, args=(group, opened, tenant, told), daemon=True).start()


def _replay(group: Group, opened: house.House, tenant: Tenant, told: story.Told) -> None:
    group.say(f"{tenant} has just launched a campaign; its clock stands at {clock.now(tenant):%d %B %Y}.")
    try:
        replay.wait_until_sent(tenant)
        group.say("Now three months pass in about a minute: watch the conversions arrive.")
        replay.run(
            tenant,
            url=opened.url,
            write_key=told.write_key,
            ends_on=told.ends_on,
            on_day=_each_week(group),
        )
        group.say("The log has ended; from here on the shop's clock is yours.")
    except (replay.Refused, OSError) as stopped:
        group.say(f"The replay stopped: {stopped}. Start the demo again and it goes on.")
    finally:
        connection.close()


def _each_week(group: Group) -> Callable[[date, int], None]:
    total = 0

    def on_day(day: date, calls: int) -> None:
        nonlocal total
        total += calls
        if day.weekday() == 6:
            group.say(f"  {day:%d %B %Y}: {total:,} calls so far")

    return on_day


def _yesterday() -> date:
    return (datetime.now(UTC) - timedelta(days=1)).date()


@contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    columns = TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns) as shown:
        tasks: dict[str, Any] = {}

        def advance(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=of)
            shown.update(tasks[what], completed=done)

        yield advance
