"""A sandbox takes all mail and keeps it, refuses whom it should, and what it says was taken is there after a crash."""

import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from delivery.channels.email.mime import Skeleton
from delivery.channels.email.smtp import (
    Accepted,
    Connection,
    Message,
    NotSent,
    Outcome,
    Refused,
    Server,
    Unavailable,
    Unknown,
)
from delivery.sandbox import inbox, journal, rules
from delivery.sandbox.keeping import INBOX_NAME, JOURNAL_NAME
from tests.sandbox import Running, running

TENANT, OTHER = uuid.UUID(int=1).hex, uuid.UUID(int=2).hex
SHOP = Skeleton(from_address="news@shop.example", is_one_click=False)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def mail(number: int, to: str = "", *, subject: str = "Grüße", text: str = "Hello") -> Message:
    to = to or f"p{number}@example.org"
    data = SHOP.fill(
        to_address=to,
        subject=subject,
        text=text,
        message_id=f"{number}@shop.example",
        date=NOON,
        headers={"X-Tact-Delivery": f"d{number}"},
    )
    return Message(number, "news@shop.example", to, data)


def login(port: int, tenant: str = TENANT) -> Server:
    return Server("127.0.0.1", port, tenant, tenant)


def send(port: int, *mails: Message, tenant: str = TENANT) -> list[Outcome]:
    with Connection.open(login(port, tenant)) as connection:
        assert connection.is_pipelined
        return list(connection.send(mails))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as server:
        yield server


def test_every_mail_is_kept_for_its_own_tenant(sandbox: Running) -> None:
    assert {type(outcome) for outcome in send(sandbox.port, mail(1), mail(2), mail(3))} == {Accepted}
    send(sandbox.port, mail(4), tenant=OTHER)
    path = sandbox.folder / INBOX_NAME
    kept = inbox.newest(path, tenant=TENANT)
    assert [(kept_mail.recipient, kept_mail.subject, kept_mail.sent_at) for kept_mail in kept] == [
        (f"p{number}@example.org", "Grüße", NOON) for number in (3, 2, 1)
    ]
    assert inbox.find(path, tenant=OTHER, public_id=kept[0].public_id) is None
    assert [kept_mail.recipient for kept_mail in inbox.newest(path, tenant=OTHER)] == ["p4@example.org"]


@pytest.mark.parametrize(
    "text", [".", "..\n.\n.a\n", "a\n.\nb", ""], ids=["a dot", "dots", "a dot inside", "empty"]
)
def test_a_mail_is_kept_byte_for_byte(text: str, sandbox: Running) -> None:
    sent = mail(1, text=text)
    send(sandbox.port, sent, mail(2))
    path = sandbox.folder / INBOX_NAME
    found = inbox.find(path, tenant=TENANT, public_id=inbox.newest(path, tenant=TENANT)[1].public_id)
    assert found is not None
    assert found[1].rstrip(b"\r\n") == sent.data.rstrip(b"\r\n")


def test_the_journal_says_what_recipients_were_given(sandbox: Running) -> None:
    before = time.time()
    send(sandbox.port, mail(1), mail(2, "bounce@example.org"))
    [entry] = sandbox.journal()
    assert (entry.tenant, entry.sender, entry.recipient) == (TENANT, "news@shop.example", "p1@example.org")
    assert (entry.message_id, entry.delivery) == ("<1@shop.example>", "d1")
    assert before <= entry.at <= time.time()


def test_mailboxes_that_bounce_or_are_full_refuse_and_stop_nobody(sandbox: Running) -> None:
    outcomes = send(
        sandbox.port, mail(1), mail(2, "Bounce.ann@example.org"), mail(3, "full@example.org"), mail(4)
    )
    assert [type(outcome) for outcome in outcomes] == [Accepted, Refused, Refused, Accepted]
    assert [
        (refused.permanent, refused.is_address_dead) for refused in outcomes if isinstance(refused, Refused)
    ] == [(True, True), (False, False)]
    assert sandbox.recipients() == ["p1@example.org", "p4@example.org"]


