"""Questions put to servers side by side, few at a time to each, until there is no time left."""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import responses
from typing import Any

import msgspec

from campaigns.models import Source
from campaigns.sources import guard
from campaigns.sources.answers import Key
from campaigns.sources.calling import DOWN, Failed, Lines, Question, Reply
from tenants import strict

AT_ONCE = 8  # questions to one server, of this process
LIMITS = strict.Limits(depth=20, keys=10_000, items=10_000)
EXCERPT = 120

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Ask:
    source: Source
    question: Question


@dataclass(frozen=True, slots=True)
class Said:
    """A usable answer, as JSON."""

    status: int
    body: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """There is none; the words say why. ``may_pass``: asked again later it may be answered."""

    words: str
    may_pass: bool = False
    milliseconds: int = 0


_turns: dict[Origin, threading.BoundedSemaphore] = {}


class Askers:
    """Threads that ask, each over lines of its own, and nothing else: the database is the business of whoever waits."""

    def __init__(self, *, until: float) -> None:
        self._until = until
        self._found: queue.SimpleQueue[tuple[Key, Said | Trouble]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting: defaultdict[Origin, deque[tuple[Key, Ask]]] = defaultdict(deque)
        self._working: defaultdict[Origin, int] = defaultdict(int)

    def add(self, asks: Mapping[Key, Ask]) -> None:
        with self._lock:
            for key, ask in asks.items():
                self._waiting[guard.read(ask.question.url).origin].append((key, ask))
            for origin, waiting in self._waiting.items():
                while self._working[origin] < min(AT_ONCE, len(waiting)):
                    self._working[origin] += 1
                    threading.Thread(target=self._work, args=(origin,), daemon=True).start()

    def found(self, *, wait: float) -> list[tuple[Key, Said | Trouble]]:
        """Return what has come since, after waiting for the first of it."""
        results = []
        try:
            results.append(self._found.get(timeout=max(wait, 0.001)))
            while True:
                results.append(self._found.get_nowait())
        except queue.Empty:
            return results

    def drop(self, source_ids: set[int]) -> list[Key]:
        """Put no more questions to some sources; return those that had not been begun."""
        with self._lock:
            dropped = [
                key for waiting in self._waiting.values() for key, _ in waiting if key[0] in source_ids
            ]
            for origin, waiting in self._waiting.items():
                self._waiting[origin] = deque(pair for pair in waiting if pair[0][0] not in source_ids)
        return dropped

    def is_idle(self) -> bool:
        """Whether nobody asks any more."""
        with self._lock:
            return not any(self._working.values())

    def stop(self) -> None:
        """Begin nothing more."""
        with self._lock:
            self._waiting.clear()

    def _next(self, origin: Origin) -> tuple[Key, Ask] | None:
        with self._lock:
            waiting = self._waiting[origin]
            if waiting and self._until - time.monotonic() >= waiting[0][1].source.timeout_seconds:
                return waiting.popleft()
            self._working[origin] -= 1
            return None

    def _work(self, origin: Origin) -> None:
        with Lines() as lines:
            while True:
                with _turns.setdefault(origin, threading.BoundedSemaphore(AT_ONCE)):
                    following = self._next(origin)
                    if following is None:
                        return
                    key, ask = following
                    self._found.put((key, put(ask, lines)))


def put(ask: Ask, lines: Lines) -> Said | Trouble:
    """Put one question and return what came of it. Never raises."""
    try:
        reply = lines.ask(ask.question, until=time.monotonic() + ask.source.timeout_seconds)
    except Failed as failed:
        return Trouble(str(failed), failed.is_down, failed.timing.whole)
    except Exception as error:  # a thread that dies silently would be waited for
        return Trouble(f"It could not be asked ({type(error).__name__}).")
    return read(reply)


def read(reply: Reply) -> Said | Trouble:
    """Return a reply as an answer, or why it is none."""
    took = reply.timing.whole
    if not 200 <= reply.status < 300:
        words = f"It answered {reply.status} {responses.get(reply.status, '')}".rstrip() + "."
        return Trouble(words, reply.status in DOWN, took)
    try:
        text = reply.body.decode("utf-8-sig").strip()
        strict.check(decoded(text), "", LIMITS)
    except strict.Refused as refused:
        return Trouble(f"Its answer cannot be used: {refused}.", False, took)
    except (ValueError, RecursionError):
        begins = reply.body[:EXCERPT].decode(errors="replace").replace("\x00", "").strip()
        return Trouble(
            f"It did not answer in JSON but: {begins}" if begins else "It answered nothing.", False, took
        )
    return Said(reply.status, text, took)


def decoded(text: str) -> Any:
    """Return JSON as values."""
    return msgspec.json.decode(text.encode())
