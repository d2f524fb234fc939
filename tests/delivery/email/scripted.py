"""An SMTP server on loopback that goes by the book except where a script says how it misbehaves."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

Answer = bytes | Callable[["Line"], None] | None
Script = dict[str, list[Answer]]  # verb, or "banner" or "body", to the answers of its first, second... time

ORDINARY = {
    "banner": b"220 ready",
    "EHLO": b"250-scripted\r\n250-PIPELINING\r\n250-SIZE 10000000\r\n250 8BITMIME",
    "DATA": b"354 go on",
    "QUIT": b"221 bye",
}
ONE_BY_ONE = b"250-scripted\r\n250 8BITMIME"


class HungUp(Exception):
    """The client has closed, or the script had us do so."""


class Line:
    """One client's connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(10)
        self.buffer = bytearray()

    def say(self, answer: bytes) -> None:
        self.sock.sendall(answer + b"\r\n")

    def read_through(self, end: bytes) -> bytes:
        start = 0
        while (at := self.buffer.find(end, start)) < 0:
            start = max(0, len(self.buffer) - len(end))
            self.read_more()
        found = bytes(self.buffer[:at])
        del self.buffer[: at + len(end)]
        return found

    def read_more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise HungUp
        self.buffer += data


@dataclass(frozen=True)
class Taken:
    rcpt: str
    data: bytes


class ScriptedServer:
    """``taken`` holds what the server took over, which may be more than it had the chance to say."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.taken: list[Taken] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self.scripts[self.connections] if self.connections < len(self.scripts) else {}
            self.connections += 1
            with sock, contextlib.suppress(HungUp, OSError):
                self._talk(Line(sock), {verb: list(answers) for verb, answers in script.items()})

    def _talk(self, line: Line, script: Script) -> None:
        def answer(verb: str) -> Answer:
            answers = script.get(verb)
            scripted = answers.pop(0) if answers else None
            return scripted or ORDINARY.get(verb, b"250 fine")

        rcpt, is_rcpt_good = "", False
        self._give(line, answer("banner"))
        while True:
            command = line.read_through(b"\r\n").decode()
            verb = command.partition(" ")[0]
            given = answer(verb)
            if verb == "RCPT":
                rcpt = command.partition("<")[2].partition(">")[0]
                is_rcpt_good = given == b"250 fine"
            self._give(line, given)
            if verb == "DATA" and isinstance(given, bytes) and given.startswith(b"354"):
                self._take(line, rcpt if is_rcpt_good else "", answer("body"))

    def _take(self, line: Line, rcpt: str, given: Answer) -> None:
        while len(line.buffer) < 3:
            line.read_more()
        line.buffer[:0] = b"\r\n"  # a lone dot ends a body without a line, too
        data = line.read_through(b"\r\n.\r\n")[2:] + b"\r\n"
        if rcpt and not (isinstance(given, bytes) and given[:1] in b"45"):
            self.taken.append(Taken(rcpt, data))
        self._give(line, b"554 no valid recipient" if not rcpt else given)

    @staticmethod
    def _give(line: Line, given: Answer) -> None:
        if callable(given):
            given(line)
        elif given is not None:
            line.say(given)
            if given.startswith(b"421"):
                raise HungUp


def close(line: Line) -> None:
    raise HungUp


def reset(line: Line) -> None:
    line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise HungUp


def silence(line: Line) -> None:
    """Say nothing until the client gives up."""
    while True:
        line.read_more()


def then_close(answer: bytes) -> Answer:
    def give(line: Line) -> None:
        line.say(answer)
        raise HungUp

    return give


def then_stall(answer: bytes) -> Answer:
    """Answer, then leave the client's bytes unread until it has gone."""

    def give(line: Line) -> None:
        line.say(answer)
        time.sleep(1.5)
        raise HungUp

    return give


def late(answer: bytes, *, seconds: float) -> Answer:
    def give(line: Line) -> None:
        time.sleep(seconds)
        line.say(answer)

    return give


def drip(answer: bytes, *, every: float) -> Answer:
    def give(line: Line) -> None:
        for octet in answer + b"\r\n":
            line.sock.sendall(bytes([octet]))
            time.sleep(every)

    return give


def endless(line: Line) -> None:
    while True:
        line.sock.sendall(b"250-and another thing\r\n" * 100)


def once_more_has_come(answer: bytes) -> Answer:
    """Answer only when the client has already written its next command: one that waits first waits for ever."""

    def give(line: Line) -> None:
        while b"\r\n" not in line.buffer:
            line.read_more()
        line.say(answer)

    return give
