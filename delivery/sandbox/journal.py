"""What each sandbox recipient was given, a line a mail, written before its sender hears of it: tests' ground truth."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROTATE_OCTETS = 64 * 1024 * 1024


class Entry(msgspec.Struct, frozen=True):
    """One mail taken over for one recipient.

    ``at`` is real time, in seconds since 1970; ``tenant`` its public id's 32 digits; ``delivery`` X-Tact-Delivery.
    """

    at: float
    tenant: str
    sender: str
    recipient: str
    message_id: str
    delivery: str
    size: int


class Journal:
    """An append-only file of entries. Past 64 MB it becomes ``<name>.1``, unless it is to be kept whole."""

    def __init__(self, path: Path, *, is_kept_whole: bool = False) -> None:
        self.path = path
        self.is_kept_whole = is_kept_whole
        self._file = self._open()
        self._size = os.fstat(self._file).st_size

    def add(self, entry: Entry) -> None:
        """Append ``entry`` in one write: a kill of this process leaves it whole or not there."""
        self._size += os.write(self._file, msgspec.json.encode(entry) + b"\n")
        if self._size > ROTATE_OCTETS and not self.is_kept_whole:
            self._rotate()

    def close(self) -> None:
        os.close(self._file)

    def _rotate(self) -> None:
        self.close()
        self.path.replace(self.path.with_name(self.path.name + ".1"))
        self._file, self._size = self._open(), 0

    def _open(self) -> int:
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            os.write(file, b"\n")  # the machine fell in mid-line: what follows must not be glued to it
        return file


def read(path: Path) -> Iterator[Entry]:
    """Yield the entries of the journal at ``path``, oldest first, passing over a line that was cut short."""
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(Entry)
    with path.open("rb") as lines:
        for line in lines:
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError:
                continue