def test_a_lost_reply_leaves_one_mail_in_doubt_though_it_arrived(sandbox: Running) -> None:
    outcomes = send(sandbox.port, mail(1), mail(2, "lost@example.org"), mail(3))
    assert [type(outcome) for outcome in outcomes] == [Accepted, Unknown, NotSent]
    assert sandbox.recipients() == ["p1@example.org", "lost@example.org"]


def test_rules_of_ones_own_come_first(tmp_path: Path) -> None:
    with running(tmp_path, refuse=["*@slow.example=450", "bounce@ok.example=451"]) as server:
        outcomes = send(server.port, mail(1, "ann@slow.example"), mail(2, "bounce@ok.example"), mail(3))
    assert [getattr(outcome, "code", None) for outcome in outcomes] == [450, 451, None]


@pytest.mark.parametrize("text", ["bounce", "bounce=999", "=550"])
def test_a_rule_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(rules.InvalidRule):
        rules.parse([text])


def test_a_delay_holds_back_the_answer_not_the_mail(tmp_path: Path) -> None:
    with running(tmp_path, delay_seconds=0.3) as server:
        started = time.monotonic()
        assert [type(outcome) for outcome in send(server.port, mail(1), mail(2))] == [Accepted, Accepted]
        assert time.monotonic() - started >= 0.6
        with Connection.open(
            Server("127.0.0.1", server.port, TENANT, TENANT, data_timeout=0.1)
        ) as connection:
            assert [type(outcome) for outcome in connection.send([mail(3)])] == [Unknown]
        assert len(server.recipients()) == 3


def test_who_is_no_tenant_gets_nothing_in(sandbox: Running) -> None:
    for name, password in (("ann", "ann"), (TENANT, OTHER)):
        with pytest.raises(Unavailable) as caught:
            Connection.open(Server("127.0.0.1", sandbox.port, name, password))
        assert caught.value.phase == "login"
    with Connection.open(Server("127.0.0.1", sandbox.port)) as connection:
        [refused] = connection.send([mail(1)])
    assert isinstance(refused, Refused)
    assert (refused.code, refused.permanent) == (530, False)
    assert sandbox.journal() == []


def test_other_programs_may_speak_to_it_too(sandbox: Running) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.port, timeout=5) as client:
        client.login(TENANT, TENANT)
        client.sendmail(
            "news@shop.example", ["a@example.org", "b@example.org"], "Subject: x\r\n\r\n.\r\nhi\r\n"
        )
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("news@shop.example", ["bounce@example.org"], "Subject: x\r\n\r\nhi\r\n")
        assert client.docmd("DATA")[0] == 503
        assert client.docmd("WHAT")[0] == 502
        assert client.docmd("AUTH", "PLAIN")[0] == 334
        assert client.docmd("nonsense")[0] == 535
        assert client.noop()[0] == 250
    assert sandbox.recipients() == ["a@example.org", "b@example.org"]


def test_a_line_or_a_mail_without_end_is_cut_off(sandbox: Running) -> None:
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as sock:
        sock.sendall(b"E" * 10_000)
        said = b""
        while data := sock.recv(1000):
            said += data
    assert b"552 5.3.4" in said


