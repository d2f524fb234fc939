"""``manage.py up``: all of Tact on this machine, until Ctrl-C."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import frontend, house
from config.processes import Group, NeverReady
from tenants import bootstrap


class Command(BaseCommand):
    help = (
        "Run all of Tact on this machine: pages, queue, the sandbox's mail server and, if needed, PostgreSQL."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--workers", type=int, default=2, help="Processes that serve pages.")

    def handle(self, *, host: str, port: int, workers: int, **options: Any) -> None:
        opened = house.House(host=host, port=port, web_workers=workers)
        try:
            self.stdout.write("Preparing front-end, database and static files ...")
            house.check(opened)
            house.prepare()
            login = house.first_owner()
            house.run(opened, on_ready=lambda group: welcome(group, opened, login))
        except (frontend.CannotBuild, house.CannotListen, NeverReady) as problem:
            raise CommandError(str(problem)) from problem
        except KeyboardInterrupt:  # before the group took the signals over
            pass
        self.stdout.write("Tact has stopped; nothing of it is running.")


def welcome(group: Group, opened: house.House, login: bootstrap.Login | None) -> None:
    group.say(f"Tact is ready at {opened.url}")
    if login:
        group.say(house.told(login))
    group.say("Ctrl-C ends it.")
