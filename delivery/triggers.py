"""Triggered deliveries: planned and called off in the transaction that stores the events that cause it.

Everybody concerned is locked by then, so a message that is called off here is either on its way already or never goes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from audiences import partitions
from audiences.signals import RecordedEvent
from campaigns import triggers
from campaigns.models import Version
from campaigns.triggers import Happening
from campaigns.versions import LAUNCHED_LAST
from delivery.kept import Kept
from delivery.plan import channels_of
from tenants import binary, wake
from tenants.models import Tenant

# The newest launched version of each campaign decides, also while the campaign is paused: what it plans waits.
LISTENING = f"""
SELECT newest.id, c.priority FROM campaigns_campaign c CROSS JOIN LATERAL ({LAUNCHED_LAST}) newest
WHERE c.tenant_id = %s AND c.state IN ('live', 'paused') AND newest."when" = 'event'
"""

# Where once is enough, nobody who had it or waits for it is planned again: else each page view would leave a row.
# Where the newest counts, older ones are called off before; who still waits does so for one that is newer.
INSERT = """
INSERT INTO delivery_delivery
    (tenant_id, campaign_id, profile_id, event_id, occasion, occasion_at, slot, channel, priority, due_at)
SELECT %s, r.campaign_id, r.profile_id, r.event_id, 'event:' || r.event_id, r.at, 'first', r.channel, r.priority,
       r.due_at
FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::timestamptz[], %b::text[], %b::smallint[], %b::timestamptz[],
            %b::boolean[], %b::boolean[])
     AS r(campaign_id, profile_id, event_id, at, channel, priority, due_at, is_once, replaces)
WHERE NOT (r.is_once AND EXISTS (
          SELECT 1 FROM delivery_entry e
          WHERE e.tenant_id = %s AND e.campaign_id = r.campaign_id AND e.profile_id = r.profile_id AND e.count > 0))
  AND NOT ((r.is_once OR r.replaces) AND EXISTS (
          SELECT 1 FROM delivery_delivery d
          WHERE d.tenant_id = %s AND d.campaign_id = r.campaign_id AND d.profile_id = r.profile_id
            AND (d.state = 'planned' OR r.is_once AND d.state = 'sending')))
ON CONFLICT DO NOTHING
RETURNING id
"""

# An event calls off what it came after: by its own time, or because it arrived later.
CANCEL = """
UPDATE delivery_delivery d
SET state = 'cancelled', reason = t.reason, lease_until = NULL, settled_at = t.now,
    decision = jsonb_build_object('verdict', 'cancel', 'reason', t.reason, 'gates', jsonb_build_array(jsonb_build_array(
        t.reason, false, jsonb_build_object('event', r.name, 'at', r.at))))
FROM (SELECT %s AS reason, %s::timestamptz AS now) t,
     unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::timestamptz[], %b::text[], %b::boolean[])
     AS r(campaign_id, profile_id, event_id, at, name, is_recent)
WHERE d.tenant_id = %s AND d.campaign_id = r.campaign_id AND d.profile_id = r.profile_id AND d.state = 'planned'
  AND d.event_id <> r.event_id AND (d.occasion_at <= r.at OR r.is_recent AND d.event_id < r.event_id)
"""

# What happened before a message left and was told afterwards: noted on its decision, the first one.
TOO_LATE = """
UPDATE delivery_delivery d
SET decision = jsonb_set(d.decision, '{gates}', d.decision -> 'gates' || jsonb_build_array(jsonb_build_array(
        'exception_too_late', true, jsonb_build_object(
            'event', r.name, 'at', r.at, 'seconds_late', floor(extract(epoch FROM t.now - r.at))))))
FROM (SELECT %s::timestamptz AS now) t,
     (SELECT DISTINCT ON (campaign_id, profile_id) *
      FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::timestamptz[], %b::text[])
           AS given(campaign_id, profile_id, event_id, at, name)
      ORDER BY campaign_id, profile_id, at) r
WHERE d.tenant_id = %s AND d.campaign_id = r.campaign_id AND d.profile_id = r.profile_id
  AND d.state IN ('sending', 'sent', 'unknown') AND d.event_id <> r.event_id
  AND d.occasion_at <= r.at AND (d.exposed_at IS NULL OR r.at <= d.exposed_at)
  AND NOT d.decision -> 'gates' @> '[["exception_too_late"]]'
"""


@dataclass(frozen=True, slots=True)
class Listener:
    """What a launched version waits for. Versions never change, so it is read once per process and priority."""

    campaign_id: int
    trigger: triggers.Trigger
    happening: Happening
    exceptions: tuple[Happening, ...]
    delay: timedelta
    starts_at: datetime
    ends_at: datetime | None
    is_once: bool
    replaces_waiting: bool
    channel: str
    priority: int

    def hears(self, event: RecordedEvent) -> bool:
        """Whether an event of the name it waits for sets it off: a recent one, in its time."""
        is_in_time = self.starts_at <= event.occurred_at and (
            self.ends_at is None or event.occurred_at < self.ends_at
        )
        return event.may_start and is_in_time and _fits(self.happening, event)


@dataclass(frozen=True, slots=True)
class Heard:
    """An event that sets a campaign off, or calls it off, for a person."""

    listener: Listener
    event: RecordedEvent

    @property
    def key(self) -> tuple[int, int]:
        return self.listener.campaign_id, self.event.profile_id


def listening(tenant: Tenant) -> list[Listener]:
    """Return what the tenant's campaigns wait for at this moment. One small query."""
    return listeners(binary.run(LISTENING, [tenant.pk]))


