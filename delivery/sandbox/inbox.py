"""The newest mails of each sandbox tenant, in one SQLite file: the server writes it, the inbox pages read it."""

import re
import sqlite3
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

KEPT_PER_TENANT = 5_000
KEPT_OCTETS = 512 * 1024 * 1024  # of all tenants together
_PRUNE_EVERY = 500

# Bodies lie apart, so that lists, searches and pruning read a small table.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY, public_id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, sent_at TEXT NOT NULL,
    sender TEXT NOT NULL, recipient TEXT NOT NULL, subject TEXT NOT NULL, size INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS body (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS mail_newest ON mail (tenant, id);
"""
_LISTED = "id, public_id, sent_at, sender, recipient, subject, size"
_INSERT = "INSERT INTO mail (public_id, tenant, sent_at, sender, recipient, subject, size) VALUES (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Mail:
    """A line of the inbox. ``sent_at`` is the Date header's moment: in a sandbox, the tenant's own time."""

    id: int
    public_id: uuid.UUID
    sent_at: datetime
    sender: str
    recipient: str
    subject: str
    size: int


class Inbox:
    """The writing side, for one process. What ``adding`` was left with in peace survives a kill of that process."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        # A killed process loses nothing under WAL with NORMAL; only a fallen machine may lose the last mails.
        self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _SCHEMA)
        self._added = 0

    @contextmanager
    def adding(self, *, tenant: str, sender: str, recipients: list[str], data: bytes) -> Iterator[None]:
        """Store one mail for each recipient once the block is through; if it raises, none is."""
        head = head_of(data)
        subject, sent_at = header(head, "Subject"), _sent_at(head).isoformat()
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for recipient in recipients:
                row = (str(uuid.uuid4()), tenant, sent_at, sender, recipient, subject, len(data))
                added = self._database.execute(_INSERT, row)
                self._database.execute("INSERT INTO body VALUES (?, ?)", (added.lastrowid, data))
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
        self._added += len(recipients)
        if self._added >= _PRUNE_EVERY:
            self._added = 0
            self.prune()

    def prune(self) -> None:
        """Forget all but the newest mails of each tenant, and of all of them the oldest while they take too much."""
        self._database.executescript(
            f"""BEGIN IMMEDIATE;
            DELETE FROM mail WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER
                (PARTITION BY tenant ORDER BY id DESC) AS place FROM mail) WHERE place > {KEPT_PER_TENANT:d});
            DELETE FROM mail WHERE id IN (SELECT id FROM (SELECT id, sum(size) OVER
                (ORDER BY id DESC) AS octets FROM mail) WHERE octets > {KEPT_OCTETS:d});
            DELETE FROM body WHERE id NOT IN (SELECT id FROM mail);
            COMMIT;"""
        )

    def close(self) -> None:
        self._database.close()


def newest(
    path: Path, *, tenant: str, search: str = "", before: int | None = None, limit: int = 50
) -> list[Mail]:
    """Return a tenant's newest mails, newest first, those whose recipient or subject holds ``search``.

    ``before`` goes on from the last mail of a page, by its ``id``.
    """
    like = "%" + re.sub(r"([%_\\])", r"\\\1", search) + "%"
    with _opened(path) as database:
        found = database.execute(
            f"SELECT {_LISTED} FROM mail WHERE tenant = ? AND id < ?"  # a constant list of columns
            r" AND (recipient LIKE ? ESCAPE '\' OR subject LIKE ? ESCAPE '\') ORDER BY id DESC LIMIT ?",
            [tenant, before or 2**62, like, like, limit],
        )
        return [_mail(row) for row in found]


def count(path: Path, *, tenant: str) -> int:
    """Return how many mails of the tenant are kept."""
    with _opened(path) as database:
        [total] = database.execute("SELECT count(*) FROM mail WHERE tenant = ?", [tenant]).fetchone()
        return int(total)


def find(path: Path, *, tenant: str, public_id: uuid.UUID) -> tuple[Mail, bytes] | None:
    """Return a tenant's mail and its bytes as they came, or None; another tenant's is none."""
    with _opened(path) as database:
        row = database.execute(
            f"SELECT {_LISTED}, data FROM mail JOIN body USING (id) WHERE tenant = ? AND public_id = ?",
            [tenant, str(public_id)],
        ).fetchone()
    return (_mail(row[:-1]), bytes(row[-1])) if row else None


def forget(path: Path, *, tenant: str, recipients: Collection[str]) -> None:
    """Remove a tenant's mails to these addresses, whatever their case."""
    with _opened(path) as database, database:
        database.execute("PRAGMA secure_delete=ON")
        for recipient in recipients:
            found = database.execute(
                "DELETE FROM mail WHERE tenant = ? AND lower(recipient) = lower(?) RETURNING id",
                [tenant, recipient],
            ).fetchall()
            database.executemany("DELETE FROM body WHERE id = ?", found)


def head_of(data: bytes) -> bytes:
    """Return the headers of a mail, without the empty line."""
    return data.partition(b"\r\n\r\n")[0]


def header(head: bytes, name: str) -> str:
    """Return the header called ``name`` decoded and unfolded, "" if there is none."""
    found = re.search(rb"(?im)^" + name.encode() + rb":[ \t]*(.*(?:\r\n[ \t].*)*)", head)
    if found is None:
        return ""
    value = found[1].decode("utf-8", "replace").replace("\r\n", "").strip()
    if "=?" in value:
        try:
            return str(make_header(decode_header(value)))
        except (HeaderParseError, LookupError, UnicodeDecodeError):  # no mail of ours, yet worth showing
            return value
    return value


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():  # no mail has come yet
        database = sqlite3.connect(":memory:")
        database.executescript(_SCHEMA)
    else:
        database = sqlite3.connect(path, timeout=5)
    try:
        yield database
    finally:
        database.close()


def _mail(row: tuple[Any, ...]) -> Mail:
    id, public_id, sent_at, sender, recipient, subject, size = row
    return Mail(id, uuid.UUID(public_id), datetime.fromisoformat(sent_at), sender, recipient, subject, size)


def _sent_at(head: bytes) -> datetime:
    try:
        moment = parsedate_to_datetime(header(head, "Date"))
    except ValueError:
        return datetime.now(UTC)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
