"""The embedded PostgreSQL lives exactly as long as somebody uses it, whatever is killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from config.embedded import install, server
from tests.waiting import wait_until

# A shell lets what it starts in the background ignore SIGINT, and all below it.
USER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from config import embedded
print(embedded.ensure(), flush=True)
sys.stdin.read()
"""


class Users:
    """Processes that use one server, each ended by us."""

    def __init__(self, data: Path) -> None:
        self.environment = os.environ | {"TACT_DATA_DIR": str(data), "TACT_DATABASE_IDLE_SECONDS": "0.2"}
        self.started: list[subprocess.Popen[str]] = []

    def start(self) -> "subprocess.Popen[str]":
        user = subprocess.Popen(
            [sys.executable, "-c", USER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        self.started.append(user)
        return user

    def url(self, user: "subprocess.Popen[str]") -> str:
        assert user.stdout is not None
        return user.stdout.readline().strip()

    def refusal(self, user: "subprocess.Popen[str]") -> str:
        return user.communicate(timeout=60)[1].splitlines()[-1]

    def end(self) -> None:
        for user in self.started:
            user.kill()
            user.communicate()


@pytest.fixture
def data() -> Iterator[Path]:
    """A folder's name that PostgreSQL's user can reach, which pytest's own temporary folders are not for root."""
    parent = Path(tempfile.mkdtemp(prefix="tact"))
    parent.chmod(0o711)
    yield parent / "data"
    shutil.rmtree(parent)


@pytest.fixture
def users(data: Path) -> Iterator[Users]:
    users = Users(data)
    yield users
    users.end()
    wait_until(lambda: not processes(data))


def processes(data: Path) -> list[int]:
    """The keeper and the server's processes: whoever names the folder or works in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            working = (process / "cwd").readlink()
        except OSError:
            continue
        if (b"keeper.py" in command and bytes(data) in command) or working == data / "postgres":
            found.append(int(process.name))
    return found


def keeper(data: Path) -> int:
    [pid] = [pid for pid in processes(data) if b"keeper.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return pid


def postmaster(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().split()[0])


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_two_racing_starters_get_one_server_and_its_role_is_no_superuser(users: Users, data: Path):
    first, second = users.start(), users.start()
    url = users.url(first)
    assert users.url(second) == url
    keeper(data)
    with psycopg.connect(url) as connection:
        role = "SELECT rolsuper, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(role).fetchone() == (False, True, False)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)


def test_the_server_stays_for_a_second_user_and_goes_with_the_last(users: Users, data: Path):
    first = users.start()
    url = users.url(first)
    second = users.start()
    users.url(second)
    server_process = postmaster(data)
    first.communicate()
    time.sleep(2)  # well over the idle time and the keeper's interval
    assert answers(url)
    assert postmaster(data) == server_process
    second.communicate()
    wait_until(lambda: not processes(data))
    assert not answers(url)


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name
)
def test_a_killed_user_leaves_no_server_behind(users: Users, data: Path, number: signal.Signals):
    user = users.start()
    users.url(user)
    user.send_signal(number)
    wait_until(lambda: not processes(data))


@pytest.mark.parametrize("victim", [keeper, postmaster])
def test_after_a_killed_keeper_or_server_the_next_user_finds_a_server(
    users: Users, data: Path, victim: Callable[[Path], int]
):
    url = users.url(users.start())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        os.kill(victim(data), signal.SIGKILL)
        assert users.url(users.start()) == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_a_second_start_overcomes_leftovers(users: Users, data: Path):
    first = users.start()
    url = users.url(first)
    first.communicate()
    wait_until(lambda: not processes(data))
    pid_file = data / "postgres" / "postmaster.pid"
    pid_file.write_text(
        f"{os.getpid()}\n{data / 'postgres'}\n"
    )  # as a crash leaves it, its number reused since
    assert users.url(users.start()) == url


def test_a_half_made_data_folder_is_made_again(users: Users, data: Path):
    (data / "postgres.unfinished" / "base").mkdir(parents=True)
    data.chmod(0o711)
    assert answers(users.url(users.start()))


def test_a_deep_folder_gets_a_short_private_socket(data: Path):
    deep = data / ("d" * 60) / ("e" * 60)
    users = Users(deep)
    try:
        url = users.url(users.start())
        assert answers(url)
        folder = server.Place(deep).socket
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        users.end()
        wait_until(lambda: not processes(deep))
    folder.rmdir()


def test_nothing_is_readable_by_others(users: Users, data: Path):
    users.url(users.start())
    for path in data.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_failed_start_shows_the_log_and_what_to_do(users: Users, data: Path):
    first = users.start()
    users.url(first)
    first.communicate()
    wait_until(lambda: not processes(data))
    settings = data / "postgres" / "postgresql.conf"
    settings.write_text(settings.read_text() + "\nshared_buffers = 'plenty'\n")
    message = users.start().communicate(timeout=30)[1]
    assert 'invalid value for parameter "shared_buffers"' in message
    assert "DATABASE_URL" in message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_root_is_told_which_folder_the_system_user_cannot_enter(users: Users, data: Path):
    data.parent.chmod(0o700)
    refusal = users.refusal(users.start())
    assert f"may not enter {data.parent}" in refusal
    assert "TACT_DATA_DIR" in refusal
    user = install.account(data / "postgres")
    assert user is not None
    assert user.pw_uid != 0
