"""``manage.py prepare``: what the parts need before each is started by itself, the first time and after an upgrade."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import frontend, house


class Command(BaseCommand):
    help = "Build the front-end, migrate the database, collect static files; make an empty database's first owner."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            house.prepare()
        except frontend.CannotBuild as problem:
            raise CommandError(str(problem)) from problem
        if login := house.first_owner():
            self.stdout.write(house.told(login))
