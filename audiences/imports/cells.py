"""What is written in a cell, as a value of its kind."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from audiences.rules import times

YES, NO = {"true", "yes", "y", "t", "1"}, {"false", "no", "n", "f", "0"}
STANDINGS = {
    "subscribed": "subscribed",
    "opted_in": "opted_in",
    "opt_in": "opted_in",
    "unsubscribed": "unsubscribed",
    "opted_out": "unsubscribed",
    "opt_out": "unsubscribed",
}


def parsed(cell: str, kind: str) -> Any:
    """Return a cell as a value of its kind, None if it is none."""
    if kind == "boolean":
        return True if cell.lower() in YES else False if cell.lower() in NO else None
    if kind == "time":
        return _time(cell)
    if re.fullmatch(r"-?[1-9]\d{0,2}(,\d{3})+", cell):
        return None  # thousands to some, thousandths to others
    plain = cell.replace(",", ".") if re.fullmatch(r"-?\d+,\d+", cell) else cell
    if re.fullmatch(r"-?\d{1,15}", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"-?\d{1,15}\.\d{1,15}", plain) else None


def _time(cell: str) -> str | None:
    day_first = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", cell)
    if day_first:
        cell = f"{day_first[3]}-{int(day_first[2]):02d}-{int(day_first[1]):02d}"
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    told = cell if len(cell) == 10 else moment.isoformat()
    is_of_week = "W" in cell  # 2026-W01-1, which rules do not read
    return told if not is_of_week and times.instant(told) else None


def consent(cell: str) -> str | None:
    """Return the standing that a cell states, None if it states none. A mere yes is a subscription."""
    said = cell.lower().replace(" ", "_").replace("-", "_")
    if said in YES:
        return "subscribed"
    return "unsubscribed" if said in NO else STANDINGS.get(said)


def kind_of(samples: list[str]) -> str:
    """Return the kind that all samples are of; numbers with leading zeros are rather text, as codes are."""
    if not samples:
        return "text"
    if all(parsed(s, "number") is not None for s in samples) and not any(
        re.match(r"-?0\d", s) for s in samples
    ):
        return "number"
    if all(s.lower() in YES | NO for s in samples):
        return "boolean"
    return "time" if all(_time(s) for s in samples) else "text"
