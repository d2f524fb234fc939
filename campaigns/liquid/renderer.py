"""The parent's handle on the renderer: one child a process, replaced when it dies, blamed on the one who killed it."""

from __future__ import annotations

import atexit
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from queue import PriorityQueue
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec

from campaigns.liquid.values import ALWAYS_PRESENT, ROOTS
from campaigns.liquid.wire import (
    HEADER,
    OUT_OF_MEMORY,
    Answer,
    Check,
    Checked,
    Failed,
    Problem,
    Ran,
    Refused,
    Render,
    Rendered,
    Request,
    Run,
    Source,
    Template,
    Unknown,
    frame,
)

WORKER = Path(__file__).with_name("worker.py")
PATIENCE = 10.0  # seconds to wait for one answer; the child's own limit of processor time comes long before
START = 30.0  # seconds a child may take to be there on a very busy machine
STRIKES = 3  # people a template may kill the child for, before the rest of the call is refused

MOST_DATA = 4_000_000  # bytes of people in one request: read in the child, they count as its memory

# Seconds by the clock that a call may take for each that one person may; honest templates need a hundredth.
PER_CALL, PER_PERSON = 10.0, 0.02
CHILDREN = 2  # at once; a third bomb in one process waits for the first

TOO_SLOW = Refused("This template is too slow to be sent to many people.")
TOO_MUCH_MEMORY = "This needed too much memory."
BROKE = "This made the renderer stop."

_answers = msgspec.msgpack.Decoder(Answer)
_encode = msgspec.msgpack.Encoder().encode


class RendererFailed(Exception):
    """No child could be started, or a function run in it raised."""


class _Gone(Exception):
    """The child ended instead of answering. ``is_clear`` says whether the request was the cause."""

    def __init__(self, reason: str, *, is_clear: bool) -> None:
        super().__init__(reason)
        self.is_clear = is_clear


