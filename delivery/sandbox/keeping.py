"""Keeping what the sandbox server takes over: the journal's line and the inbox's mail, both or neither told of."""

import time
from pathlib import Path

from delivery.sandbox.inbox import Inbox, head_of, header
from delivery.sandbox.journal import Entry, Journal

INBOX_NAME, JOURNAL_NAME = "inbox.sqlite3", "journal.jsonl"


class Keeper:
    """Files under one folder, for the one process that serves it."""

    def __init__(self, folder: Path, *, is_journal_whole: bool = False) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._inbox = Inbox(folder / INBOX_NAME)
        self._journal = Journal(folder / JOURNAL_NAME, is_kept_whole=is_journal_whole)

    def keep(self, tenant: str, sender: str, recipients: list[str], data: bytes) -> None:
        """Keep a mail for each recipient: journal first, so that the inbox never shows what the journal lacks."""
        head, now = head_of(data), time.time()
        message_id, delivery = header(head, "Message-ID"), header(head, "X-Tact-Delivery")
        with self._inbox.adding(tenant=tenant, sender=sender, recipients=recipients, data=data):
            for recipient in recipients:
                self._journal.add(Entry(now, tenant, sender, recipient, message_id, delivery, len(data)))

    def close(self) -> None:
        self._inbox.close()
        self._journal.close()
