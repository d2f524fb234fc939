"""Claiming: a chunk of due rows of one tenant and channel gets a lease and a number that fences off latecomers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from audiences import tombstones
from campaigns.versions import LAUNCHED_LAST
from delivery import agenda, rates
from delivery.models import Delivery, Provider
from tenants import binary
from tenants.models import Tenant

CHUNK = 500

TENANTS_NOW = "clock_timestamp() + t.clock_offset"
FREE = "(d.lease_until IS NULL OR d.lease_until < clock_timestamp())"

# Campaign by campaign, so that each is a short walk along the index, and none looks at what is paused or not yet due.
# Of a provider that has limits, what people wait for gets its room first.
WITH_DUE = f"""
SELECT c.id, c.message_class = 'transactional', v.per_minute, first.due_at, v.lateness_hours, p.id
FROM campaigns_campaign c
CROSS JOIN LATERAL (SELECT d.due_at FROM delivery_delivery d
                    WHERE d.tenant_id = %s AND d.campaign_id = c.id AND d.channel = %s AND d.state = 'planned'
                      AND d.due_at <= %s AND {FREE}
                    ORDER BY d.due_at LIMIT 1) first
LEFT JOIN LATERAL ({LAUNCHED_LAST}) v ON true
LEFT JOIN delivery_provider p ON p.tenant_id = c.tenant_id AND p.channel = %s AND p.is_active
                             AND (p.per_minute IS NOT NULL OR p.warm_up_date IS NOT NULL)
WHERE c.tenant_id = %s AND c.state = 'live'
ORDER BY p.id IS NULL OR c.message_class <> 'transactional', c.priority, first.due_at, c.id
"""

# One statement for all of them: fifty with a row or two each would else need a hundred. A lease that a crash of the
# database forgets is nobody's any more, so nobody waits for the disk.
DUE = f"""
SELECT (SELECT nextval('delivery_lease_token')), (SELECT set_config('synchronous_commit', 'off', true)), d.*
FROM unnest(%b::bigint[], %b::timestamptz[], %b::int[]) AS c(id, until, most)
CROSS JOIN LATERAL (
    SELECT d.id, d.occasion_at, d.profile_id, d.campaign_id, d.occasion, coalesce(d.first_due_at, d.due_at),
           d.attempts + 1, d.event_id, d.slot = 'first' AND d.reserved_at IS NULL
    FROM delivery_delivery d
    WHERE d.tenant_id = %s AND d.campaign_id = c.id AND d.channel = %s AND d.state = 'planned' AND d.due_at <= c.until
      AND {FREE}
    ORDER BY d.due_at LIMIT c.most
    FOR UPDATE OF d SKIP LOCKED) d
LIMIT %s
"""

IS_PLANNED = "d.state = r.planned"
IS_OPEN = "d.state IN (r.planned, r.sending)"
MEANT = "d.tenant_id = r.tenant_id AND d.id = r.id AND d.occasion_at = r.occasion_at"


def given(**columns: str) -> str:
    """Return the source ``r`` of a statement about some rows: ids, moments, further columns (name=type).

    Parameters: tenant, token, then each column as a list. Tenant, token and states stand beside the ids, where OFFSET 0
    keeps them: as conditions on the table they make a plan that expects one such row, going by what the table held a
    minute ago, and looks through all rows for it, once for every one that is meant.
    """
    types = "".join(f", %b::{kind}[]" for kind in columns.values())
    return f"""(SELECT given.*, %s::bigint AS tenant_id, %s::bigint AS token, 'planned' AS planned, 'sending' AS sending
     FROM unnest(%b::bigint[], %b::timestamptz[]{types}) AS given({", ".join(["id", "occasion_at", *columns])})
     OFFSET 0) r"""


LEASE = f"""
UPDATE delivery_delivery d
SET lease_until = clock_timestamp() + make_interval(secs => %s), lease_token = r.token, attempts = d.attempts + 1
FROM {given()} WHERE {MEANT}
"""

RENEW = f"""
UPDATE delivery_delivery d SET lease_until = clock_timestamp() + make_interval(secs => %s)
FROM {given()} WHERE {MEANT} AND d.lease_token = r.token AND {IS_PLANNED}
"""

RELEASE = f"""
WITH held AS MATERIALIZED (
    SELECT r.* FROM {given()} JOIN delivery_delivery d ON {MEANT}
    WHERE d.lease_token = r.token AND ({IS_PLANNED} OR %s AND {IS_OPEN})
    FOR UPDATE OF d {{patience}}
)
UPDATE delivery_delivery d
SET state = 'planned', lease_until = clock_timestamp() + make_interval(secs => %s),
    attempts = greatest(d.attempts - %s, 0)
