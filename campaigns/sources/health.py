"""How sources have been doing: what their pages, the alarms and the API say of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Sum

from campaigns.models import Source, SourceHour
from campaigns.sources import breaker

DAY = timedelta(hours=24)

State = Literal["new", "ok", "failing", "resting"]
WORDS: dict[State, tuple[str, str]] = {  # what each is called, and its colour
    "new": ("Never asked", "secondary"),
    "ok": ("Answers", "green"),
    "failing": ("Fails", "orange"),
    "resting": ("Left alone", "red"),
}


@dataclass(frozen=True, slots=True)
class Health:
    """A source's state, and its last day in numbers. Moments by the tenant's clock."""

    source: Source
    state: State
    questions: int
    failures: int
    milliseconds: int | None  # the mean of an answer
    answered_at: datetime | None
    failed_at: datetime | None
    rests_until: datetime | None

    @property
    def label(self) -> str:
        return WORDS[self.state][0]

    @property
    def colour(self) -> str:
        return WORDS[self.state][1]


def of(sources: list[Source], *, raw_now: datetime) -> list[Health]:
    """Return how each is doing, in order; one statement for the numbers of all."""
    since = raw_now - DAY
    rows = SourceHour.objects.filter(source__in=sources, hour__gt=since).values("source_id")
    sums = rows.annotate(asked=Sum("questions"), failed=Sum("failures"), spent=Sum("milliseconds"))
    by_id = {row["source_id"]: row for row in sums}
    found = []
    for source in sources:
        row = by_id.get(source.pk, {"asked": 0, "failed": 0, "spent": 0})
        offset = source.tenant.clock_offset
        found.append(
            Health(
                source,
                state(source, raw_now=raw_now),
                row["asked"],
                row["failed"],
                row["spent"] // row["asked"] if row["asked"] else None,
                source.answered_at and source.answered_at + offset,
                source.failed_at and source.failed_at + offset,
                source.rests_until and source.rests_until + offset,
            )
        )
    return found


def state(source: Source, *, raw_now: datetime) -> State:
    if breaker.state_of(source, raw_now=raw_now) != "closed":
        return "resting"
    if source.failed_at and (source.answered_at is None or source.failed_at > source.answered_at):
        return "failing"
    return "ok" if source.answered_at else "new"
