"""Alarms: what has gone wrong, or silent, and nobody would notice; asked of the rows each time somebody looks.

Time is the tenant's. A sandbox's clock that was moved has run evenly only since then, so nothing counts as late or
silent for the time that it jumped over. Only the cluster's signs of life are in raw time, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max

from audiences import segments
from campaigns import triggers
from campaigns.models import Campaign, Source, Version
from campaigns.sources import health, reading
from delivery import queueing
from delivery.models import Beat, Delivery, Provider
from tenants import binary, clock
from tenants.models import Tenant

OVERDUE = timedelta(minutes=2)
CLUSTER_SILENT = timedelta(seconds=30)  # it gives a sign each second
COUNTED = 10_000  # more are "more than"
UNKNOWN_SHOWN = timedelta(days=7)
RECENTLY = timedelta(hours=1)
FAILING_LEAST, FAILING_SHARE = 10, 0.2  # so many, and so large a part of what was tried
DAYS, DAILY = 14, 12  # who came on so many of the last days comes daily
SILENT = timedelta(days=2)  # beyond the days that were missing before
EMPTY_PATIENCE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing to look after: what, since when, in numbers, what to do, and the page for it."""

    kind: str
    is_grave: bool  # messages do not leave, or leave and are lost
    title: str
    numbers: str
    advice: str
    since: datetime | None = None  # by the tenant's clock
    campaign: Campaign | None = None
    url_name: str = ""
    args: tuple[str, ...] = ()
    query: str = ""


def of(tenant: Tenant, *, now: datetime) -> list[Alarm]:
    """Return a tenant's alarms, the grave ones first. In its scope.

    Nine statements that indexes serve, each as long as what is live or went wrong, not as what was ever sent; and for
    each live campaign that goes on and has a segment, the search for one person in it, two seconds at the longest.
    """
    steady = clock.steady_since(tenant) or datetime.min.replace(tzinfo=now.tzinfo)
    live = list(Campaign.objects.filter(state=Campaign.State.LIVE))
    found = [
        *_cluster(tenant, now),
        *_overdue(tenant, {campaign.pk: campaign for campaign in live}, steady, now),
        *_failing(tenant, now),
        *_unknown(tenant, now),
        *_sources(tenant),
        *_refused(tenant, now),
        *_silent(tenant, live, steady, now),
        *_emptied(tenant, live, now),
    ]
    return sorted(found, key=lambda alarm: not alarm.is_grave)


# --- Nothing leaves -----------------------------------------------------------------------------------------------


def _cluster(tenant: Tenant, now: datetime) -> Iterator[Alarm]:
    last = Beat.objects.filter(part__startswith="cluster ").aggregate(last=Max("at"))["last"]
    if last is None or clock.raw_now() - last > CLUSTER_SILENT:
        yield Alarm(
            "cluster",
            True,
            "Nothing is being sent: no cluster is running",
            "No cluster has given a sign of life." if last is None else "The last one has fallen silent.",
            "Start it with “manage.py cluster”, or tell whoever runs this installation. Nothing is lost meanwhile.",
            since=last and last + tenant.clock_offset,
        )


# The oldest due row of each live campaign, and whether somebody has it; only where it is overdue are they counted.
WAITING = """
SELECT c.id, first.due_at, first.channel, first.is_held,
       CASE WHEN first.due_at <= %(overdue)s THEN
           (SELECT count(*) FROM (
                SELECT FROM delivery_delivery d WHERE d.tenant_id = %(tenant)s AND d.campaign_id = c.id
                AND d.state = 'planned' AND d.due_at <= %(overdue)s LIMIT %(counted)s) counted) ELSE 0 END
FROM campaigns_campaign c
CROSS JOIN LATERAL (
    SELECT d.due_at, d.channel, coalesce(d.lease_until > clock_timestamp(), false) AS is_held FROM delivery_delivery d
    WHERE d.tenant_id = %(tenant)s AND d.campaign_id = c.id AND d.state = 'planned' ORDER BY d.due_at LIMIT 1) first
WHERE c.tenant_id = %(tenant)s AND c.state = 'live'
"""


def _overdue(tenant: Tenant, live: dict[int, Campaign], steady: datetime, now: datetime) -> Iterator[Alarm]:
    """Rows that are due and that nobody takes; while some are at work, the others have to wait for their turn.

    So have those that a send rate holds back.
    """
    if now - steady <= OVERDUE:
        return
    waiting = _rows(WAITING, tenant=tenant.pk, overdue=now - OVERDUE, counted=COUNTED + 1)
    is_at_work = any(is_held for _, _, _, is_held, _ in waiting) or _is_handing_over(tenant)
    for campaign_id, due_at, channel, _, count in waiting:
        if not count or is_at_work or campaign_id not in live:
            continue
        campaign = live[campaign_id]
        campaign.tenant = tenant
        if not queueing.is_held(campaign, channel=channel, now=now, flows=OVERDUE):
            yield _not_leaving(tenant, campaign, channel, count, since=max(due_at, steady))


