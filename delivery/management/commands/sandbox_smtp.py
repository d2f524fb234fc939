"""``sandbox_smtp``: run the server that takes sandbox tenants' mail, until it is told to stop."""

import asyncio
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from delivery.sandbox import rules
from delivery.sandbox.keeping import Keeper
from delivery.sandbox.server import Sandbox


class Command(BaseCommand):
    help = "Take the mail of sandbox tenants, keep it for the inbox pages, let nothing leave this machine."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument(
            "--port", type=int, default=settings.SANDBOX_SMTP_PORT, help="0 takes a free one."
        )
        parser.add_argument("--folder", type=Path, default=settings.SANDBOX_INBOX, help="Where mail is kept.")
        parser.add_argument("--keep-journal", action="store_true", help="Never begin a new journal file.")
        parser.add_argument("--delay-ms", type=int, default=0, help="Wait before each mail's last reply.")
        parser.add_argument(
            "--refuse",
            action="append",
            default=[],
            metavar="PATTERN=CODE",
            help=f"Refuse recipients, or 'lose' them; comes before the built-in {', '.join(rules.ALWAYS)}.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            recipient_rules = rules.parse([*options["refuse"], *rules.ALWAYS])
        except rules.InvalidRule as exc:
            raise CommandError(str(exc)) from exc
        keeper = Keeper(options["folder"], is_journal_whole=options["keep_journal"])
        sandbox = Sandbox(keeper.keep, recipient_rules, delay_seconds=options["delay_ms"] / 1000)
        try:
            asyncio.run(self._serve(sandbox, options["host"], options["port"]))
        except (OSError, OverflowError) as exc:  # taken, or no port at all
            raise CommandError(f"cannot listen on {options['host']}:{options['port']}: {exc}") from exc
        finally:
            keeper.close()

    async def _serve(self, sandbox: Sandbox, host: str, port: int) -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with sandbox.listening(host, port) as taken_port:
            self.stdout.write(f"sandbox mail on {host}:{taken_port}")
            self.stdout.flush()
            await stopped.wait()