class _Child:
    """One running worker and the pipes to it."""

    def __init__(self, seconds: float) -> None:
        self._too_long = f"This took longer than {seconds:g} s."
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(WORKER), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            bufsize=0,
            close_fds=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._out, selectors.EVENT_READ)
        self._buffer = bytearray()
        try:
            self.answer(patience=START)  # its Ready
        except _Gone as gone:
            self.kill()
            raise RendererFailed("The renderer's process could not be started.") from gone

    def ask(self, request: Request) -> None:
        """Send a request. A child that is gone is noticed when the answer does not come."""
        data = memoryview(frame(_encode(request)))
        try:
            while data:
                data = data[os.write(self._in, data) :]
        except BrokenPipeError:
            pass

    def answer(self, *, patience: float = PATIENCE) -> Answer:
        """Return the next answer. Raises _Gone."""
        while (answer := self._cut()) is None:
            if not self._ready.select(patience):
                raise _Gone(self._too_long, is_clear=True)
            data = os.read(self._out, 1 << 16)
            if not data:
                raise self._gone()
            self._buffer += data
        return answer

    def _cut(self) -> Answer | None:
        if len(self._buffer) < HEADER:
            return None
        end = HEADER + int.from_bytes(self._buffer[:HEADER], "big")
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER:end])
        del self._buffer[:end]
        return cast(Answer, _answers.decode(payload))

    def _gone(self) -> _Gone:
        status = self._process.wait()
        if status == -signal.SIGPROF:
            return _Gone(self._too_long, is_clear=True)
        return _Gone(TOO_MUCH_MEMORY if status == OUT_OF_MEMORY else BROKE, is_clear=False)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._let_go()

    def disown(self) -> None:
        """Close our copies of the pipes and expect nothing of a child that is not ours."""
        self._process.returncode = 0
        self._let_go()

    def _let_go(self) -> None:
        self._ready.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class _Budget:
    """The time that the people of one call share, without what starting a child takes."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._since = 0.0

    def start(self) -> None:
        self._since = time.monotonic()

    def is_spent(self) -> bool:
        now = time.monotonic()
        self._left -= now - self._since
        self._since = now
        return self._left < 0


class Renderer:
    """Checks and fills templates in children that are started when needed. Safe to share between threads.

    ``seconds`` is the processor time that reading a template, or filling one for one person, may take. Of
    ``children`` the first is used while it is free: another's slow template is waited for by nobody.
    """

    def __init__(self, *, seconds: float = 1.0, children: int = CHILDREN) -> None:
        self._seats = [_Seat(seconds) for _ in range(children)]
        self._free = _numbers(len(self._seats))
        _all.add(self)

    def check(
        self,
        sources: dict[str, Source],
        *,
        roots: Iterable[str] = ROOTS,
        always_present: Iterable[str] = ALWAYS_PRESENT,
        is_block: bool = False,
    ) -> dict[str, Checked]:
        """Return what is wrong with each source, what it reads and what it needs; of blocks, what they take."""
        with self._seat() as seat:
            return seat.check(sources, roots=roots, always_present=always_present, is_block=is_block)

    def render(
        self, template: Template, people: list[dict[str, Any]], *, shared: dict[str, Any], now: datetime
    ) -> list[Rendered | Refused]:
        """Fill a template for each person and return an answer for each, in order.

        ``shared`` is what is the same for all; a person's own key wins. ``now`` must be aware: dates are shown in
        its zone (a ZoneInfo, else UTC), or in the one that a person names under "zone". A person whose data makes
        the template run into a limit is refused alone.
        """
        with self._seat() as seat:
            return seat.render(template, people, shared=shared, now=now)

    def run(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """Return what a pure function of a module returns in a child, as plain data. Raises RendererFailed."""
        with self._seat() as seat:
            return seat.run(function, **arguments)

    def close(self) -> None:
        """End the children. The next use starts another."""
        for seat in self._seats:
            seat.close()

    def forget(self) -> None:
        """Leave the children to the process we were forked from."""
        for seat in self._seats:
            seat.forget()
        self._free = _numbers(len(self._seats))

    @contextmanager
    def _seat(self) -> Iterator[_Seat]:
        free = self._free
        number = free.get()
        try:
            yield self._seats[number]
        finally:
            free.put(number)


def _numbers(count: int) -> PriorityQueue[int]:
    """Return what hands out the lowest number that is free."""
    free: PriorityQueue[int] = PriorityQueue()
    for number in range(count):
        free.put(number)
    return free


class _Seat:
    """One child at a time, and what it knows."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.RLock()
        self._child: _Child | None = None
        self._known: set[str] = set()  # keys of templates that this child was sent
        self._is_careful = False  # the last child died, and it is not clear on whom or why

    def check(
        self,
        sources: dict[str, Source],
        *,
        roots: Iterable[str],
        always_present: Iterable[str],
        is_block: bool,
    ) -> dict[str, Checked]:
        remaining = dict(sources)
        results: dict[str, Checked] = {}
        with self._using():
            while remaining:
                request = Check(list(remaining.values()), sorted(roots), sorted(always_present), is_block)
                for name, answer in zip(
                    list(remaining), self._answers(request, len(remaining)), strict=False
                ):
                    del remaining[name]
                    results[name] = answer if isinstance(answer, Checked) else _unreadable(answer)
        return results

    def render(
        self, template: Template, people: list[dict[str, Any]], *, shared: dict[str, Any], now: datetime
    ) -> list[Rendered | Refused]:
        if now.utcoffset() is None:
            raise ValueError("now must be timezone-aware")
        encoded = [_encoded(person) for person in people]
        sent = [person for person in encoded if isinstance(person, msgspec.Raw)]
        with self._using():
            answers = iter(self._filled(template, sent, shared, now))
        return [next(answers) if isinstance(person, msgspec.Raw) else person for person in encoded]

    def _filled(
        self, template: Template, people: list[msgspec.Raw], shared: dict[str, Any], now: datetime
    ) -> list[Rendered | Refused]:
        results: list[Rendered | Refused] = []
        strikes = 0
        key = template.key
        budget = _Budget(self._seconds * (PER_CALL + PER_PERSON * len(people)))
        while len(results) < len(people):
            if strikes == STRIKES:
                return results + [results[-1]] * (len(people) - len(results))
            asked = _as_many_as_fit(people[len(results) :])
            news, zone = self._news(key, template), zone_name(now)  # may start a child
            request = Render(key, asked, shared, now, zone, news, one_by_one=self._is_careful)
            budget.start()
            for answer in self._answers(request, len(asked)):
                if budget.is_spent():
                    self.close()
                    return results + [TOO_SLOW] * (len(people) - len(results))
                if isinstance(answer, Unknown):
                    self._known.discard(key)
                    break
                strikes += isinstance(answer, Failed)
                results.append(Refused(answer.reason) if isinstance(answer, Failed) else cast(Any, answer))
        return results

    def run(self, function: Callable[..., Any], **arguments: Any) -> Any:
        request = Run(function.__module__, function.__qualname__, arguments)
        answers: list[Answer] = []
        with self._using():
            while not answers:
                answers.extend(self._answers(request, 1))
        if isinstance(answers[0], Ran):
            return answers[0].result
        raise RendererFailed(cast(Failed, answers[0]).reason)

    def close(self) -> None:
        """End the child. The next use starts another."""
        with self._lock:
            if self._child is not None:
                self._child.kill()
            self._child = None
            self._known = set()

    def forget(self) -> None:
        """Leave the child to the process we were forked from."""
        self._lock = threading.RLock()
        if self._child is not None:
            self._child.disown()
        self._child = None
        self._known = set()

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Hold the child; end it if we leave in the middle of its answers."""
        with self._lock:
            try:
                yield
            except BaseException:
                self.close()
                raise

    def _news(self, key: str, template: Template) -> dict[str, Source] | None:
        """Return the parts if the child has not had them yet."""
        self._living()
        if key in self._known:
            return None
        self._known.add(key)
        return template.parts

    def _living(self) -> _Child:
        """Return the child, a new one if there is none or it died while it had nothing to do."""
        if self._child is not None and not self._child.is_alive():
            self.close()
        if self._child is None:
            self._child = _Child(self._seconds)
        return self._child

    def _answers(self, request: Request, expected: int) -> Iterator[Answer]:
        """Yield answers up to the number expected.

        Where the child dies they end early. If it is clear who it died on the last is Failed; if not, the caller
        asks again for the rest, and we listen more carefully.
        """
        child = self._living()
        child.ask(request)
        is_exact = not isinstance(request, Render) or request.one_by_one
        for number in range(expected):
            try:
                answer = child.answer()
            except _Gone as gone:
                self.close()
                knows_whom = is_exact or number == 0
                knows_why = gone.is_clear or (self._is_careful and number == 0)
                self._is_careful = not (knows_whom and knows_why)
                if not self._is_careful:
                    yield Failed(str(gone))
                return
            yield answer
        self._is_careful = False


def _encoded(person: dict[str, Any]) -> msgspec.Raw | Refused:
    try:
        return msgspec.Raw(_encode(person))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return Refused(f"This person's data cannot be read: {error}.")


def _as_many_as_fit(people: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """Return the first of them, at least one, that are small enough together to be sent at once."""
    size = 0
    for number, person in enumerate(people):
        size += len(person)
        if size > MOST_DATA and number:
            return people[:number]
    return people


def zone_name(now: datetime) -> str:
    return now.tzinfo.key if isinstance(now.tzinfo, ZoneInfo) and now.tzinfo.key else "UTC"


def _unreadable(answer: Answer) -> Checked:
    return Checked(
        errors=[Problem(1, 1, answer.reason if isinstance(answer, Failed) else "This cannot be read.")]
    )


_all: weakref.WeakSet[Renderer] = weakref.WeakSet()


def _close_all() -> None:
    for renderer in list(_all):
        renderer.close()


def _forget_all() -> None:
    for renderer in list(_all):
        renderer.forget()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)

_shared = Renderer()


def shared() -> Renderer:
    """Return this process's renderer: two would mean two children."""
    return _shared
