"""``manage.py up`` on an empty machine: one command to a working login, one signal to nothing."""

import http.cookiejar
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import folders
from tests.waiting import wait_until

pytestmark = pytest.mark.faults


class Up:
    """A house of its own: data, port and output."""

    def __init__(self, parent: Path) -> None:
        self.parent = parent
        self.log = parent / "log"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {"TACT_DATA_DIR": str(parent / "data"), "TACT_VAR": str(parent / "var")}
        with self.log.open("a") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port)],
                cwd=folders.PROJECT,
                env=environment,
                stdout=out,
                stderr=out,
            )

    def find(self, pattern: str, seconds: float = 90) -> re.Match[str]:
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.log.read_text())):
            running = time.monotonic() < deadline and self.process.poll() is None
            assert running, self.log.read_text()[-3000:]
            time.sleep(0.1)
        return found

    def processes(self) -> list[str]:
        """Everything that runs for this house: whoever inherited its variables, and PostgreSQL."""
        mark = f"TACT_DATA_DIR={self.parent / 'data'}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found


@pytest.fixture
def house() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="tact-up"))
    parent.chmod(0o711)
    yield parent
    shutil.rmtree(parent)


def log_in(port: int, email: str, password: str) -> str:
    """Return the address a browser ends at after sending the login form."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    url = f"http://127.0.0.1:{port}/accounts/login/"
    with browser.open(url, timeout=20) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token
    form = {"csrfmiddlewaretoken": token[1], "login": email, "password": password}
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), {"Referer": url})
    with browser.open(request, timeout=20) as page:
        return urllib.parse.urlsplit(page.url).path


def refusal_of(port: int, chunks: Iterator[bytes]) -> str:
    """Return why a call was refused that came in chunks, as a body does whose length nobody told."""
    url, headers = f"http://127.0.0.1:{port}/v1/track", {"Content-Type": "application/json"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, chunks, headers), timeout=20)
    reason: str = json.load(refused.value)["reason"]
    return reason


def test_up_prints_a_login_that_works_comes_back_quickly_and_leaves_nothing(house: Path):
    first = Up(house)
    try:
        email, password = first.find(r"Log in as (\S+) with the password (\S+) ").groups()
        assert log_in(first.port, email, password) == "/"
        assert refusal_of(first.port, iter([b'{"event": "S', b"een, but its text is cut off"])).endswith(
            "column 41."
        )
        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(40) == 0
        assert "nothing of it is running" in first.log.read_text()
        wait_until(lambda: not first.processes())
    finally:
        first.process.kill()

    first.log.write_text("")
    second = Up(house)
    try:
        second.find("Tact is ready at")
        assert "password" not in second.log.read_text()
        assert log_in(second.port, email, password) == "/"
        second.process.kill()
        second.process.wait()
        wait_until(lambda: not second.processes())
    finally:
        second.process.kill()