FROM held r WHERE {MEANT}
"""
# Whoever holds a planned row at this moment, a merge or a stop, changes it; then its lease simply runs out.
RELEASE_PLANNED = RELEASE.format(patience="SKIP LOCKED")
# One that was meant to go would then pass for sent.
RELEASE_INTENDED = RELEASE.format(patience="")

# A tenant whose mail nobody carries has nothing to send until somebody does.
WITH_WORK = f"""
SELECT t.id, work.to_plan FROM tenants_tenant t
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT 1 FROM delivery_plan p JOIN campaigns_campaign c ON c.id = p.campaign_id
                   WHERE p.tenant_id = t.id AND c.state = 'live' AND {agenda.IS_DUE.format(now=TENANTS_NOW)})
           OR EXISTS ({agenda.NOT_LAID_OUT.format(tenant="t.id")}) AS to_plan,
           EXISTS (SELECT 1 FROM campaigns_campaign c, unnest(%b::text[]) AS offered(channel)
                   WHERE c.tenant_id = t.id AND c.state = 'live'
                     AND (t.is_sandbox
                          OR EXISTS (SELECT 1 FROM delivery_provider p
                                     WHERE p.tenant_id = t.id AND p.channel = offered.channel AND p.is_active))
                     AND EXISTS (SELECT 1 FROM delivery_delivery d
                                 WHERE d.tenant_id = t.id AND d.campaign_id = c.id AND d.channel = offered.channel
                                   AND d.state = 'planned' AND d.due_at <= {TENANTS_NOW} AND {FREE})) AS to_send
) work
WHERE work.to_plan OR work.to_send
ORDER BY t.id
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A claimed row, as the decision needs it."""

    id: int
    occasion_at: datetime
    profile_id: int
    campaign_id: int
    occasion: str
    due_at: datetime  # at first, whatever it has waited for since
    attempts: int  # this one included
    event_id: int | None  # what set it off, if an event did
    is_unreserved: bool = False  # certainly: at the claim its occasion held no reservation

    @classmethod
    def of(cls, row: Delivery) -> Due:
        """Return a row as it would be claimed at this moment."""
        due_at = row.first_due_at or row.due_at
        return cls(
            row.pk,
            row.occasion_at,
            row.profile_id,
            row.campaign_id,
            row.occasion,
            due_at,
            row.attempts + 1,
            row.event_id,
        )


@dataclass(frozen=True, slots=True)
class WithDue:
    """A campaign that has something due, and what says how much of it may be claimed."""

    campaign_id: int
    is_urgent: bool
    per_minute: int | None
    first_due_at: datetime
    lateness_hours: int | None
    provider_id: int | None  # whose limits hold; None where they have none


@dataclass(frozen=True, slots=True)
class Chunk:
    token: int  # only its holder may settle the rows
    rows: list[Due]
    carrier: rates.Carrier | None = None  # whose limits hold


def tenants_with_work(channels: list[str]) -> dict[int, bool]:
    """Return the tenants with something to plan or to send at their present time: id -> whether there is to plan."""
    return dict(binary.run(WITH_WORK, [channels]))


@transaction.atomic
def claim(*, tenant: Tenant, channel: str, now: datetime, size: int = CHUNK) -> Chunk:
    """Lease up to ``size`` due rows, the most important first; at most one of a profile. The state stays planned.

    What send rates leave no room for stays unclaimed, or is given back when it is decided.
    """
    with_due = [WithDue(*row) for row in binary.run(WITH_DUE, [tenant.pk, channel, now, channel, tenant.pk])]
    carrier = _carrier(with_due, tenant=tenant, now=now)
    room = rates.look({one.campaign_id: one.per_minute for one in with_due}, carrier, tenant=tenant, now=now)
    asked = [(one.campaign_id, *_claimable(one, room, size, now)) for one in with_due]
    token, rows = _due(asked, size, tenant=tenant, channel=channel)
    first = {row.profile_id: row for row in reversed(rows)}
    release([row for row in rows if first[row.profile_id] is not row], tenant=tenant, token=token)
    return Chunk(token, list(reversed(first.values())), carrier)


def _due(
    asked: Sequence[tuple[int, datetime, int]], size: int, *, tenant: Tenant, channel: str
) -> tuple[int, list[Due]]:
    """Lease up to so many rows of each campaign (id, due by, at most), and ``size`` in all.

    Return the token and the rows. Campaigns that share a limit may together be given more than it: of two rows of one
    person only one goes now, and fewer would leave room unused.
    """
    columns = [[each[place] for each in asked if each[2]] for place in range(3)]
    found = binary.run(DUE, [*columns, tenant.pk, channel, size]) if columns[0] else []
    if not found:
        return 0, []
    token, rows = found[0][0], [Due(*row) for _, _, *row in found]
    binary.run(LEASE, [settings.LEASE_SECONDS, tenant.pk, token, *keys(rows)])
    return token, rows


def _carrier(with_due: list[WithDue], *, tenant: Tenant, now: datetime) -> rates.Carrier | None:
    provider_id = with_due[0].provider_id if with_due else None
    provider = Provider.objects.filter(pk=provider_id).first() if provider_id else None
    return rates.carrier(provider, tenant=tenant, now=now) if provider else None


def _claimable(one: WithDue, room: rates.Room, most: int, now: datetime) -> tuple[datetime, int]:
    """Return how many of a campaign may be claimed, and by when they have to be due.

    Where rates hold it back: those that have become too late, whom a decision drops without any room, else as many as
    there is room for.
    """
    left = room.left(one.campaign_id, is_urgent=one.is_urgent)
    if left is None:
        return now, most
    too_late = now - timedelta(hours=one.lateness_hours or 0)
    return (too_late, most) if one.first_due_at < too_late else (now, min(most, left))


def keys(rows: Iterable[Due]) -> tuple[list[int], list[datetime]]:
    """Return the ids and moments that find some rows."""
    given = list(rows)
    return [row.id for row in given], [row.occasion_at for row in given]


def renew(rows: list[Due], *, tenant: Tenant, token: int) -> None:
    """Let the lease of rows that are still ours begin anew."""
    binary.run(RENEW, [settings.LEASE_SECONDS, tenant.pk, token, *keys(rows)])


def release(
    rows: list[Due],
    *,
    tenant: Tenant,
    token: int,
    after_seconds: float = 0,
    was_tried: bool = False,
    was_intended: bool = False,
) -> None:
    """Give rows back, to be claimed again after so many seconds of raw time; ``was_tried`` keeps the attempt.

    ``was_intended`` says that intent was marked and that nobody can have got the message: else such a row stays. Then
    it waits for whoever holds the rows; their people are locked before, in the order that all keep.
    """
    if not rows:
        return
    values = [tenant.pk, token, *keys(rows), was_intended, float(after_seconds), 0 if was_tried else 1]
    if not was_intended:
        binary.run(RELEASE_PLANNED, values)
        return
    with transaction.atomic():
        tombstones.lock_living(tenant.pk, {row.profile_id for row in rows})
        binary.run(RELEASE_INTENDED, values)