def _not_leaving(tenant: Tenant, campaign: Campaign, channel: str, count: int, *, since: datetime) -> Alarm:
    title, numbers = "Messages are due and do not leave", f"{_many(count)} due and not begun."
    if not tenant.is_sandbox and not Provider.objects.filter(channel=channel, is_active=True).exists():
        advice = "Nobody carries this brand's mail: name a mail server."
        return Alarm("overdue", True, title, numbers, advice, since, campaign, "settings_mail_server")
    advice = "Nobody takes them up: see whether the cluster runs and what it logs."
    args = (str(campaign.public_id),)
    return Alarm(
        "overdue", True, title, numbers, advice, since, campaign, "campaign_people", args, "state=planned"
    )


def _is_handing_over(tenant: Tenant) -> bool:
    sending = Delivery.objects.filter(tenant=tenant, state=Delivery.State.SENDING)
    return sending.exists()


# --- What leaves does not arrive ----------------------------------------------------------------------------------

# Of those that fell due first: how many were tried at least once and are to be tried again.
TRIED = """
SELECT count(*) FROM campaigns_campaign c
CROSS JOIN LATERAL (
    SELECT d.attempts FROM delivery_delivery d
    WHERE d.tenant_id = %(tenant)s AND d.campaign_id = c.id AND d.state = 'planned' AND d.due_at <= %(now)s
    ORDER BY d.due_at LIMIT 1000) d
WHERE c.tenant_id = %(tenant)s AND c.state = 'live' AND d.attempts >= 2
"""

FAILED = """
SELECT count(*), min(d.settled_at), (array_agg(d.reply ORDER BY d.settled_at DESC))[1] FROM delivery_delivery d
WHERE d.tenant_id = %(tenant)s AND d.state = 'failed' AND d.settled_at > %(since)s
"""

ACCEPTED = """
SELECT count(*) FROM (
    SELECT FROM audiences_event e
    WHERE e.tenant_id = %(tenant)s AND e.name = %(name)s AND e.occurred_at > %(since)s AND e.occurred_at <= %(now)s
    LIMIT %(counted)s) counted
"""


def _failing(tenant: Tenant, now: datetime) -> Iterator[Alarm]:
    since = now - RECENTLY
    ((refused, first_at, reply),) = _rows(FAILED, tenant=tenant.pk, since=since)
    ((tried,),) = _rows(TRIED, tenant=tenant.pk, now=now)
    bad = refused + tried
    if bad < FAILING_LEAST:
        return
    enough = max(COUNTED, int(bad / FAILING_SHARE)) + 1  # with so many good ones it is no alarm
    ((good,),) = _rows(ACCEPTED, tenant=tenant.pk, name=triggers.SENT, since=since, now=now, counted=enough)
    if bad / (bad + good) >= FAILING_SHARE:
        yield Alarm(
            "failing",
            True,
            "The mail server turns much away",
            f"In the last hour {refused} refused for good and {tried} to be tried again, "
            f"against {_many(good)} accepted." + (f" The latest answer: {reply[:200]}" if reply else ""),
            "Pause what is running and look at the mail server's settings and its answers.",
            since=first_at,
            url_name="settings_mail_server",
        )


UNKNOWN = """
SELECT d.campaign_id, count(*), min(d.settled_at) FROM delivery_delivery d
WHERE d.tenant_id = %(tenant)s AND d.state = 'unknown' AND d.settled_at > %(since)s
GROUP BY d.campaign_id ORDER BY d.campaign_id
"""


def _unknown(tenant: Tenant, now: datetime) -> Iterator[Alarm]:
    found = _rows(UNKNOWN, tenant=tenant.pk, since=now - UNKNOWN_SHOWN)
    campaigns = Campaign.objects.in_bulk([campaign_id for campaign_id, _, _ in found])
    for campaign_id, count, first_at in found:
        yield Alarm(
            "unknown",
            False,
            "Nobody knows whether some messages arrived",
            f"{_many(count)} handed over in the last week, and no answer came.",
            "They are never sent again by themselves, since they may have arrived. See who they are.",
            since=first_at,
            campaign=campaigns[campaign_id],
            url_name="campaign_people",
            args=(str(campaigns[campaign_id].public_id),),
            query="state=unknown",
        )


# --- What messages ask of others ----------------------------------------------------------------------------------


def _sources(tenant: Tenant) -> Iterator[Alarm]:
    """Sources of what is live that fail again and again, or have no answer but failures for an hour."""
    raw_now = clock.raw_now()
    failing = [
        one
        for one in health.of(
            list(Source.objects.exclude(failed_at=None).select_related("tenant")), raw_now=raw_now
        )
        if one.state == "resting" or (one.state == "failing" and raw_now - one.source.failed_at < RECENTLY)  # type: ignore[operator]
    ]
    for one in failing:
        live = [user for user in reading.used_by(one.source) if user.state == Campaign.State.LIVE]
        if live:
            skips = one.source.on_failure == Source.OnFailure.SKIP
            yield Alarm(
                "source",
                skips,
                f"The source {one.source.name} does not answer",
                f"{one.failures:,} of {one.questions:,} questions of the last day were in vain. {one.source.error}",
                ("People are skipped meanwhile" if skips else "Messages go out with its default meanwhile")
                + f"; used by {', '.join(user.name for user in live[:5])}. Try it on its page.",
                since=one.answered_at,
                url_name="source_detail",
                args=(str(one.source.public_id),),
            )


