"""Whatever a server does, each message gets the outcome that is true, and no other message pays for it."""

import socket
import time
from typing import Any

import pytest

from delivery.channels.email import login, smtp
from delivery.channels.email.outcomes import refusal
from delivery.channels.email.smtp import (
    Accepted,
    Connection,
    Message,
    Outcome,
    Refused,
    Server,
    Unavailable,
    Unknown,
)
from delivery.channels.email.wire import Reply, Wire
from tests.delivery.email.partners import BODY, letters, messages, server_at
from tests.delivery.email.scripted import (
    ONE_BY_ONE,
    Script,
    ScriptedServer,
    close,
    drip,
    endless,
    late,
    once_more_has_come,
    reset,
    silence,
    then_close,
    then_stall,
)

BIG_BODY = BODY + b"0123456789abcdef\r\n" * 500_000  # more than both ends' socket buffers hold
GO_AWAY: Script = {"banner": [b"421 too busy"]}


def assert_true(outcomes: list[Outcome], server: ScriptedServer) -> None:
    """What is said of each message is so: checked against what the server really took."""
    taken = [int(taken.rcpt.partition("@")[0][1:]) for taken in server.taken]
    told = {outcome.id: outcome for outcome in outcomes}
    assert len(taken) == len(set(taken)), "somebody got it twice"
    assert {id for id, outcome in told.items() if isinstance(outcome, Accepted)} <= set(taken)
    assert set(taken) <= {id for id, outcome in told.items() if isinstance(outcome, Accepted | Unknown)}


