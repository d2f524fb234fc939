"""Everything the decisions of one chunk look at, read set-wise: the statements do not grow with the rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from audiences import facts as people
from audiences import segments, suppression
from audiences.facts import Facts
from audiences.rules import memory, sql
from campaigns import anniversaries, arms, contents, hours, past
from campaigns.calendar import wall
from campaigns.models import Campaign, Content, Version
from campaigns.versions import LAUNCHED_LAST
from delivery import caps, occasions
from delivery.caps import Asking
from delivery.claim import Due
from delivery.decide import Circumstances
from delivery.kept import Kept
from delivery.stamps import stamp
from delivery.tracking import Paths
from tenants import binary
from tenants.models import Tenant

# In id order, like everyone who locks profiles; a second racer for the same person's caps waits here. Tombstones are
# never locked: a merge that holds their winner changes them.
LOCK = """
SELECT id FROM audiences_profile
WHERE tenant_id = %s AND id = ANY(%b::bigint[]) AND merged_into_id IS NULL AND erased_at IS NULL
ORDER BY id FOR NO KEY UPDATE
"""

NEWEST = f"""
SELECT newest.id, {stamp("c")} FROM campaigns_campaign c CROSS JOIN LATERAL ({LAUNCHED_LAST}) newest
WHERE c.tenant_id = %s AND c.id = ANY(%b::bigint[])
"""

STANDINGS = """
SELECT campaign_id, profile_id, is_control, shares FROM delivery_entry
WHERE tenant_id = %s AND campaign_id = ANY(%b::bigint[]) AND profile_id = ANY(%b::bigint[])
"""


# A version's arms, and as in ``Brief`` its parts and sources.
Said = tuple[arms.Spec, dict[int, dict[str, Any]], dict[int, dict[str, list[str]]]]


@dataclass(frozen=True, slots=True)
class Brief:
    """A campaign as its deliveries are decided now: the newest launched version, which never changes."""

    campaign: Campaign
    version: Version
    shared: dict[str, Any]  # what the templates see whoever they are filled for
    spec: arms.Spec
    parts: dict[int, dict[str, Any]]  # by content: what the renderer fills
    sources: dict[int, dict[str, list[str]]]  # by content that asks any: as ``Content.sources``

    @property
    def is_live(self) -> bool:
        return self.campaign.state == Campaign.State.LIVE

    @property
    def is_marketing(self) -> bool:
        return self.campaign.is_marketing


@dataclass(frozen=True, slots=True)
class Known:
    """One due row with all that was read about it."""

    row: Due
    brief: Brief
    person: dict[str, Any]  # what the templates see of them
    paths: Paths
    circumstances: Circumstances
    source: dict[str, Any] | None = None  # what sources gave, once they were asked

    def content_id(self, channel: str) -> int | None:
        """Return the content that their arm says on ``channel``; None where it says nothing."""
        words = self.circumstances.choice.content(channel)
        return words.id if words else None


class Asked:
    """What was sent for about some rows because nothing else has to be known for it; for one look."""

    def __init__(self, rows: Sequence[Due], *, tenant: Tenant) -> None:
        campaigns = list({row.campaign_id for row in rows})
        self.newest = binary.send(NEWEST, [tenant.pk, campaigns])
        self.standings = binary.send(STANDINGS, [tenant.pk, campaigns, [row.profile_id for row in rows]])
        self.caps = caps.Asked(rows, tenant=tenant)


def lock(rows: list[Due], *, tenant: Tenant) -> None:
    """Lock the rows' profiles until the transaction ends.

    Whoever is merged or erased while we wait for the lock is a tombstone to what is read after it.
    """
    binary.send(LOCK, [tenant.pk, sorted({row.profile_id for row in rows})])


def look(
    rows: list[Due],
    asked: Asked,
    *,
    tenant: Tenant,
    channel: str,
    now: datetime,
    imagined: Mapping[int, dict[str, Any]] | None = None,
) -> list[Known]:
    """Return what is known of each row, in the order given; ``asked`` is about them. Locks and changes nothing.

    ``imagined`` are the properties of events that are not stored, by the ids under which rows refer to them.
    """
    briefs = _brief(asked.newest, tenant)
    ids = sorted({row.profile_id for row in rows})
    rules = [rule for brief in briefs.values() for rule in brief.spec.rules]
    read = past.joined(*(brief.spec.past for brief in briefs.values()))
    facts = people.load(tenant_id=tenant.pk, ids=ids, rules=rules, past=read, now=now)
    in_audience = _in_audience(rows, briefs, facts.keys(), tenant=tenant, now=now)
    suppressed = _suppressed(facts.values(), tenant=tenant, channel=channel)
    standings = _standings(asked.standings)
    versions = {campaign_id: brief.version for campaign_id, brief in briefs.items()}
    triggered = occasions.of_rows(rows, versions, tenant=tenant, now=now, imagined=imagined or {})
    rooms = caps.rooms(_asking(rows, briefs, facts, tenant), asked.caps, channel=channel, now=now)
    known = []
    for row in rows:
        brief, seen = briefs[row.campaign_id], facts.get(row.profile_id)  # tombstones have no facts
        paths = Paths(tenant_id=tenant.pk, delivery_id=row.id, occasion_at=row.occasion_at)
        occasion = triggered.get(row.id)
        event = occasion.event if occasion and row.event_id is not None else None
        person = (
            contents.person_context(seen, unsubscribe_url=paths.unsubscribe(), event=event) if seen else {}
        )
        choice = arms.choose(
            brief.spec,
            profile_id=row.profile_id,
            standing=standings.get((row.campaign_id, row.profile_id)),
            matches=partial(_matches, seen, now),
            lacks=partial(contents.lacks, shared=brief.shared, person=person),
            fits=partial(arms.fits, event, now),
            spoken=seen.attribute("language") if seen else None,
        )
        circumstances = Circumstances(
            campaign_state=brief.campaign.state,
            is_marketing=brief.is_marketing,
            due_at=row.due_at,
            lateness=timedelta(hours=brief.version.lateness_hours),
            is_living=seen is not None,
            is_in_audience=row.id in in_audience,
            choice=choice,
            channel=channel,
            address=_address(seen),
            standing=seen.consent.get(channel, "") if seen else "",
            is_suppressed=_address(seen) in suppressed,
            has_sender=tenant.may_send_marketing if brief.is_marketing else bool(tenant.from_email),
            topic=brief.campaign.topic,
            topic_standing=seen.consent.get(f"topic:{brief.campaign.topic}", "") if seen else "",
            occasion=occasion,
            again=brief.version.again,
            again_after=timedelta(hours=brief.version.again_hours),
            delay_from_activity=_delay_from_activity(brief.version),
            last_active_at=seen.attribute("last_seen_at") if seen else None,
            zone=_zone(seen, ZoneInfo(tenant.timezone)),
            window=hours.window(brief.version),
            quiet=hours.quiet(brief.campaign, tenant),
            waits_outside=brief.version.outside_hours == Version.Outside.WAIT,
            caps=rooms.get(row.id, ()),
            is_cap_exempt=brief.version.is_cap_exempt,
            waits_if_capped=brief.version.when_capped == Version.WhenCapped.WAIT,
        )
        known.append(Known(row, brief, person, paths, circumstances))
    return known


def _address(seen: Facts | None) -> str:
    return (seen.attribute("email") if seen else None) or ""


def _brief(newest: binary.Answer, tenant: Tenant) -> dict[int, Brief]:
    """Return the campaigns' briefs: each is read anew when it has changed, its versions once per process."""
    found = {}
    versions = _versions.of((version_id, campaign_stamp) for version_id, campaign_stamp in newest.rows())
    said = _said.of(version.pk for version in versions.values())
    for version in versions.values():
        version.tenant = version.campaign.tenant = tenant
        shared = contents.shared_context(version.campaign, tenant=tenant)
        found[version.campaign_id] = Brief(version.campaign, version, shared, *said[version.pk])
    return found