def test_the_inbox_is_searched_and_paged_and_forgets_the_oldest(
    sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sandbox.folder / INBOX_NAME
    send(sandbox.port, *[mail(number, subject=f"Offer {number}% _off_") for number in range(1, 8)])
    send(sandbox.port, mail(8), tenant=OTHER)

    def numbers(**query: object) -> list[str]:
        found = inbox.newest(path, tenant=TENANT, **query)
        return [kept.recipient.partition("@")[0] for kept in found]

    assert numbers(limit=2) == ["p7", "p6"]
    assert numbers(limit=2, before=inbox.newest(path, tenant=TENANT, limit=2)[-1].id) == ["p5", "p4"]
    assert numbers(search="3%") == ["p3"]
    assert numbers(search="P3@") == ["p3"]
    assert numbers(search="_off") == [f"p{number}" for number in range(7, 0, -1)]
    assert numbers(search="%off") == []
    monkeypatch.setattr(inbox, "KEPT_PER_TENANT", 4)
    writer = inbox.Inbox(path)
    writer.prune()
    assert numbers() == ["p7", "p6", "p5", "p4"]
    assert inbox.count(path, tenant=OTHER) == 1
    monkeypatch.setattr(inbox, "KEPT_OCTETS", 2 * len(mail(1, subject="Offer 1% _off_").data) + 20)
    writer.prune()
    writer.close()
    assert (numbers(), inbox.count(path, tenant=OTHER)) == (["p7"], 1)


def test_a_folder_without_mail_is_an_empty_inbox(tmp_path: Path) -> None:
    path = tmp_path / INBOX_NAME
    assert (inbox.newest(path, tenant=TENANT), inbox.count(path, tenant=TENANT)) == ([], 0)
    assert inbox.find(path, tenant=TENANT, public_id=uuid.uuid4()) is None
    assert not path.exists()


def test_a_journal_line_cut_short_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL_NAME
    entry = journal.Entry(1.0, TENANT, "a@x.example", "b@x.example", "<1@x>", "d1", 10)
    path.write_bytes(b'{"at": 1.0, "tena')
    kept = journal.Journal(path)
    kept.add(entry)
    kept.close()
    assert list(journal.read(path)) == [entry]


def test_a_journal_grown_large_begins_anew_unless_kept_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "ROTATE_OCTETS", 400)
    for is_kept_whole, expected in ((False, 1), (True, 4)):
        path = tmp_path / f"{is_kept_whole}.jsonl"
        kept = journal.Journal(path, is_kept_whole=is_kept_whole)
        for number in range(4):
            kept.add(journal.Entry(1.0, TENANT, "a@x.example", f"p{number}@x.example", "<1@x>", "d1", 10))
        kept.close()
        assert len(list(journal.read(path))) == expected
    assert len(list(journal.read(tmp_path / "False.jsonl.1"))) == 3


@pytest.fixture
def command(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The command itself in a process of its own, and its port."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox_smtp", "--port", "0", "--folder", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("sandbox mail on 127.0.0.1:"), line
    yield int(line.rpartition(":")[2]), process
    process.kill()
    process.wait()


def test_what_was_accepted_is_in_journal_and_inbox_after_a_kill(
    command: tuple[int, subprocess.Popen[str]], tmp_path: Path
) -> None:
    port, process = command
    accepted: list[int] = []
    with Connection.open(login(port)) as connection:
        for outcome in connection.send([mail(number) for number in range(2_000)]):
            if isinstance(outcome, Accepted):
                accepted.append(outcome.id)
            if len(accepted) == 700:
                process.send_signal(signal.SIGKILL)
    assert len(accepted) < 2_000
    given = [entry.delivery for entry in journal.read(tmp_path / JOURNAL_NAME)]
    shown = [kept.recipient for kept in inbox.newest(tmp_path / INBOX_NAME, tenant=TENANT, limit=5_000)]
    assert given[: len(accepted)] == [f"d{number}" for number in accepted]
    assert len(given) - len(accepted) in (0, 1), "one mail at most was taken without a word"
    assert shown[::-1] == [f"p{number}@example.org" for number in range(len(shown))]
    assert len(accepted) <= len(shown) <= len(given)
    with running(tmp_path) as server:
        assert [type(outcome) for outcome in send(server.port, mail(9_999))] == [Accepted]


def test_the_command_stops_when_told_to(command: tuple[int, subprocess.Popen[str]]) -> None:
    port, process = command
    with Connection.open(login(port)) as connection:
        assert [type(outcome) for outcome in connection.send([mail(1)])] == [Accepted]
        process.terminate()
        assert process.wait(5) == 0
        assert [type(outcome) for outcome in connection.send([mail(2)])] == [NotSent]
