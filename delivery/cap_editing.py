"""Changing frequency caps: each change is noted, and counts what was sent before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from campaigns import channels
from delivery import caps
from delivery.models import FrequencyCap
from tenants import audit, binary, wake
from tenants.models import Tenant, User

Kind, Scope = FrequencyCap.Kind, FrequencyCap.Scope

MOST = 20  # each is looked at for every message
LARGEST = 100  # so many times are kept for each person
LONGEST = timedelta(days=90)
# A calendar cap looks back a day or a week by the slowest clock there is, and the hour a clock change may add.
REACHES = {Kind.DAY: timedelta(days=2), Kind.WEEK: timedelta(days=8)}

FIELDS = ("limit", "kind", "hours", "scope", "value")

# All that was reserved counts, whatever became of it, by the tags its campaign has today. Of an occasion the first
# reservation counts once, but for a channel's cap each delivery does. What was set apart in a merge is the winner's.
FILL = """
INSERT INTO delivery_capuse (tenant_id, profile_id, cap_id, times)
SELECT c.tenant_id, newest.profile_id, c.id, array_agg(newest.at ORDER BY newest.at)
FROM delivery_frequencycap c
CROSS JOIN LATERAL (
    SELECT counted.*, row_number() OVER (PARTITION BY counted.profile_id ORDER BY counted.at DESC) AS place
    FROM (
        SELECT coalesce(p.merged_into_id, p.id) AS profile_id, min(d.reserved_at) AS at
        FROM delivery_delivery d
        JOIN audiences_profile p ON p.tenant_id = d.tenant_id AND p.id = d.profile_id
        JOIN campaigns_campaign m ON m.tenant_id = d.tenant_id AND m.id = d.campaign_id
        LEFT JOIN campaigns_version v ON v.tenant_id = d.tenant_id AND v.id = d.version_id
        WHERE d.tenant_id = c.tenant_id AND d.reserved_at > %s AND v.is_cap_exempt IS NOT TRUE
          AND (c.scope = 'all' OR c.scope = 'channel' AND d.channel = c.value
               OR c.scope = 'tag' AND c.value = ANY(m.tags))
        GROUP BY p.id, d.campaign_id, d.occasion, d.occasion_at, CASE WHEN c.scope = 'channel' THEN d.id END
    ) counted
) newest
WHERE c.tenant_id = %s AND c.id = %s AND newest.place <= c."limit"
GROUP BY c.tenant_id, newest.profile_id, c.id, c."limit"
"""

EMPTY = "DELETE FROM delivery_capuse WHERE tenant_id = %s AND cap_id = %s"

# Who waits was told a moment by the caps as they were.
ASK_AGAIN = """
UPDATE delivery_delivery d SET due_at = %s
WHERE d.tenant_id = %s AND d.state = 'planned' AND d.due_at > %s
  AND d.decision ->> 'verdict' = 'wait' AND d.decision ->> 'reason' = 'capped'
"""


class Refused(ValueError):
    """There can be no such cap; the words say why. ``field`` is the one to change."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@transaction.atomic
def add(
    *,
    tenant: Tenant,
    actor: User | None,
    now: datetime,
    limit: int,
    kind: str,
    scope: str,
    hours: int | None = None,
    value: str = "",
) -> FrequencyCap:
    """Store a cap that counts from now on, and what was sent before as if it had been there. Raises Refused.

    ``hours`` belongs to a rolling cap, ``value`` is the channel's kind or the tag. While it looks back, nothing of
    the tenant is decided.
    """
    caps.hold(tenant, alone=True)
    others = caps.in_force(tenant)
    if len(others) >= MOST:
        raise Refused("", f"{MOST} caps are as many as there can be: change one of them instead.")
    cap = FrequencyCap(tenant=tenant, limit=limit, kind=kind, hours=hours, scope=scope, value=value)
    _check(cap, others)
    cap.save()
    _fill(cap, now=now)
    _note(cap, actor, "added", {"cap": (None, caps.words(cap))})
    return cap


