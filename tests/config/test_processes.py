"""A group of programs lives and ends as one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until

SUPERVISOR = """
import sys
from config.processes import Group, NeverReady, Program
group = Group([Program(name, [sys.executable, "-uc", code]) for name, code in PROGRAMS], grace_seconds=GRACE)
try:
    group.run(is_ready=lambda: READY, on_ready=lambda: group.say("ready"))
except NeverReady as problem:
    sys.exit(str(problem))
group.say("ended")
"""
SLEEPER = "import time; print('up'); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
FAMILY = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '''{SLEEPER}''']); {SLEEPER}"


class Run:
    """A supervisor in a process of its own, and the lines it has printed."""

    def __init__(
        self, log: Path, marker: str, programs: dict[str, str], *, grace: float, ready: bool
    ) -> None:
        self.log = log
        self.marker = marker
        source = SUPERVISOR.replace("PROGRAMS", repr(list(programs.items())))
        source = source.replace("GRACE", str(grace)).replace("READY", str(ready))
        command = [sys.executable, "-c", source]
        with log.open("w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | {"RUN": marker})

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def children(self) -> list[int]:
        """The programs and their own children, wherever they ended up."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                inherited = f"RUN={self.marker}".encode() in (process / "environ").read_bytes().split(b"\0")
                is_guard = b"guard.py" in (process / "cmdline").read_bytes()
            except OSError:
                continue
            if inherited and not is_guard and int(process.name) != self.process.pid:
                found.append(int(process.name))
        return found


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*, grace: float = 5, ready: bool = True, **programs: str) -> Run:
        marker = f"marked {tmp_path.name} {len(runs)} {os.getpid()}"
        runs.append(Run(tmp_path / f"{len(runs)}.log", marker, programs, grace=grace, ready=ready))
        return runs[-1]

    yield start
    for group in runs:
        group.process.kill()
        group.process.wait()
    wait_until(lambda: not any(group.children() for group in runs))


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name
)
def test_a_signal_ends_all_and_the_last_line_says_so(run: Callable[..., Run], number: signal.Signals):
    group = run(one=SLEEPER, second=SLEEPER)
    wait_until(lambda: group.lines().count("one    | up") == 1 and group.lines().count("second | up") == 1)
    group.process.send_signal(number)
    assert group.process.wait(5) == 0
    assert group.lines()[-1] == "tact   | ended"
    assert not group.children()


def test_a_program_that_dies_is_restarted_at_once(run: Callable[..., Run]):
    group = run(one=SLEEPER)
    wait_until(lambda: "one | up" in group.lines())
    [pid] = group.children()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: group.lines().count("one | up") == 2, seconds=1.5)
    assert "one | ended with signal SIGKILL; starting it again" in group.lines()


def test_a_program_that_dies_takes_its_children_along(run: Callable[..., Run]):
    group = run(one=FAMILY)
    wait_until(lambda: len(group.children()) == 2)
    before = set(group.children())
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(group.children()) == 2 and not before & set(group.children()))


def test_a_program_that_keeps_dying_is_given_more_and_more_time(run: Callable[..., Run]):
    group = run(one="raise SystemExit(3)", other=SLEEPER)
    wait_until(lambda: "one   | ended with code 3; starting it again in 2 s" in group.lines())
    delays = [line.partition("again")[2] for line in group.lines() if line.startswith("one   | ended")]
    assert delays == ["", " in 1 s", " in 2 s"]


def test_a_program_that_never_comes_up_ends_the_group(run: Callable[..., Run]):
    group = run(one="raise SystemExit('no such thing')", other=SLEEPER, ready=False)
    assert group.process.wait(20) == 1
    assert "one   | no such thing" in group.lines()
    assert group.lines()[-1].startswith("one ended 5 times in a row")
    assert not group.children()


def test_a_program_that_died_a_moment_before_does_not_hinder_the_end(run: Callable[..., Run]):
    group = run(one=SLEEPER, second=SLEEPER)
    wait_until(lambda: group.lines().count("one    | up") == 1 and group.lines().count("second | up") == 1)
    group.process.send_signal(signal.SIGSTOP)  # so that it learns of both at once
    for pid in group.children():
        os.kill(pid, signal.SIGKILL)
    group.process.terminate()
    group.process.send_signal(signal.SIGCONT)
    assert group.process.wait(5) == 0
    assert group.lines()[-1] == "tact   | ended"
    assert not group.children()


def test_a_stubborn_program_is_ended_by_force(run: Callable[..., Run]):
    group = run(one=STUBBORN, grace=0.5)
    wait_until(lambda: "one | up" in group.lines())
    group.process.terminate()
    assert group.process.wait(5) == 0
    assert not group.children()


def test_a_second_signal_does_not_wait(run: Callable[..., Run]):
    group = run(one=STUBBORN, grace=60)
    wait_until(lambda: "one | up" in group.lines())
    group.process.terminate()
    time.sleep(0.3)
    group.process.terminate()
    assert group.process.wait(5) == 0
    assert not group.children()


@pytest.mark.parametrize("code", [FAMILY, STUBBORN], ids=["family", "stubborn"])
def test_kill_9_of_the_supervisor_leaves_nothing_behind(run: Callable[..., Run], code: str):
    group = run(one=code, other=SLEEPER, grace=1)
    wait_until(lambda: sum(line.endswith("up") for line in group.lines()) >= 2)
    group.process.kill()
    group.process.wait()
    wait_until(lambda: not group.children(), seconds=5)


def test_lines_of_a_program_are_not_torn(run: Callable[..., Run]):
    slowly = "import sys, time\nfor sign in 'ab cd\\nlast': print(end=sign); time.sleep(.01)\ntime.sleep(9)"
    group = run(one=slowly)
    wait_until(lambda: "one | ab cd" in group.lines())
    time.sleep(0.5)
    group.process.terminate()
    group.process.wait()
    assert "one | last" in group.lines()