SECOND = [None]  # the first message goes well; what follows in the list happens to the second
FAULTS: list[Any] = [
    pytest.param("AAA", [{}], id="nothing wrong"),
    pytest.param("ATA", [{"MAIL": [*SECOND, b"451 4.3.0 try later"]}], id="451 to MAIL"),
    pytest.param("APA", [{"MAIL": [*SECOND, b"553 5.1.8 who are you"]}], id="553 to MAIL"),
    pytest.param("ATA", [{"RCPT": [*SECOND, b"450 4.2.0 greylisted"]}], id="450 to RCPT"),
    pytest.param("APA", [{"RCPT": [*SECOND, b"550 5.1.1 no such user"]}], id="550 to RCPT"),
    pytest.param("TPA", [{"RCPT": [b"452 4.2.2 full", b"550 5.1.1 gone"]}], id="two refused in a row"),
    pytest.param("AAP", [{"RCPT": [None, None, b"550 5.1.1 gone"]}], id="the last refused"),
    pytest.param("ATA", [{"DATA": [*SECOND, b"451 4.3.0 no space"]}], id="451 to DATA"),
    pytest.param("APA", [{"DATA": [*SECOND, b"554 5.7.1 no"]}], id="554 to DATA"),
    pytest.param("ATA", [{"body": [*SECOND, b"452 4.3.1 disk full"]}], id="452 after the dot"),
    pytest.param(
        "APA", [{"body": [*SECOND, b"554-5.7.1 spam\r\n554 5.7.1 see https://x"]}], id="554 after the dot"
    ),
    pytest.param(
        "APA",
        [{"RCPT": [*SECOND, b"550 gone"], "DATA": [*SECOND, b"354 all the same"]}],
        id="354 after a refused RCPT",
    ),
    pytest.param(
        "APA",
        [{"MAIL": [*SECOND, b"550 no"], "DATA": [*SECOND, b"354 all the same"]}],
        id="354 after a refused MAIL",
    ),
    pytest.param("ANN", [{"MAIL": [*SECOND, b"421 closing"]}, GO_AWAY], id="421 to MAIL"),
    pytest.param("ANN", [{"RCPT": [*SECOND, b"421 closing"]}, GO_AWAY], id="421 to RCPT"),
    pytest.param("ANN", [{"DATA": [*SECOND, b"421 closing"]}, GO_AWAY], id="421 to DATA"),
    pytest.param("ATN", [{"body": [*SECOND, b"421 closing"]}, GO_AWAY], id="421 after the dot"),
    pytest.param("AAA", [{"MAIL": [*SECOND, b"421 one a connection"]}], id="421 to MAIL, then welcome again"),
    pytest.param("ATA", [{"body": [*SECOND, b"421 closing"]}], id="421 after the dot, then welcome again"),
    pytest.param("NNN", [{"MAIL": [b"421 closing"]}, {}], id="421 to the very first MAIL is not argued with"),
    pytest.param("ANN", [{"RCPT": [*SECOND, close]}, GO_AWAY], id="closed between MAIL and RCPT"),
    pytest.param("ANN", [{"RCPT": [*SECOND, reset]}, GO_AWAY], id="reset between MAIL and RCPT"),
    pytest.param("AAA", [{"DATA": [*SECOND, close]}], id="closed before DATA, then welcome again"),
    pytest.param("ANN", [{"MAIL": [*SECOND, silence]}], id="silent at MAIL"),
    pytest.param("ANN", [{"DATA": [*SECOND, silence]}], id="silent at DATA"),
    pytest.param(
        "ANN", [{"MAIL": [*SECOND, drip(b"250 fine", every=0.1)]}], id="250 to MAIL drips past its time"
    ),
    pytest.param("ANN", [{"MAIL": [*SECOND, endless]}, GO_AWAY], id="a reply without end"),
    pytest.param("ANN", [{"MAIL": [*SECOND, b"hello?"]}, GO_AWAY], id="no SMTP to MAIL"),
    pytest.param("ANN", [{"MAIL": [*SECOND, b"354 go on"]}, GO_AWAY], id="354 to MAIL"),
    pytest.param("AUN", [{"body": [*SECOND, reset]}], id="reset after the dot"),
    pytest.param("AUN", [{"body": [*SECOND, close]}], id="closed after the dot"),
    pytest.param("AUN", [{"body": [*SECOND, silence]}], id="silent after the dot"),
    pytest.param("AUN", [{"body": [*SECOND, late(b"250 fine", seconds=0.9)]}], id="250 too late"),
    pytest.param("AUN", [{"body": [*SECOND, drip(b"250 fine", every=0.1)]}], id="250 drips past its time"),
    pytest.param("AUN", [{"body": [*SECOND, b"354 go on"]}], id="354 after the dot"),
    pytest.param("AUN", [{"body": [*SECOND, b"??"]}], id="no SMTP after the dot"),
    pytest.param("AAA", [{"body": [*SECOND, drip(b"250 fine", every=0.01)]}], id="250 drips in time"),
    pytest.param("AAA", [{"body": [*SECOND, late(b"250 fine", seconds=0.2)]}], id="250 late but in time"),
    pytest.param("NNN", [{"banner": [silence]}], id="no banner"),
    pytest.param("NNN", [{"banner": [close]}], id="closed before the banner"),
    pytest.param("NNN", [{"banner": [b"554 5.7.1 not you"]}], id="554 for a banner"),
    pytest.param("NNN", [{"EHLO": [b"550 no"]}], id="550 to EHLO"),
]


@pytest.mark.parametrize(
    "is_pipelined", [pytest.param(True, id="pipelined"), pytest.param(False, id="one by one")]
)
@pytest.mark.parametrize(("expected", "scripts"), FAULTS)
def test_the_phase_decides_each_outcome(expected: str, scripts: list[Script], is_pipelined: bool) -> None:
    if not is_pipelined:
        lock_step: Script = {"EHLO": [ONE_BY_ONE]}
        scripts = [lock_step | script for script in [*scripts, {}, {}]]
    with ScriptedServer(*scripts) as server:
        connection = Connection(server_at(server.port))
        outcomes = list(connection.send(messages()))
        connection.close()
    assert letters(outcomes) == expected
    assert_true(outcomes, server)


