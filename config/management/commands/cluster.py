"""`manage.py cluster`: the queue's workers and the pulse, crash-only: run it under something that restarts it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config import cluster


class Command(BaseCommand):
    help = "Run the workers that plan and send. Ends as a whole when any part dies; start it again then."

    def handle(self, *args: Any, **options: Any) -> None:
        cluster.run()