def _read_versions(asked: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Version]:
    """Return launched versions by id and stamp, their campaigns as they are under it. In their tenant's scope."""
    versions = Version.objects.select_related("campaign").in_bulk([version_id for version_id, _ in asked])
    return {(version_id, stamp): versions[version_id] for version_id, stamp in asked}


def _read_said(asked: Sequence[int]) -> dict[int, Said]:
    """Return what launched versions say, by their ids, which are never reused. In their tenant's scope."""
    specs = arms.load_all(Version.objects.select_related("campaign").filter(pk__in=asked))
    said: dict[int, Said] = {version_id: (specs[version_id], {}, {}) for version_id in asked}
    for content in Content.objects.filter(variant__version__in=asked).select_related("variant"):
        _, parts, sources = said[content.variant.version_id]
        parts[content.pk] = content.parts
        if content.sources:
            sources[content.pk] = content.sources
    return said


_versions, _said = Kept(_read_versions, most=256), Kept(_read_said, most=256)


def _in_audience(
    rows: list[Due], briefs: dict[int, Brief], living: Collection[int], *, tenant: Tenant, now: datetime
) -> set[int]:
    """Return the ids of the rows whose profile is in their audience at this moment. One statement for all audiences."""
    asked: defaultdict[tuple[int, str], list[Due]] = defaultdict(list)
    for row in rows:
        is_dated = briefs[row.campaign_id].version.date_of is not None
        asked[row.campaign_id, row.occasion if is_dated else ""].append(row)
    within: set[int] = set()
    queries, choosy = [], []
    for (campaign_id, occasion), theirs in asked.items():
        rule = anniversaries.audience(briefs[campaign_id].version, occasion)
        if rule == segments.EVERYONE:
            within |= {row.id for row in theirs if row.profile_id in living}
        else:
            ids = [row.profile_id for row in theirs]
            queries.append(sql.members(rule, tenant_id=tenant.pk, now=now, ids=ids))
            choosy.append(theirs)
    for place, members in enumerate(_each_members(queries)):
        within |= {row.id for row in choosy[place] if row.profile_id in members}
    return within


