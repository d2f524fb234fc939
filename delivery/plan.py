"""Planning: one delivery row for each person of a scheduled campaign's audience, inserted set-wise in slices."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from audiences import freshness, partitions
from audiences.rules import sql
from campaigns.models import Campaign, Content, Version
from delivery.models import Plan
from tenants.models import Tenant

log = logging.getLogger(__name__)

SLICE = 100_000  # people looked at per statement: one transaction's worth of work to lose in a crash
ONCE = "once"
FAILED_RESTS_SECONDS = 60.0

_rests_until: dict[int, float] = {}  # plans that failed, in this process

LAUNCHED_BY_NOW = """
INSERT INTO delivery_plan (tenant_id, campaign_id, version_id, occasion, occasion_at, planned_to, audience)
SELECT v.tenant_id, v.campaign_id, v.id, %s, coalesce(v.starts_at, v.launched_at), 0, 0
FROM campaigns_version v JOIN campaigns_campaign c ON c.id = v.campaign_id
WHERE v.tenant_id = %s AND c.state = 'live' AND v.launched_at IS NOT NULL AND v."when" NOT IN ('event', 'api')
  AND coalesce(v.starts_at, v.launched_at) <= %s
ORDER BY v.campaign_id, v.number DESC
ON CONFLICT (tenant_id, campaign_id, occasion) DO NOTHING
"""

LAST_OF_SLICE = """
SELECT max(id) FROM (
    SELECT id FROM audiences_profile
    WHERE tenant_id = %s AND id > %s AND merged_into_id IS NULL AND erased_at IS NULL
    ORDER BY id LIMIT %s
) slice
"""

INSERT = """
INSERT INTO delivery_delivery
    (tenant_id, campaign_id, profile_id, occasion, occasion_at, slot, channel, priority, due_at)
SELECT %s, %s, m.id, %s, %s, 'first', %s, %s, %s FROM ({members}) m
ON CONFLICT DO NOTHING
"""


def open_due(*, tenant: Tenant, now: datetime) -> int:
    """Open the plan of each live campaign whose hour has come and that has none; return how many. Idempotent."""
    with connection.cursor() as cursor:
        cursor.execute(LAUNCHED_BY_NOW, [ONCE, tenant.pk, now])
        return int(cursor.rowcount)


def advance(*, tenant: Tenant, now: datetime) -> bool:
    """Plan one slice of one open plan and return whether there was one.

    Plans another worker holds are passed by, and one that fails lets the next have its turn. A plan killed in mid
    slice goes on from its last committed one, and rows that are there already are left alone.
    """
    open_plans = Plan.objects.filter(done_at=None, campaign__state=Campaign.State.LIVE)
    for pk in open_plans.order_by("occasion_at", "id").values_list("pk", flat=True):
        if time.monotonic() < _rests_until.get(pk, 0.0):
            continue
        try:
            if _advance(pk, now=now):
                return True
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("Plan %s failed.", pk)
            _rests_until[pk] = time.monotonic() + FAILED_RESTS_SECONDS
    return False


@transaction.atomic
def _advance(pk: int, *, now: datetime) -> bool:
    plan = (
        Plan.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(pk=pk, done_at=None, campaign__state=Campaign.State.LIVE)
        .select_related("campaign", "version")
        .first()
    )
    if plan is None:
        return False
    partitions.ensure_months("delivery_delivery", [plan.occasion_at])
    if not plan.planned_to:
        freshness.refresh()
    last = _last_of_slice(plan)
    if last:
        plan.audience += _insert(plan, last=last, now=now)
        plan.planned_to = last
    else:
        plan.done_at = timezone.now()
    plan.save(update_fields=["audience", "planned_to", "done_at"])
    return True


def _last_of_slice(plan: Plan) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(LAST_OF_SLICE, [plan.tenant_id, plan.planned_to, SLICE])
        (last,) = cursor.fetchone()
    return last


def _insert(plan: Plan, *, last: int, now: datetime) -> int:
    version, campaign = plan.version, plan.campaign
    members = sql.members(
        version.rule or {"all": []}, tenant_id=plan.tenant_id, now=now, between=(plan.planned_to + 1, last)
    )
    row: list[Any] = [
        plan.tenant_id, campaign.pk, plan.occasion, plan.occasion_at,
        channel_of(version), campaign.priority, plan.occasion_at,
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(INSERT.format(members=members.sql), [*row, *members.params])
        return int(cursor.rowcount)


def channel_of(version: Version) -> str:
    """Return the channel that a version's first content speaks on."""
    contents = Content.objects.filter(variant__version=version).order_by("variant__position", "id")
    return contents.values_list("channel", flat=True)[0]
