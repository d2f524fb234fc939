"""The child: reads, analyses, compiles and fills templates, with nothing at hand that would be worth stealing.

Started as ``python -I worker.py SECONDS`` with an empty environment, it holds no secret, no settings and no
connection, and answers frames on its standard output. Its memory, files and processor time are limited; what runs
into the time limit ends the process, and its parent knows by the missing answer whose fault it was.
"""

import gc
import os
import resource
import select
import signal
import sys
import time
from collections import OrderedDict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if __name__ == "__main__":  # -I leaves our own packages out of the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import msgspec

from campaigns.liquid.evaluate import Aborted, Refusal
from campaigns.liquid.needs import check
from campaigns.liquid.program import Program
from campaigns.liquid.syntax import Invalid
from campaigns.liquid.wire import (
    HEADER,
    OUT_OF_MEMORY,
    Check,
    Failed,
    Ran,
    Ready,
    Refused,
    Render,
    Rendered,
    Request,
    Run,
    Source,
    Unknown,
    frame,
)

MEMORY = 256 * 1024 * 1024  # over what it has once everything is imported
FILES = 32
MOST_WAITING = 32_000  # bytes of answers that wait to be sent together
LONGEST_WAIT = 0.05  # seconds
KEPT = 2_000_000  # characters of source whose programs are kept
IDLE = 2.0  # seconds between two looks at whether the parent still lives

NO_MEMORY = Refused("This needed too much memory.")

_person = msgspec.msgpack.Decoder(dict[str, Any])
_requests = msgspec.msgpack.Decoder(Request)
_encode = msgspec.msgpack.Encoder().encode


class Programs:
    """The programs of recent templates, up to a total length of source."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[dict[str, Program | Refused], int]] = OrderedDict()
        self._length = 0

    def get(self, key: str) -> dict[str, Program | Refused] | None:
        entry = self._kept.get(key)
        if entry is None:
            return None
        self._kept.move_to_end(key)
        return entry[0]

    def add(self, key: str, parts: dict[str, Source]) -> dict[str, Program | Refused]:
        programs = {name: self._program(name, source) for name, source in parts.items()}
        length = sum(len(source.text) for source in parts.values())
        self._kept[key] = programs, length
        self._length += length
        while self._length > KEPT and len(self._kept) > 1:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._length -= dropped
        return programs

    @staticmethod
    def _program(name: str, source: Source) -> Program | Refused:
        try:
            return Program(source)
        except Invalid as error:
            first = error.problems[0]
            return Refused(first.message, name, first.line, first.column)


class Worker:
    """Answers requests read from one file descriptor on another."""

    def __init__(self, incoming: int, outgoing: int, *, seconds: float) -> None:
        self._seconds = seconds  # of processor time for one answer
        self._incoming = incoming
        self._outgoing = outgoing
        self._parent = os.getppid()
        self._programs = Programs()
        self._waiting = bytearray()
        self._sent_at = 0.0

    def serve(self) -> None:
        """Answer until the parent hangs up or is gone."""
        self._answer(Ready())
        while (payload := self._receive()) is not None:
            request = _requests.decode(payload)
            if isinstance(request, Render):
                self._render(request)
            elif isinstance(request, Check):
                self._check(request)
            else:
                self._run(request)

    def _receive(self) -> bytes | None:
        header = self._read(HEADER)
        return self._read(int.from_bytes(header, "big")) if header else None

    def _read(self, size: int) -> bytes:
        pieces = []
        while size:
            while not select.select([self._incoming], [], [], IDLE)[0]:
                if os.getppid() != self._parent:  # someone else may still hold the other end of the pipe
                    return b""
            piece = os.read(self._incoming, size)
            if not piece:
                return b""
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _answer(self, answer: Any, *, wait: bool = False) -> None:
        """Send an answer, or let it wait a moment for the next: a system call each would cost as much as filling."""
        self._waiting += frame(_encode(answer))
        now = time.monotonic()
        if not wait or len(self._waiting) > MOST_WAITING or now - self._sent_at > LONGEST_WAIT:
            self._sent_at = now
            data = memoryview(self._waiting)
            while data:
                data = data[os.write(self._outgoing, data) :]
            data.release()
            self._waiting = bytearray()

    def _render(self, request: Render) -> None:
        allow(self._seconds)
        programs = self._programs.get(request.key)
        if programs is None:
            if request.parts is None:
                return self._answer(Unknown())
            programs = self._programs.add(request.key, request.parts)
        last = len(request.people) - 1
        for number, person in enumerate(request.people):
            allow(self._seconds)
            answer = self._filled(programs, person, request)
            # the first goes at once: a template that is at fault itself dies on the first
            at_once = request.one_by_one or number in (0, last) or answer is NO_MEMORY
            self._answer(answer, wait=not at_once)
            if answer is NO_MEMORY:
                sys.exit(OUT_OF_MEMORY)  # what is left may be in pieces: a new child has it all
        return None

    @staticmethod
    def _filled(
        programs: dict[str, Program | Refused], person: msgspec.Raw, request: Render
    ) -> Rendered | Refused:
        try:
            return fill(programs, {**request.shared, **_person.decode(person)}, request.now, request.zone)
        except MemoryError:
            return NO_MEMORY

    def _check(self, request: Check) -> None:
        for source in request.sources:
            allow(self._seconds)
            self._answer(
                check(
                    source,
                    roots=request.roots,
                    always_present=request.always_present,
                    is_block=request.is_block,
                )
            )

    def _run(self, request: Run) -> None:
        allow(self._seconds)
        try:
            function = getattr(import_module(request.module), request.name)
            answer: Any = Ran(function(**request.arguments))
        except Exception as error:
            answer = Failed(f"{type(error).__name__}: {error}")
        self._answer(answer)


def fill(
    programs: dict[str, Program | Refused], data: dict[str, Any], now: datetime, zone: str
) -> Rendered | Refused:
    """Fill all parts for one person, or say why this person gets none."""
    moment = in_zone(now, data.get("zone"), zone)
    parts: dict[str, str] = {}
    for name, program in programs.items():
        if isinstance(program, Refused):
            return program
        try:
            parts[name] = program.fill(data, moment)
        except Refusal as refusal:
            return Refused(refusal.reason, name, *refusal.place, isinstance(refusal, Aborted))
        except MemoryError:
            raise
        except Exception as error:
            return Refused(f"This could not be filled ({type(error).__name__}).", name)
    return Rendered(parts)


def in_zone(now: datetime, *names: object) -> datetime:
    """Return the moment in the first of the zones that exists, else in UTC."""
    for name in names:
        try:
            if isinstance(name, str):
                return now.astimezone(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return now.astimezone(UTC)


def allow(seconds: float) -> None:
    """Allow so much processor time from now on. What needs more ends the process."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def confine() -> None:
    """Give up what filling templates does not need."""
    used = memory_used()
    limits = {
        resource.RLIMIT_AS: used + MEMORY if used else None,
        resource.RLIMIT_NOFILE: FILES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        if value is not None:
            resource.setrlimit(limit, (value, value))


def memory_used() -> int:
    """Return the bytes of address space in use; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def main() -> None:
    outgoing = os.dup(1)
    os.dup2(2, 1)  # a stray print must not look like an answer
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # the parent may have ignored or blocked it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then hangs up
    confine()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)  # messages leave no cycles behind; looking for them took a tenth of the time
    try:
        Worker(0, outgoing, seconds=float(sys.argv[1])).serve()
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
