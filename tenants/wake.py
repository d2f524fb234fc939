"""The tap on the shoulder: after commit, tell whoever listens that something is due now."""

from __future__ import annotations

from django.db import connection, transaction

CHANNEL = "tact_due"


def soon() -> None:
    """Wake the resident drains once this transaction has committed; a tap nobody hears is caught by the pulse."""
    transaction.on_commit(_notify)


def _notify() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")