def _each_members(queries: Sequence[sql.Query]) -> list[set[int]]:
    """Return whom each query finds."""
    found: list[set[int]] = [set() for _ in queries]
    if queries:
        selects = (f"SELECT {place}, m.id FROM ({query.sql}) m" for place, query in enumerate(queries))
        with connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join(selects), [param for query in queries for param in query.params]
            )
            for place, id_ in cursor.fetchall():
                found[place].add(id_)
    return found


def _suppressed(facts: Iterable[Facts], *, tenant: Tenant, channel: str) -> set[str]:
    addresses = [address for seen in facts if (address := _address(seen))]
    return suppression.among(tenant_id=tenant.pk, channel=channel, addresses=addresses)


def _asking(
    rows: list[Due], briefs: dict[int, Brief], facts: dict[int, Facts], tenant: Tenant
) -> list[Asking]:
    """Return the rows that frequency caps are asked about, with the clock their person lives by."""
    tenants_own = ZoneInfo(tenant.timezone)
    return [
        Asking(row, brief.campaign.tags, _zone(facts.get(row.profile_id), tenants_own))
        for row in rows
        if not (brief := briefs[row.campaign_id]).version.is_cap_exempt
    ]


def _delay_from_activity(version: Version) -> timedelta | None:
    if version.when != Version.When.EVENT or version.delay_from != Version.DelayFrom.ACTIVITY:
        return None
    return timedelta(minutes=version.delay_minutes)


def _zone(seen: Facts | None, default: ZoneInfo) -> ZoneInfo:
    return wall.zone_of(seen.attribute("timezone") if seen else None, default)


def _standings(answer: binary.Answer) -> dict[tuple[int, int], arms.Standing]:
    return {
        (campaign, profile): arms.Standing(control, json.loads(shares))
        for campaign, profile, control, shares in answer.rows()
    }


def _matches(seen: Facts | None, now: datetime, rule: dict[str, Any]) -> bool:
    return seen is not None and memory.matches(rule, seen, now=now)
