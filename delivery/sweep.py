"""What crashes and stops leave behind: hand-overs without an answer become `unknown`, stopped mail is cancelled."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from audiences import tombstones
from delivery import conversions
from tenants import each
from tenants.models import Tenant

# tenant_id is in no condition here on purpose: this runs for every tenant and shows nobody anything.
LATE = """
SELECT d.tenant_id, array_agg(DISTINCT d.profile_id) FROM delivery_delivery d
WHERE d.state = 'sending' AND d.lease_until < clock_timestamp() GROUP BY d.tenant_id
"""

# Rows that somebody holds at this moment are passed by: the next look is a second away.
DOUBTFUL = """
WITH late AS (
    SELECT d.id, d.occasion_at, d.lease_until - make_interval(secs => %s) + t.clock_offset AS handed_over_at,
           clock_timestamp() + t.clock_offset AS now
    FROM delivery_delivery d JOIN tenants_tenant t ON t.id = d.tenant_id
    WHERE d.tenant_id = %s AND d.profile_id = ANY(%s) AND d.state = 'sending' AND d.lease_until < clock_timestamp()
    FOR UPDATE OF d SKIP LOCKED
), settled AS (
    UPDATE delivery_delivery d
    SET state = 'unknown', reason = 'no_answer', lease_until = NULL,
        reply = 'The worker died after handing over, before the answer was noted.',
        exposed_at = late.handed_over_at, settled_at = late.now
    FROM late WHERE d.id = late.id AND d.occasion_at = late.occasion_at
    RETURNING d.tenant_id, d.campaign_id, d.profile_id, d.exposed_at
), entered AS (
    UPDATE delivery_entry e
    SET first_at = coalesce(e.first_at, s.exposed_at), last_at = s.exposed_at, count = e.count + 1
    FROM settled s
    WHERE e.tenant_id = s.tenant_id AND e.campaign_id = s.campaign_id AND e.profile_id = s.profile_id
)
SELECT profile_id FROM settled
"""


def doubtful() -> int:
    """Settle rows whose lease ran out between intent and record; return how many.

    The provider may or may not have taken them, so they are shown and not resent. At most one group of intents
    per connection and crash can be among them. They count as reached, from when they were handed over.
    """
    with connection.cursor() as cursor:
        cursor.execute(LATE)
        late = dict(cursor.fetchall())
    return each.add_up(
        Tenant.objects.filter(pk__in=late),
        lambda tenant, now: _doubt(tenant, late[tenant.pk], now=now),
        trouble="its hand-overs without an answer could not be settled.",
    )


@transaction.atomic
def _doubt(tenant: Tenant, profile_ids: list[int], *, now: datetime) -> int:
    """Settle what some people's messages have come to, in their tenant's scope; return how many.

    What they did since they were handed theirs was counted when nobody knew of the exposure: it is credited anew.
    """
    with connection.cursor() as cursor:
        living = tombstones.lock_living(tenant.pk, profile_ids)
        cursor.execute(DOUBTFUL, [settings.HAND_OVER_SECONDS, tenant.pk, profile_ids])
        settled = [profile_id for (profile_id,) in cursor.fetchall()]
    reached = sorted({living[id_] for id_ in settled if id_ in living})
    conversions.recount(tenant=tenant, profile_ids=reached, now=now)
    return len(settled)


# What was being planned while a campaign was stopped may be there only once it has been closed.
STOPPED = """
SELECT id, tenant_id FROM campaigns_campaign
WHERE state = 'stopped' AND (closed_at IS NULL OR closed_at > clock_timestamp() - interval '1 hour')
"""
SLICE = 20_000

CANCEL = """
WITH owed AS (
    SELECT d.id, d.occasion_at FROM delivery_delivery d
    WHERE d.tenant_id = %s AND d.campaign_id = %s AND d.state = 'planned'
    ORDER BY d.due_at LIMIT %s
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE delivery_delivery d
SET state = 'cancelled', reason = 'stopped', lease_until = NULL, settled_at = clock_timestamp() + t.clock_offset
FROM owed, tenants_tenant t
WHERE d.id = owed.id AND d.occasion_at = owed.occasion_at AND t.id = d.tenant_id
"""

# A row in mid hand-over is left to its worker; the campaign closes when none is open.
CLOSE = """
UPDATE campaigns_campaign c SET closed_at = clock_timestamp()
WHERE c.tenant_id = %s AND c.id = %s AND c.state = 'stopped' AND c.closed_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM delivery_delivery d
                  WHERE d.tenant_id = c.tenant_id AND d.campaign_id = c.id AND d.state IN ('planned', 'sending'))
"""


def stopped() -> int:
    """Cancel what stopped campaigns still owed; return how many rows. Again, or beside its twin, cancels no more."""
    cancelled = 0
    with connection.cursor() as cursor:
        cursor.execute(STOPPED)
        for campaign_id, tenant_id in cursor.fetchall():
            while True:
                cursor.execute(CANCEL, [tenant_id, campaign_id, SLICE])
                cancelled += cursor.rowcount
                if cursor.rowcount < SLICE:
                    break
            cursor.execute(CLOSE, [tenant_id, campaign_id])
    return cancelled