@pytest.mark.parametrize(
    ("expected", "scripts"),
    [
        pytest.param(
            "ANN", [{"DATA": [*SECOND, then_close(b"354 go on")]}, GO_AWAY], id="by a server that dies"
        ),
        pytest.param(
            "AAA", [{"DATA": [*SECOND, then_close(b"354 go on")]}], id="by a server that comes back"
        ),
        pytest.param(
            "ANA",
            [{"DATA": [*SECOND, then_close(b"354 go on")]}, {"DATA": [then_close(b"354 go on")]}],
            id="by a server that cannot bear it, and goes on with the next",
        ),
        pytest.param(
            "ANN", [{"DATA": [*SECOND, then_stall(b"354 go on")]}], id="by a server that reads no more"
        ),
    ],
)
def test_a_body_cut_off_before_its_dot_was_not_sent(expected: str, scripts: list[Script]) -> None:
    with ScriptedServer(*scripts) as server:
        connection = Connection(server_at(server.port, data_timeout=1))
        outcomes = list(connection.send(messages(BODY, BIG_BODY, BODY)))
        connection.close()
    assert letters(outcomes) == expected
    assert_true(outcomes, server)


def test_the_next_envelope_leaves_with_the_body_before_it() -> None:
    waits: Script = {"body": [once_more_has_come(b"250 fine"), once_more_has_come(b"250 fine")]}
    with ScriptedServer(waits) as server, Connection.open(server_at(server.port)) as connection:
        assert connection.is_pipelined
        assert letters(list(connection.send(messages()))) == "AAA"


def test_no_body_leaves_before_the_outcome_before_it_was_taken() -> None:
    with ScriptedServer() as server, Connection.open(server_at(server.port)) as connection:
        outcomes = connection.send(messages())
        assert isinstance(next(outcomes), Accepted)
        time.sleep(0.1)
        assert len(server.taken) == 1
        outcomes.close()
        assert letters(list(connection.send(messages()[1:]))) == "AA"
        assert server.connections == 2
    assert [taken.rcpt for taken in server.taken] == ["p1@example.org", "p2@example.org", "p3@example.org"]


def test_no_body_leaves_when_its_answer_could_not_be_waited_for() -> None:
    with ScriptedServer() as server, Connection.open(server_at(server.port)) as connection:
        assert letters(list(connection.send(messages(), until=time.monotonic() + 0.5))) == "NNN"
        assert letters(list(connection.send(messages(), until=time.monotonic() + 5))) == "AAA"
    assert len(server.taken) == 3


@pytest.mark.parametrize(
    "idle_seconds", [pytest.param(0, id="asked first"), pytest.param(60, id="not asked")]
)
def test_a_kept_connection_that_died_while_idle_costs_nothing(
    idle_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "IDLE_SECONDS", idle_seconds)
    with (
        ScriptedServer({"RSET": [close], "MAIL": [None, close]}) as server,
        Connection.open(server_at(server.port)) as connection,
    ):
        first, second, third = messages()
        assert letters(list(connection.send([first]))) == "A"
        assert letters(list(connection.send([second, third]))) == "AA"
        assert server.connections == 2


def test_a_server_that_takes_one_message_a_connection_gets_them_all() -> None:
    stingy: Script = {"MAIL": [None, b"421 4.7.0 one a connection"]}
    with (
        ScriptedServer(stingy, stingy, stingy) as server,
        Connection.open(server_at(server.port)) as connection,
    ):
        assert letters(list(connection.send(messages()))) == "AAA"
        assert server.connections == 3


def test_nobody_there_leaves_everything_unsent_and_open_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert letters(list(Connection(server_at(port)).send(messages()))) == "NNN"
    with pytest.raises(Unavailable) as caught:
        Connection.open(server_at(port))
    assert caught.value.phase == "connect"


@pytest.mark.parametrize("host", ["smtp..example.com", ".example.com", f"{'x' * 64}.example.com"])
def test_a_name_that_no_server_can_have_leaves_everything_unsent(host: str) -> None:
    assert letters(list(Connection(server_at(25, host=host)).send(messages()))) == "NNN"


def test_a_server_gone_before_the_login_leaves_everything_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    def greeted(wire: Wire, server: Server) -> dict[str, str]:
        wire.sock.close()
        return {"AUTH": "PLAIN"}

    monkeypatch.setattr(login, "_hello", greeted)
    with ScriptedServer() as server:
        connection = Connection(server_at(server.port, username="shop", password="secret"))
        assert letters(list(connection.send(messages()))) == "NNN"