# --- What comes in ------------------------------------------------------------------------------------------------

REFUSED = """
SELECT r.reason, count(*), min(r.received_at) FROM audiences_refusedcall r
WHERE r.tenant_id = %(tenant)s AND r.received_at > %(since)s GROUP BY r.reason ORDER BY count(*) DESC, r.reason
"""


def _refused(tenant: Tenant, now: datetime) -> Iterator[Alarm]:
    found = _rows(REFUSED, tenant=tenant.pk, since=now - RECENTLY)
    if found:
        yield Alarm(
            "refused",
            False,
            "Calls to the tracking API are refused",
            f"{_many(sum(count for _, count, _ in found))} in the last hour, most often: {found[0][0]}.",
            "See what was sent, and have it put right where it is sent from: what they told is missing here.",
            since=min(first_at for _, _, first_at in found),
            url_name="live_refused",
        )


# When each event came last, and on how many of the days up to then it came at all: an index look-up for each day.
HEARD = """
SELECT h.campaign_id, h.name, last.at,
       (SELECT count(*) FROM generate_series(1, %s) AS n
        WHERE EXISTS (SELECT FROM audiences_event e WHERE e.tenant_id = h.tenant_id AND e.name = h.name
                      AND e.occurred_at > last.at - n * interval '1 day'
                      AND e.occurred_at <= last.at - (n - 1) * interval '1 day'))
FROM (SELECT %s::bigint AS tenant_id, given.* FROM unnest(%b::bigint[], %b::text[]) AS given(campaign_id, name)) h
CROSS JOIN LATERAL (SELECT max(e.occurred_at) AS at FROM audiences_event e
                    WHERE e.tenant_id = h.tenant_id AND e.name = h.name AND e.occurred_at <= %s) last
WHERE last.at IS NOT NULL
"""


def _silent(tenant: Tenant, live: list[Campaign], steady: datetime, now: datetime) -> Iterator[Alarm]:
    """Triggers whose event came daily, and has not come for much longer than it ever stayed away."""
    waiting = [
        (campaign, version.trigger["name"])
        for campaign, version in _newest(live)
        if version.when == Version.When.EVENT and version.trigger and version.trigger["on"] == "event"
    ]
    if not waiting:
        return
    by_id = {campaign.pk: campaign for campaign, _ in waiting}
    columns = [[campaign.pk for campaign, _ in waiting], [name for _, name in waiting]]
    for campaign_id, name, last_at, days in binary.run(HEARD, [DAYS, tenant.pk, *columns, now]):
        silent_from = max(last_at, steady)
        if days >= DAILY and now - silent_from > SILENT + timedelta(days=DAYS - days):
            yield Alarm(
                "silent",
                False,
                f"“{name}” has stopped coming",
                f"It came on {days} of {DAYS} days; for {(now - silent_from).days} days there was none.",
                "See whether the website or app still sends it under that name: nothing else starts this campaign.",
                since=last_at,
                campaign=by_id[campaign_id],
                url_name="live_events",
            )


def _emptied(tenant: Tenant, live: list[Campaign], now: datetime) -> Iterator[Alarm]:
    """Campaigns that go on, whose segment had people when they were launched and has none now."""
    for campaign, version in _newest(live):
        goes_on = version.when not in (Version.When.NOW, Version.When.AT)
        had = version.counts.get("audience", 0)
        if goes_on and version.segment and had and _is_empty(version, tenant, now):
            yield Alarm(
                "emptied",
                False,
                f"Nobody is in “{version.segment.name}” any more",
                f"{_many(had)} in it at launch, none now.",
                "See whether its rule still asks for what the data says; the campaign reaches nobody as it is.",
                campaign=campaign,
                url_name="segment_detail",
                args=(str(version.segment.public_id),),
            )


def _is_empty(version: Version, tenant: Tenant, now: datetime) -> bool:
    """Whether the rule as it was launched means nobody; not, if that takes too long to find out."""
    try:
        return segments.means_nobody(
            version.rule or segments.EVERYONE, tenant=tenant, now=now, patience=EMPTY_PATIENCE
        )
    except segments.TooSlow:
        return False


# --- Common -------------------------------------------------------------------------------------------------------


def _newest(live: list[Campaign]) -> list[tuple[Campaign, Version]]:
    """Return each campaign with the version that decides."""
    rows = Version.objects.launched().filter(campaign__in=live).select_related("segment")
    newest = {row.campaign_id: row for row in rows.order_by("number")}
    return [(campaign, newest[campaign.pk]) for campaign in live if campaign.pk in newest]


def _rows(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _many(count: int) -> str:
    """Say a number that may have been counted only so far."""
    return f"More than {COUNTED:,}" if count > COUNTED else f"{count:,}"
