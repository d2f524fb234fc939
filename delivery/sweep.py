"""What crashes and stops leave behind: hand-overs without an answer become `unknown`, stopped mail is cancelled."""

from __future__ import annotations

from django.db import connection

# tenant_id is in no condition here on purpose: this runs for every tenant and shows nobody anything.
DOUBTFUL = """
UPDATE delivery_delivery d
SET state = 'unknown', reason = 'no_answer', lease_until = NULL,
    reply = 'The worker died after handing over, before the answer was noted.',
    exposed_at = clock_timestamp() + t.clock_offset, settled_at = clock_timestamp() + t.clock_offset
FROM tenants_tenant t
WHERE t.id = d.tenant_id AND d.state = 'sending' AND d.lease_until < clock_timestamp()
"""


def doubtful() -> int:
    """Settle rows whose lease ran out between intent and record; return how many.

    The provider may or may not have taken them, so they are shown and not resent. At most one group of intents
    per connection and crash can be among them.
    """
    with connection.cursor() as cursor:
        cursor.execute(DOUBTFUL)
        return int(cursor.rowcount)


# A row in mid hand-over is left to its worker; the campaign closes when none is open.
CANCEL = """
WITH stopped AS (
    SELECT c.id, c.tenant_id, clock_timestamp() + t.clock_offset AS now
    FROM campaigns_campaign c JOIN tenants_tenant t ON t.id = c.tenant_id
    WHERE c.state = 'stopped' AND c.closed_at IS NULL
)
UPDATE delivery_delivery d
SET state = 'cancelled', reason = 'stopped', lease_until = NULL, settled_at = s.now
FROM stopped s
WHERE d.tenant_id = s.tenant_id AND d.campaign_id = s.id AND d.state = 'planned'
"""

CLOSE = """
UPDATE campaigns_campaign c SET closed_at = clock_timestamp()
WHERE c.state = 'stopped' AND c.closed_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM delivery_delivery d
                  WHERE d.tenant_id = c.tenant_id AND d.campaign_id = c.id AND d.state IN ('planned', 'sending'))
"""


def stopped() -> int:
    """Cancel what stopped campaigns still owed; return how many rows. Again, or beside its twin, cancels no more."""
    with connection.cursor() as cursor:
        cursor.execute(CANCEL)
        cancelled = int(cursor.rowcount)
        cursor.execute(CLOSE)
    return cancelled