@transaction.atomic
def change(
    *,
    cap: FrequencyCap,
    actor: User | None,
    now: datetime,
    limit: int,
    kind: str,
    scope: str,
    hours: int | None = None,
    value: str = "",
) -> FrequencyCap:
    """Let a cap say something else and count anew, from what was sent. Raises Refused, and DoesNotExist if removed."""
    caps.hold(cap.tenant, alone=True)
    cap = FrequencyCap.objects.select_related("tenant").get(pk=cap.pk, archived_at=None)
    old, before = caps.words(cap), [getattr(cap, name) for name in FIELDS]
    cap.limit, cap.kind, cap.hours, cap.scope, cap.value = limit, kind, hours, scope, value
    _check(cap, [other for other in caps.in_force(cap.tenant) if other.pk != cap.pk])
    if [getattr(cap, name) for name in FIELDS] == before:
        return cap
    cap.save(update_fields=FIELDS)
    binary.run(EMPTY, [cap.tenant_id, cap.pk])
    _fill(cap, now=now)
    _ask_again(cap.tenant, now=now)
    _note(cap, actor, "changed", {"cap": (old, caps.words(cap))})
    return cap


@transaction.atomic
def remove(*, cap: FrequencyCap, actor: User | None, now: datetime) -> None:
    """Let a cap hold nobody back any more. Removed already is fine."""
    caps.hold(cap.tenant, alone=True)
    cap = FrequencyCap.objects.select_related("tenant").get(pk=cap.pk)
    if cap.archived_at is not None:
        return
    cap.archived_at = now
    cap.save(update_fields=["archived_at"])
    binary.run(EMPTY, [cap.tenant_id, cap.pk])
    _ask_again(cap.tenant, now=now)
    _note(cap, actor, "removed", {"cap": (caps.words(cap), None)})


def _check(cap: FrequencyCap, others: list[FrequencyCap]) -> None:
    if not 1 <= cap.limit <= LARGEST:
        raise Refused("limit", f"A cap lets 1 to {LARGEST} messages through.")
    if (cap.kind == Kind.ROLLING) != (cap.hours is not None):
        raise ValueError("A rolling cap has hours, a calendar cap has none.")
    if cap.hours is not None and not 1 <= cap.hours <= LONGEST / timedelta(hours=1):
        raise Refused("hours", f"A rolling period lasts from 1 hour to {LONGEST.days} days.")
    if cap.scope == Scope.TAG and not cap.value:
        raise Refused("value", "Say which tag.")
    if cap.scope == Scope.CHANNEL and cap.value not in {channel.kind for channel in channels.all()}:
        raise Refused("value", "There is no such channel.")
    for other in others:
        if _counts_the_same(cap, other):
            raise Refused("", f"There is one already: “{caps.words(other)}”. Change that one.")


def _counts_the_same(cap: FrequencyCap, other: FrequencyCap) -> bool:
    same = ("scope", "value", "kind", "hours")
    return [getattr(cap, name) for name in same] == [getattr(other, name) for name in same]


def _fill(cap: FrequencyCap, *, now: datetime) -> None:
    """Count what was reserved before. Parts of the past that no moment to come can reach are left out."""
    reaches = timedelta(hours=cap.hours) if cap.hours is not None else REACHES[Kind(cap.kind)]
    binary.run(FILL, [now - reaches, cap.tenant_id, cap.pk])


def _ask_again(tenant: Tenant, *, now: datetime) -> None:
    """Let whoever waits for room be decided anew, now: there may be some already."""
    binary.run(ASK_AGAIN, [now, tenant.pk, now])
    wake.soon()


def _note(cap: FrequencyCap, actor: User | None, action: str, changes: dict[str, tuple[Any, Any]]) -> None:
    audit.note(
        tenant=cap.tenant,
        actor=actor,
        action=action,
        thing="frequency cap",
        thing_id=cap.public_id,
        name=caps.words(cap),
        fields=changes,
    )
