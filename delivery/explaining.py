"""A stored decision said in words: each gate that was asked, in order, what it saw, and which one said no."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audiences.rules.phrases import length
from campaigns.arms import CONTROL
from campaigns.models import Variant
from campaigns.sources.gathering import ORIGINS
from delivery.models import Delivery

GATES = {  # what each gate asks
    "campaign_live": "The campaign is live",
    "not_late": "In time",
    "hour_passed": "Launched before its hour where they live",
    "in_audience": "In the audience",
    "exception": "Nothing has called it off",
    "exception_too_late": "What calls it off was told only after it left",
    "replaced": "No newer event has taken its place",
    "at_rest": "At rest for long enough",
    "re_eligible": "May get it, or get it again",
    "arm": "A variant is meant for them",
    "address": "Has an address",
    "consent": "May be written to",
    "suppression": "The address is not suppressed",
    "sender": "The brand has said who writes",
    "hours": "At an hour it may be sent",
    "caps": "Within the frequency caps",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One gate: what it asked, whether it was passed, and what it saw, as name and value."""

    name: str
    asks: str
    passed: bool
    saw: list[tuple[str, Any]]

    def as_json(self) -> dict[str, Any]:
        saw = {name or "value": _plain(value) for name, value in self.saw}
        return {"gate": self.name, "asks": self.asks, "passed": self.passed, "saw": saw}


@dataclass(frozen=True, slots=True)
class Heard:
    """What one source gave, as it is kept with the decision."""

    name: str
    origin: str  # in words; empty: it gave nothing
    at: datetime | None  # when the server said it, by the tenant's clock
    status: int
    milliseconds: int | None  # of one that was asked for this message
    why: str  # why it was not asked, or gave nothing
    answer: str  # the beginning of it

    def as_json(self) -> dict[str, Any]:
        return {name: _plain(getattr(self, name)) for name in self.__slots__}


def heard(row: Delivery) -> list[Heard]:
    """Return what the sources of a row's words gave; none while they were not asked."""
    kept = (row.decision or {}).get("sources") or {}
    return [
        Heard(
            name,
            ORIGINS.get(one.get("origin"), ""),
            datetime.fromisoformat(one["at"]) if one.get("at") else None,
            one.get("status", 0),
            one.get("milliseconds"),
            one.get("why", ""),
            one.get("answer", ""),
        )
        for name, one in kept.items()
    ]


def arms(rows: Iterable[Delivery]) -> dict[int, str]:
    """Return by row what the arm it fell to is called, a variant as its version names it; empty for none."""
    rows = list(rows)
    variants = Variant.objects.filter(version__in={row.version_id for row in rows if row.version_id})
    named = variants.values_list("version", "key", "name")
    names: dict[tuple[int | None, str], str] = {(version, key): name for version, key, name in named}
    return {
        row.pk: "Control group" if row.arm == CONTROL else names.get((row.version_id, row.arm), row.arm)
        for row in rows
    }


def steps(row: Delivery) -> list[Step]:
    """Return the gates of a row's decision; none while it is undecided."""
    return said(row.decision["gates"]) if row.decision else []


def said(gates: Iterable[tuple[str, bool, Any]]) -> list[Step]:
    """Return gates, each given as name, whether it was passed and what it saw, in words."""
    return [Step(name, _asks(name), passed, _saw(saw)) for name, passed, saw in gates]


def _asks(name: str) -> str:
    return GATES.get(name, name.replace("_", " ").capitalize())


def _saw(saw: Any) -> list[tuple[str, Any]]:
    """Return what is worth saying; that a gate saw nothing, or merely yes, is not."""
    if isinstance(saw, dict):
        return [_named(name, value) for name, value in saw.items() if value not in (None, "")]
    return [] if saw is None or isinstance(saw, bool) or saw == "" else [("", saw)]


def _named(name: str, value: Any) -> tuple[str, Any]:
    if name in ("late_seconds", "seconds_late"):
        return "late", length(timedelta(seconds=float(value)))
    return name.replace("_", " "), _value(value)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {inner}" for name, inner in value.items())
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else value
    except ValueError:
        return value
