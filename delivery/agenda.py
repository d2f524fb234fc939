"""The agenda: which occasion of each live campaign comes next, and the opening of those whose hour has come.

Every version that goes out on a calendar has one plan waiting, until its last; opening that lays out the next.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from campaigns import schedules
from campaigns.models import Campaign, Version
from campaigns.versions import LAUNCHED_LAST, launched_last
from delivery.models import Plan
from delivery.resting import Resting
from tenants import binary
from tenants.models import Tenant

NOBODY_AFTER = 2**63 - 1  # no profile's id is higher
_versions, _plans = Resting("Version"), Resting("Plan")
REHEARSED = timedelta(days=31)  # a sandbox's clock that jumps further leaves the older occasions out

# Of each live campaign the newest launched version counts. It is new to the agenda while no plan is its own; one that
# is triggered has none, and only calls off what the one before still has to come.
NOT_LAID_OUT = f"""
SELECT newest.id FROM campaigns_campaign c CROSS JOIN LATERAL ({LAUNCHED_LAST}) newest
WHERE c.tenant_id = {{tenant}} AND c.state = 'live'
  AND CASE WHEN newest."when" IN ('event', 'api')
      THEN EXISTS (SELECT 1 FROM delivery_plan p
                   WHERE p.tenant_id = {{tenant}} AND p.campaign_id = c.id AND p.version_id <> newest.id
                     AND p.due_until > newest.launched_at)
      ELSE NOT EXISTS (SELECT 1 FROM delivery_plan p WHERE p.tenant_id = {{tenant}} AND p.version_id = newest.id) END
"""

# What asks for a turn of the planner at a tenant's present time.
IS_DUE = """p.done_at IS NULL AND (p.opens_at <= {now} OR p.recalls)"""

# Whoever waits for their own hour when a sandbox's clock jumps over it, and over the time it would be welcome.
JUMPED_OVER = """
UPDATE delivery_delivery d SET due_at = %s - make_interval(secs => 1 + extract(day FROM %s - d.occasion_at)::int)
FROM delivery_plan p
JOIN campaigns_version v ON v.tenant_id = p.tenant_id AND v.id = p.version_id AND v.clock = 'person'
JOIN campaigns_campaign c ON c.tenant_id = p.tenant_id AND c.id = p.campaign_id AND c.state = 'live'
WHERE p.tenant_id = %s AND d.tenant_id = %s AND d.campaign_id = p.campaign_id AND d.occasion = p.occasion
  AND d.occasion_at = p.occasion_at AND d.state = 'planned' AND d.attempts = 0 AND d.decided_at IS NULL
  AND d.due_at < %s - make_interval(hours => v.lateness_hours)
"""


def open_due(*, tenant: Tenant, now: datetime) -> int:
    """Lay out what was launched, open the plans whose hour has come, and return how many were. Idempotent.

    One that is too late to be welcome is passed over. Each plan once a call: of days that were missed, one a turn. What
    fails of one campaign holds up no other.
    """
    if tenant.is_sandbox:
        binary.run(JUMPED_OVER, [now, now, tenant.pk, tenant.pk, now])
    for (version_id,) in binary.run(NOT_LAID_OUT.format(tenant="%s"), [tenant.pk] * 3):
        _versions.tried(version_id, _lay_out)
    waiting = Plan.objects.filter(opened_at=None, done_at=None, opens_at__lte=now, recalls=False)
    due = waiting.filter(campaign__state=Campaign.State.LIVE).order_by("opens_at", "id")
    opened = [_plans.tried(pk, partial(_open, now=now)) for pk in list(due.values_list("pk", flat=True))]
    return sum(opened)


@transaction.atomic
def _lay_out(version_id: int) -> bool:
    """Give a version that was just launched its place: the one before has no say in what is still to come.

    False if another worker has its campaign, or a newer one was launched.
    """
    version = Version.objects.select_related("tenant").get(pk=version_id)
    campaign = Campaign.objects.select_for_update(no_key=True, skip_locked=True).filter(
        pk=version.campaign_id
    )
    if not campaign or version != launched_last(version.campaign_id):
        return False
    assert version.launched_at is not None
    for plan in _stale(version):
        _revise(plan, version)
    _add_next(version, after=version.launched_at)
    return True


def _stale(version: Version) -> list[Plan]:
    """Return the plans of earlier versions that have something still to come, locked.

    Whoever opens one lays out the next in the same transaction: while we wait for its lock, another may be added.
    """
    plans = Plan.objects.filter(campaign_id=version.campaign_id, due_until__gt=version.launched_at)
    stale = plans.exclude(version=version).select_for_update()
    held: list[Plan] = []
    while len(found := list(stale.all())) > len(held):
        held = found
    return held


def _revise(plan: Plan, version: Version) -> None:
    """Hand what an earlier version has still to come to the new one: at its hour, or not at all."""
    if plan.opened_at is None:
        plan.delete()
        return
    plan.version, plan.recalls, plan.done_at = version, True, None
    occasion = schedules.find(version, plan.occasion, zone=_zone(version))
    assert version.launched_at is not None
    if occasion and occasion.due_until > version.launched_at:
        plan.opens_at, plan.due_until = occasion.opens_at, occasion.due_until
        plan.opened_at, plan.planned_to = None, 0
    else:
        plan.due_until, plan.planned_to = version.launched_at, NOBODY_AFTER
    plan.save()


def _add_next(version: Version, *, after: datetime) -> None:
    """Have a plan wait for the version's next occasion that has none yet; what was done before stays done."""
    for one in schedules.coming(version, after=after, zone=_zone(version)):
        plan, is_new = Plan.objects.get_or_create(
            tenant_id=version.tenant_id,
            campaign_id=version.campaign_id,
            occasion=one.key,
            defaults={
                "version": version,
                "occasion_at": one.occasion_at,
                "opens_at": one.opens_at,
                "due_until": one.due_until,
            },
        )
        is_waiting = plan.opened_at is None and plan.done_at is None
        if is_new or is_waiting:
            return
        if plan.done_at:
            plan.version = version  # so that it is known to have been asked
            plan.save(update_fields=["version"])


@transaction.atomic
def _open(pk: int, *, now: datetime) -> bool:
    """Open a plan, or pass it over, and have the next one wait. False if another worker has it."""
    plan = (
        Plan.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(pk=pk, opened_at=None, done_at=None, campaign__state=Campaign.State.LIVE)
        .select_related("version__tenant")
        .first()
    )
    if plan is None:
        return False
    if _is_missed(plan, now):
        plan.done_at = timezone.now()
    else:
        plan.opened_at = now
    plan.save(update_fields=["opened_at", "done_at"])
    if plan.version.when == Version.When.REPEAT:
        _add_next(plan.version, after=plan.due_until)
    return True


def _is_missed(plan: Plan, now: datetime) -> bool:
    """Whether nobody would welcome it any more. Where a sandbox's clock is moved, people want to see it happen."""
    late = now - plan.due_until
    is_rehearsed = plan.version.tenant.is_sandbox and late <= REHEARSED
    return late > timedelta(hours=plan.version.lateness_hours) and not is_rehearsed


def rehearsed(plan: Plan, due_at: datetime, now: datetime) -> datetime:
    """Return when somebody is due: where a sandbox's clock jumped over that, now, the older occasions first."""
    is_late = now - due_at > timedelta(hours=plan.version.lateness_hours)
    if not (is_late and plan.version.tenant.is_sandbox):
        return due_at
    return now - timedelta(seconds=1 + (now - plan.occasion_at).days)


def _zone(version: Version) -> ZoneInfo:
    return ZoneInfo(version.tenant.timezone)
