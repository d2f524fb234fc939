"""Runs a group of programs as one: restarts what dies, ends all together, and leaves none behind.

Each child leads a process group of its own. One that ends unasked is started again, at once the first time. When we
are killed, even by ``kill -9``, the guard ends every group; a child also gets SIGTERM from the kernel.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TextIO

from config import guard
from config.embedded.keeper import dying_with_parent

TICK_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0
STEADY_SECONDS = 5.0  # who lived this long is restarted at once
TRIES_BEFORE_READY = 5
LONGEST_WAIT_SECONDS = 180.0  # to be ready


@dataclass(frozen=True)
class Program:
    """A named command line, with what it needs on top of our environment; each line it prints bears the name."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class NeverReady(Exception):
    """A program kept ending before the group was ready, or it took too long; the message says which."""


@dataclass
class _Child:
    program: Program
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    start_at: float = 0.0
    failures: int = 0  # in a row
    unfinished: bytes = b""  # the start of a line
    outputs: list[IO[bytes]] = field(default_factory=list)


class Group:
    """The programs, started in order and stopped in the reverse one. Used once, from the main thread."""

    def __init__(
        self, programs: Sequence[Program], *, grace_seconds: float = 15.0, out: TextIO = sys.stdout
    ) -> None:
        self._children = [_Child(program) for program in programs]
        self._width = max(len(program.name) for program in programs)
        self._grace_seconds = grace_seconds
        self._out = out
        self._selector = selectors.DefaultSelector()
        self._asked = 0
        self._guard: subprocess.Popen[str] | None = None

    def run(
        self,
        *,
        is_ready: Callable[[], bool] = lambda: True,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP, then end every program; a second signal ends them by force.

        ``on_ready`` is called once, when ``is_ready`` first says so. Raises NeverReady, with everything ended, if a
        program fails five times in a row before that, or after three minutes.
        """
        with self._signals(), self._guarded():
            try:
                self._supervise(is_ready, on_ready)
            finally:
                self._end()

    def say(self, text: str, name: str = "tact") -> None:
        """Print one line under a name."""
        self._out.write(f"{name:<{self._width}} | {text}\n")
        self._out.flush()

    def _supervise(self, is_ready: Callable[[], bool], on_ready: Callable[[], None]) -> None:
        ready = False
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while not self._asked:
            for child in self._children:
                self._look_after(child)
                if not ready and child.failures >= TRIES_BEFORE_READY:
                    raise NeverReady(
                        f"{child.program.name} ended {child.failures} times in a row; its words are above."
                    )
            self._pass_on(TICK_SECONDS)
            if ready:
                continue
            if is_ready():
                ready = True
                on_ready()
            elif time.monotonic() > deadline:
                raise NeverReady(f"Not ready after {LONGEST_WAIT_SECONDS:g} seconds; what was said is above.")

    def _look_after(self, child: _Child) -> None:
        """Start a child that is due; note one that ended, and when to start it again."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                self._start(child)
            return
        if not _has_ended(child.process):
            return
        code = self._bury(child)
        child.failures = 1 if now - child.started_at >= STEADY_SECONDS else child.failures + 1
        delay = min(0.25 * 2**child.failures, LONGEST_DELAY_SECONDS) if child.failures > 1 else 0.0
        child.start_at = now + delay
        self.say(
            f"ended with {_words(code)}; starting it again" + (f" in {delay:g} s" if delay else ""),
            child.program.name,
        )

    def _start(self, child: _Child) -> None:
        child.process = subprocess.Popen(
            child.program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | child.program.environment,
            start_new_session=True,
            preexec_fn=dying_with_parent(by=signal.SIGTERM),
        )
        child.started_at = time.monotonic()
        self._tell_guard(f"+{child.process.pid}")
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _bury(self, child: _Child) -> int:
        """Kill what the ended child left running in its group, and return its exit code."""
        assert child.process is not None
        guard.reach(child.process.pid, signal.SIGKILL)  # before the reaping, which frees the number
        code = child.process.wait()
        self._tell_guard(f"-{child.process.pid}")
        self._pass_on(0)
        child.process = None
        return code

    def _pass_on(self, seconds: float) -> None:
        """Print what the children wrote, for up to ``seconds`` of waiting."""
        for key, _events in self._selector.select(seconds):
            child: _Child = key.data
            assert not isinstance(key.fileobj, int)
            text = os.read(key.fd, 65536)
            if not text:
                self._selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[attr-defined]
            *lines, child.unfinished = (child.unfinished + (text or b"\n" * bool(child.unfinished))).split(
                b"\n"
            )
            for line in lines:
                self.say(line.decode(errors="replace"), child.program.name)

    def _end(self) -> None:
        for child in reversed(self._children):
            if child.process is None:
                continue
            os.kill(child.process.pid, signal.SIGTERM)  # Popen.terminate would reap one that has ended
            deadline = time.monotonic() + self._grace_seconds
            while not _has_ended(child.process) and time.monotonic() < deadline and self._asked < 2:
                self._pass_on(TICK_SECONDS)
            self._bury(child)
        self._pass_on(0)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def ask(_number: int, _frame: object) -> None:
            self._asked += 1

        before = {
            number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        command = [sys.executable, "-I", "-S", guard.__file__, str(self._grace_seconds)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, text=True, start_new_session=True
        ) as self._guard:
            yield

    def _tell_guard(self, line: str) -> None:
        if self._guard and self._guard.stdin:
            with contextlib.suppress(BrokenPipeError):  # somebody killed it; the kernel's signal remains
                self._guard.stdin.write(f"{line}\n")
                self._guard.stdin.flush()


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Tell without reaping, so that the number still belongs to the process's group."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _words(code: int) -> str:
    return f"code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