@pytest.mark.parametrize(
    ("verb", "reply", "scope", "is_address_dead"),
    [
        pytest.param("RCPT", b"550 5.1.1 no such user", "recipient", True, id="no such user"),
        pytest.param("RCPT", b"550 no such user", "recipient", True, id="550 without a status"),
        pytest.param("RCPT", b"552 5.2.2 mailbox full", "recipient", False, id="full for good"),
        pytest.param("RCPT", b"450 4.1.1 unverified", "recipient", False, id="for now"),
        pytest.param("RCPT", b"554 5.7.1 relay access denied", "server", False, id="we may not relay"),
        pytest.param("RCPT", b"503 5.5.1 bad sequence", "server", False, id="bad sequence"),
        pytest.param("MAIL", b"553 5.1.8 sender's domain unknown", "sender", False, id="the sender's domain"),
        pytest.param("MAIL", b"550 not you", "sender", False, id="the sender"),
        pytest.param("MAIL", b"530 5.7.0 log in first", "server", False, id="not logged in"),
        pytest.param("body", b"550 5.1.1 no such user", "recipient", True, id="no such user, said late"),
        pytest.param("body", b"554 5.7.1 spam", "message", False, id="spam"),
        pytest.param("body", b"552 5.3.4 too big", "message", False, id="too big"),
    ],
)
def test_a_refusal_says_whose_fault_it_is(verb: str, reply: bytes, scope: str, is_address_dead: bool) -> None:
    with ScriptedServer({verb: [reply]}) as server, Connection.open(server_at(server.port)) as connection:
        [refused] = connection.send(messages(BODY))
    assert isinstance(refused, Refused)
    assert (refused.scope, refused.is_address_dead, refused.code) == (scope, is_address_dead, int(reply[:3]))
    assert refused.reply == reply.decode()


def test_a_missing_login_can_be_mended_and_is_not_for_good() -> None:
    with (
        ScriptedServer({"MAIL": [b"530 5.7.0 log in first"]}) as server,
        Connection.open(server_at(server.port)) as connection,
    ):
        assert letters(list(connection.send(messages()))) == "TAA"


@pytest.mark.parametrize(
    ("message", "scope"),
    [
        pytest.param(
            Message(1, "news@shop.example", "p1@example.org>\r\nRCPT TO:<eve@example.org", BODY),
            "recipient",
            id="a second command",
        ),
        pytest.param(Message(1, "news@shop.example", "p 1@example.org", BODY), "recipient", id="space"),
        pytest.param(
            Message(1, "news@shop.example\r\n", "p1@example.org", BODY), "sender", id="line end in the sender"
        ),
        pytest.param(
            Message(1, "news@shop.example", "jürgen@example.org", BODY), "recipient", id="no SMTPUTF8"
        ),
        pytest.param(
            Message(1, "news@shop.example", "p1@example.org", BODY * 500_000), "message", id="over SIZE"
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_without_asking_and_stops_nobody(message: Message, scope: str) -> None:
    with ScriptedServer() as server, Connection.open(server_at(server.port)) as connection:
        outcomes = list(connection.send([message, *messages()[1:]]))
    assert letters(outcomes) == "PAA"
    assert isinstance(outcomes[0], Refused)
    assert (outcomes[0].code, outcomes[0].scope) == (0, scope)
    assert [taken.rcpt for taken in server.taken] == ["p2@example.org", "p3@example.org"]


@pytest.mark.parametrize(
    ("answer", "is_dead"),
    [
        ("550 no such user", True),
        ("550 5.1.1 unknown; listed nowhere", True),
        ("553 sorry, no mailbox here by that name (#5.1.1)", True),
        ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", False),
        ("550 relay not permitted", False),
        ("550 Message rejected: your IP is listed by zen.spamhaus.org", False),
        ("550 Access denied - Invalid HELO name", False),
    ],
)
def test_a_server_that_refuses_us_says_nothing_of_the_address(answer: str, is_dead: bool):
    code, text = answer.split(" ", 1)
    assert refusal(1, Reply(int(code), (text,)), phase="rcpt").is_address_dead is is_dead
