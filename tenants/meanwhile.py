"""What was saved since somebody saw it: the refusal to act on what they saw, and how a page says when that was."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.utils.dateparse import parse_datetime

SAVE_AGAIN = "Save again to put yours in its place, or open this page again to see what is there now."


class ChangedMeanwhile(Exception):
    """What somebody acts on is not what they saw: it was saved since."""

    def __init__(
        self,
        what_to_do: str = "Copy your words, then reload the page.",
        *,
        what_happened: str = "Somebody else saved this meanwhile.",
    ) -> None:
        super().__init__(f"{what_happened} {what_to_do}")


def digest(found: Any) -> str:
    """Return JSON values, moments and times in short: others, another text."""
    return sha256(json.dumps(found, default=str, sort_keys=True).encode()).hexdigest()[:16]


def moment(text: str) -> datetime | None:
    """Return the moment that a page's form holds in ISO 8601; None for what is none."""
    try:
        return parse_datetime(text)
    except ValueError:  # not ours
        return None
