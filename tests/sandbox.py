"""The sandboxes' mail server for tests, in a thread of this process; all it takes is kept in a folder."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from delivery.sandbox import journal
from delivery.sandbox.keeping import JOURNAL_NAME, Keeper
from delivery.sandbox.rules import ALWAYS, parse
from delivery.sandbox.server import Sandbox


@dataclass(frozen=True)
class Running:
    port: int
    folder: Path

    def journal(self) -> list[journal.Entry]:
        """What recipients were given so far, oldest first: the ground truth, whatever the sender believes."""
        return list(journal.read(self.folder / JOURNAL_NAME))

    def recipients(self) -> list[str]:
        return [entry.recipient for entry in self.journal()]


@contextmanager
def running(folder: Path, *, refuse: Sequence[str] = (), delay_seconds: float = 0) -> Iterator[Running]:
    """Run the server on a free port of 127.0.0.1 while the block does."""
    loop, stop, ports = asyncio.new_event_loop(), asyncio.Event(), []
    is_ready = threading.Event()

    async def serve() -> None:
        keeper = Keeper(folder, is_journal_whole=True)
        sandbox = Sandbox(keeper.keep, parse([*refuse, *ALWAYS]), delay_seconds=delay_seconds)
        async with sandbox.listening("127.0.0.1", 0) as port:
            ports.append(port)
            is_ready.set()
            await stop.wait()
        keeper.close()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()], daemon=True)
    thread.start()
    assert is_ready.wait(10), "the sandbox server did not start"
    try:
        yield Running(ports[0], folder)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
