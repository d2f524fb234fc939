"""Between decision and words: what sources give for the people of a chunk, kept with each one's decision."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from campaigns.sources import gathering
from campaigns.sources.gathering import Gathered
from delivery import claim, recording
from delivery.circumstances import Known
from delivery.claim import IS_PLANNED, MEANT, Due
from delivery.handover import message
from delivery.models import Delivery
from delivery.recording import Result
from tenants import binary
from tenants.models import Tenant

SECONDS = 30.0  # for all sources of a chunk; the lease lasts four times as long
TRIES = 3  # a row is given back this often for what may pass, after 15, 30 and 60 seconds
RENEWS_AFTER_SECONDS = 5.0

KEEP = f"""
UPDATE delivery_delivery d SET decision = d.decision || jsonb_build_object('sources', r.sources::jsonb)
FROM {claim.given(sources="text")} WHERE {MEANT} AND d.lease_token = r.token AND {IS_PLANNED}
"""


@dataclass(slots=True)
class Supplied:
    """Rows that go on, with what their sources gave; rows that end here; rows that are to come again."""

    ready: list[Known] = field(default_factory=list)
    skipped: list[Result] = field(default_factory=list)
    later: list[Due] = field(default_factory=list)  # not reached
    again: list[Due] = field(default_factory=list)  # failed by what may pass


def supply(
    to_send: list[Known],
    *,
    tenant: Tenant,
    token: int,
    channel: str,
    now: datetime,
    goes_on: Callable[[], bool] = lambda: True,
) -> Supplied:
    """Ask the sources that decided rows need, if any do. Call it outside any transaction.

    Rows that were not reached in time, and those whose source's trouble may pass, are given back.
    """
    by_content: defaultdict[int, list[Known]] = defaultdict(list)
    supplied = Supplied()
    for known in to_send:
        content_id = known.content_id(channel)
        if content_id is not None and known.brief.sources.get(content_id):
            by_content[content_id].append(known)
        else:
            supplied.ready.append(known)
    if not by_content:
        return supplied
    began = time.monotonic()
    for content_id, people in by_content.items():
        used = people[0].brief.sources[content_id]
        gathered = gathering.gather(
            used,
            [known.person for known in people],
            shared=people[0].brief.shared,
            tenant=tenant,
            now=now.astimezone(ZoneInfo(tenant.timezone)),
            until=began + SECONDS,
            goes_on=goes_on,
        )
        for known, one in zip(people, gathered, strict=True):
            _sort(known, one, supplied)
        _keep(people, gathered, tenant=tenant, token=token)
    claim.release(supplied.later, tenant=tenant, token=token)
    recording.back_off(supplied.again, tenant=tenant, token=token)
    if supplied.ready and time.monotonic() - began > RENEWS_AFTER_SECONDS:
        claim.renew([known.row for known in supplied.ready], tenant=tenant, token=token)
    return supplied


def _sort(known: Known, gathered: Gathered, supplied: Supplied) -> None:
    lacking = gathered.lacking
    if gathered.is_late:
        supplied.later.append(known.row)
    elif lacking and lacking.may_pass and known.row.attempts <= TRIES:
        supplied.again.append(known.row)
    elif why := gathered.why_not:
        supplied.skipped.append(Result(known.row, message(known), Delivery.State.SKIPPED, "source", why))
    else:
        supplied.ready.append(replace(known, source=gathered.values))


def _keep(people: Sequence[Known], gathered: Sequence[Gathered], *, tenant: Tenant, token: int) -> None:
    """Write what each source gave beside the decision."""
    told = {
        id(one): msgspec.json.encode({given.name: given.as_json(tenant) for given in one.given}).decode()
        for one in gathered
    }
    keys = claim.keys(known.row for known in people)
    binary.run(KEEP, [tenant.pk, token, *keys, [told[id(one)] for one in gathered]])