def hear(
    listeners: Sequence[Listener], *, tenant: Tenant, events: Sequence[RecordedEvent], now: datetime
) -> int:
    """Plan what new events set off and call off what they end; return the rows planned.

    The people are locked by the caller. Each event is held against those only that wait for its name.
    """
    waiting: defaultdict[str, list[Listener]] = defaultdict(list)
    ending: defaultdict[str, list[tuple[Listener, Happening]]] = defaultdict(list)
    for listener in listeners:
        waiting[listener.happening.name].append(listener)
        for exception in listener.exceptions:
            ending[exception.name].append((listener, exception))
    heard = [
        Heard(listener, event)
        for event in events
        for listener in waiting.get(event.name, ())
        if listener.hears(event)
    ]
    planned = _plan(tenant, list(_each_once(heard)), now=now)
    ended = [
        Heard(listener, event)
        for event in events
        for listener, exception in ending.get(event.name, ())
        if _fits(exception, event)
    ]
    _cancel(tenant, ended, "exception", now=now)
    _note_too_late(tenant, ended, now=now)
    return planned


def _each_once(heard: list[Heard]) -> Iterator[Heard]:
    """Of several that a batch brought for a person: the newest where it replaces, the first where one will do."""
    kept: dict[tuple[int, int], Heard] = {}
    for one in sorted(heard, key=lambda one: (one.event.occurred_at, one.event.id)):
        if one.listener.replaces_waiting:
            kept[one.key] = one
        elif one.listener.is_once:
            kept.setdefault(one.key, one)
        else:
            yield one
    yield from kept.values()


def _plan(tenant: Tenant, heard: list[Heard], *, now: datetime) -> int:
    if not heard:
        return 0
    _cancel(tenant, [one for one in heard if one.listener.replaces_waiting], "replaced", now=now)
    partitions.ensure_months("delivery_delivery", [one.event.occurred_at for one in heard], trust=True)
    due = [one.event.occurred_at + one.listener.delay for one in heard]
    rows = binary.run(
        INSERT,
        [
            tenant.pk,
            [one.listener.campaign_id for one in heard],
            [one.event.profile_id for one in heard],
            [one.event.id for one in heard],
            [one.event.occurred_at for one in heard],
            [one.listener.channel for one in heard],
            [one.listener.priority for one in heard],
            due,
            [one.listener.is_once for one in heard],
            [one.listener.replaces_waiting for one in heard],
            tenant.pk,
            tenant.pk,
        ],
    )
    if min(due) <= now:
        wake.soon()
    return len(rows)


def _cancel(tenant: Tenant, heard: list[Heard], reason: str, *, now: datetime) -> None:
    if heard:
        is_recent = [reason == "exception" and one.event.may_start for one in heard]
        binary.run(CANCEL, [reason, now, *_columns(heard), is_recent, tenant.pk])


def _note_too_late(tenant: Tenant, exceptions: list[Heard], *, now: datetime) -> None:
    if exceptions:
        binary.run(TOO_LATE, [now, *_columns(exceptions), tenant.pk])


def _columns(heard: list[Heard]) -> list[list[object]]:
    return [
        [one.listener.campaign_id for one in heard],
        [one.event.profile_id for one in heard],
        [one.event.id for one in heard],
        [one.event.occurred_at for one in heard],
        [one.event.name for one in heard],
    ]


def _fits(happening: Happening, event: RecordedEvent) -> bool:
    return happening.is_internal == event.is_internal and happening.fits(
        event.properties, now=event.occurred_at
    )


def listeners(found: Iterable[tuple[int, int]]) -> list[Listener]:
    """Return what launched versions wait for, given with their campaigns' priorities. Needs the tenant's scope."""
    return list(_listeners.of(found).values())


def _read(found: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Listener]:
    ids = [version_id for version_id, _ in found]
    versions, channels = Version.objects.in_bulk(ids), channels_of(ids)
    return {
        (version_id, priority): _listener(versions[version_id], priority, channels[version_id])
        for version_id, priority in found
    }


_listeners = Kept(_read, most=1_024)


def _listener(version: Version, priority: int, channel: str) -> Listener:
    assert version.trigger is not None
    assert version.launched_at is not None
    return Listener(
        campaign_id=version.campaign_id,
        trigger=version.trigger,
        happening=triggers.heard(version.trigger),
        exceptions=tuple(triggers.calling_off(version)),
        delay=timedelta(minutes=version.delay_minutes),
        starts_at=version.starts_at or version.launched_at,
        ends_at=version.ends_at,
        is_once=version.again == Version.Again.ONCE,
        replaces_waiting=version.replaces_waiting,
        channel=channel,
        priority=priority,
    )
