"""When a call happened: clients' clocks lie, so their time is corrected by what they said when sending."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tenants.strict import Refused

KEPT_AHEAD = timedelta(minutes=5)
CLAMPED_AHEAD = timedelta(hours=24)


def may_count(told_at: datetime, *, now: datetime) -> bool:
    """Whether a call may have that moment by ``now``; if not, it was told before a sandbox's clock went back."""
    return told_at <= now + KEPT_AHEAD


class Clock:
    """The receiving side's view on time for one batch. ``now`` is the tenant's; all results are UTC."""

    def __init__(self, *, now: datetime, trigger_age: timedelta, retention: timedelta) -> None:
        self.now = now
        self._kept_until = now + KEPT_AHEAD
        self._oldest = now - retention
        self._starts_from = now - trigger_age
        self._retention = retention
        self._sent: tuple[datetime | None, timedelta] = (
            None,
            timedelta(0),
        )  # the last one met, and how it was off

    def settle(self, claimed: datetime | None, sent_at: datetime | None) -> tuple[datetime, bool, bool]:
        """Return when a call that claims ``claimed`` and was sent at ``sent_at`` (both the client's clock) happened.

        With it, whether that was clamped, and whether it may start something, being recent. Up to five minutes ahead is
        kept, up to a day clamped to now; beyond, and before retention, raises Refused.
        """
        if claimed is None:
            return self.now, False, True
        try:
            at = self._corrected(claimed, sent_at)
        except OverflowError:
            raise Refused("timestamp", "is out of range") from None
        if at > self._kept_until:
            if at > self.now + CLAMPED_AHEAD:
                raise Refused(
                    "timestamp", f"is more than {CLAMPED_AHEAD // timedelta(hours=1)} hours in the future"
                )
            return self.now, True, True
        if at < self._oldest:
            raise Refused("timestamp", f"is older than the {self._retention.days} days that are kept")
        return at, False, at >= self._starts_from

    def _corrected(self, claimed: datetime, sent_at: datetime | None) -> datetime:
        at = _in_utc(claimed)
        if sent_at is None:
            return at
        if sent_at is not self._sent[0]:
            self._sent = (sent_at, self.now - _in_utc(sent_at))
        return at + self._sent[1]


def _in_utc(told: datetime) -> datetime:
    """Return a moment as a client told it; without an offset it means UTC."""
    if told.tzinfo is UTC:
        return told
    return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
