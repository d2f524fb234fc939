"""Forgetting somebody: at once they are nobody, whom nothing finds or reaches; then all they left goes, in batches.

Their tombstone stays, and with it the anonymous rows that results count. docs/decisions/016-erasure.md has it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction

from audiences import refusals, returning, tombstones
from audiences.models import Erasure, Identity, Profile
from tenants import audit, binary
from tenants.audit import Actor

BATCH = 5_000
IsOver = Callable[[], bool]
# Removes what an app keeps of a person, by these profile ids, until it is over; returns whether nothing is left.
Step = Callable[[Erasure, list[int], IsOver], bool]

BURY = f"""
UPDATE audiences_profile SET erased_at = %s, attributes_at = NULL, last_seen_at = NULL, {tombstones.EMPTIED}
WHERE tenant_id = %s AND id = %s
"""
EVENTS = """
WITH batch AS MATERIALIZED (
    SELECT id, occurred_at FROM audiences_event WHERE tenant_id = %s AND profile_id = ANY(%b::bigint[]) LIMIT %s
)
DELETE FROM audiences_event e USING batch b WHERE e.tenant_id = %s AND e.id = b.id AND e.occurred_at = b.occurred_at
RETURNING 1
"""
THEIRS = ("eventtotal", "consentchange", "placepresence")
# Segment by segment: there is no index to the memberships of a person alone.
MEMBERSHIPS = """
DELETE FROM audiences_segmentmember WHERE tenant_id = %s AND profile_id = ANY(%b::bigint[])
    AND segment_id = ANY(ARRAY(SELECT id FROM audiences_segment WHERE tenant_id = %s))
"""

_steps: list[Step] = []


class Gone(LookupError):
    """There is nobody of that id any more."""


def register(step: Step) -> None:
    """Let an app above us remove what it keeps of people. Call it from ``AppConfig.ready()``."""
    if step not in _steps:
        _steps.append(step)


@transaction.atomic
def begin(*, profile: Profile, actor: Actor, now: datetime) -> Erasure:
    """Make somebody nobody, and return what is left to do; the caller enqueues it. Raises Gone.

    From here on nothing is sent to them, no call or file means them, and no page or question finds them.
    """
    tenant = profile.tenant
    living = tombstones.lock_living(tenant.pk, [profile.pk]).get(profile.pk)
    if living is None:
        raise Gone("This person is erased already.")
    person = Profile.objects.get(pk=living)
    ids = tombstones.all_of(tenant.pk, living)
    names = refusals.names(person)
    Identity.objects.filter(profile=person).delete()
    addresses = {(kind, value.lower()) for kind, value in names if kind in returning.KINDS}
    binary.run(BURY, [now, tenant.pk, living])
    returning.remember(tenant_id=tenant.pk, addresses=addresses, consent=person.consent, now=now)
    audit.forget(tenant=tenant, thing="profile", thing_ids=[str(public_id) for public_id in ids.values()])
    audit.note(
        tenant=tenant,
        actor=actor,
        action="erased",
        thing="profile",
        thing_id=person.public_id,
        name=audit.ERASED,
    )
    known = sorted({value for _, value in names})
    begun, _ = Erasure.objects.update_or_create(
        tenant=tenant, profile=person, defaults={"known": known, "asked_at": now, "done_at": None}
    )
    return begun


def learn(erasure: Erasure, values: Iterable[str]) -> None:
    """Look for traces by these as well; nothing is kept of them once it is done."""
    erasure.known = sorted({*erasure.known, *values})
    Erasure.objects.filter(pk=erasure.pk, done_at=None).update(known=erasure.known)


def go_on(erasure: Erasure, *, is_over: IsOver, now: datetime) -> bool:
    """Remove what is left of somebody until ``is_over()``; return whether nothing is. Twice is as good as once."""
    ids = list(tombstones.all_of(erasure.tenant_id, erasure.profile_id))
    # Ours last: what is kept above us tells addresses of before, which what was refused may name.
    are_done = [step(erasure, ids, is_over) for step in (*_steps, _data)]
    if not all(are_done):
        return False
    erasure.known, erasure.done_at = [], now
    erasure.save(update_fields=["known", "done_at"])
    return True


def _data(erasure: Erasure, ids: list[int], is_over: IsOver) -> bool:
    tenant_id = erasure.tenant_id
    while binary.run(EVENTS, [tenant_id, ids, BATCH, tenant_id]):
        if is_over():
            return False
    for table in THEIRS:
        sql = f"DELETE FROM audiences_{table} WHERE tenant_id = %s AND profile_id = ANY(%b::bigint[])"
        binary.run(sql, [tenant_id, ids])
    binary.run(MEMBERSHIPS, [tenant_id, ids, tenant_id])
    return refusals.forget(erasure, is_over)
