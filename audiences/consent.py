"""Whether somebody wants to hear from a channel or about a topic: the standing now, and every change as proof."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from audiences import tombstones
from audiences.models import Profile
from tenants import binary
from tenants.models import Tenant

CHANNELS = ("email", "push", "sms", "webhook", "in_app", "feed")  # also those on which nothing is sent yet
TOPIC = "topic:"

CHANGE = """
UPDATE audiences_profile SET consent = consent || jsonb_build_object(%s::text, %s::text)
WHERE tenant_id = %s AND id = ANY(%b::bigint[]) AND consent ->> %s IS DISTINCT FROM %s
RETURNING id
"""

# Each way of writing an address by an index of its own.
GOING_BY = """
SELECT id FROM audiences_profile
WHERE tenant_id = %s AND email = %s AND merged_into_id IS NULL AND erased_at IS NULL
UNION ALL
SELECT id FROM audiences_profile
WHERE tenant_id = %s AND lower(email) = %s AND (email < lower(email) OR email > lower(email))
  AND merged_into_id IS NULL AND erased_at IS NULL
"""

LAST_WORDS = """
SELECT DISTINCT ON (profile_id, subject) profile_id, subject, at, origin FROM audiences_consentchange
WHERE tenant_id = %s AND profile_id = ANY(%b::bigint[])
ORDER BY profile_id, subject, at DESC, id DESC
"""

# A missing standing says nothing: anything stated is stricter or at least clearer.
STRICTNESS = {
    Profile.Standing.OPTED_IN.value: 0,
    Profile.Standing.SUBSCRIBED.value: 1,
    Profile.Standing.UNSUBSCRIBED.value: 2,
}


class NoSuchProfile(LookupError):
    """There is no living profile of that id in the tenant."""


class Change(NamedTuple):
    profile_id: int
    subject: str
    standing: str
    at: datetime
    origin: str


class LastWord(NamedTuple):
    at: datetime
    origin: str


def is_subject(words: str) -> bool:
    """Whether somebody's standing can be about it: a channel, or "topic:x"."""
    return words in CHANNELS or words.removeprefix(TOPIC) not in ("", words)


def change(
    *, tenant: Tenant, profile_id: int, subject: str, standing: str, origin: str, now: datetime
) -> bool:
    """Set a person's standing on ``subject`` (a channel, or "topic:x") and return whether it changed.

    Saying the same twice writes nothing the second time. A merged profile's id means the one it was merged into.
    ``origin`` says by what way, for people to read. Raises NoSuchProfile, and ValueError for no standing of ours.
    """
    with transaction.atomic():
        changed = change_all(
            tenant=tenant,
            profile_ids=[profile_id],
            subject=subject,
            standing=standing,
            origin=origin,
            now=now,
        )
        if not changed and not tombstones.lock_living(tenant.pk, [profile_id]):
            raise NoSuchProfile(f"There is no living profile {profile_id}.")
    return bool(changed)


@transaction.atomic
def change_all(
    *,
    tenant: Tenant,
    profile_ids: Iterable[int],
    subject: str,
    standing: str,
    origin: str,
    now: datetime,
) -> list[int]:
    """Set the standing of several people as ``change`` does, and return the living profiles whose standing changed."""
    standing = Profile.Standing(standing).value
    living = sorted(set(tombstones.lock_living(tenant.pk, profile_ids).values()))
    given = [subject, standing, tenant.pk, living, subject, standing]
    changed = [id_ for (id_,) in binary.run(CHANGE, given)]
    note(tenant.pk, [Change(id_, subject, standing, now, origin) for id_ in changed])
    return changed


def going_by(tenant_id: int, address: str) -> list[int]:
    """Return the living profiles that go by an email address, however it is capitalised."""
    small = address.lower()
    return [id_ for (id_,) in binary.run(GOING_BY, [tenant_id, small, tenant_id, small])]


def stricter(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Return what holds when two people turn out to be one: on each subject the stricter of what either said."""
    both = dict(one)
    for subject, standing in other.items():
        if subject not in both or STRICTNESS[standing] > STRICTNESS[both[subject]]:
            both[subject] = standing
    return both


def last_words(tenant_id: int, profile_ids: Iterable[int]) -> dict[tuple[int, str], LastWord]:
    """Return when and by what way people last said something, by profile id and subject."""
    asked = list(profile_ids)
    rows = binary.run(LAST_WORDS, [tenant_id, asked]) if asked else []
    return {(profile_id, subject): LastWord(at, origin) for profile_id, subject, at, origin in rows}


def note(tenant_id: int, changes: list[Change]) -> None:
    """Write changes of people whose profiles the caller has locked and changed."""
    if changes:
        sql = """INSERT INTO audiences_consentchange (tenant_id, profile_id, subject, standing, at, origin)
                 SELECT %s, c.* FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::timestamptz[], %b::text[]) c"""
        binary.run(sql, [tenant_id, *(list(column) for column in zip(*changes, strict=True))])


def subject_words(subject: str) -> str:
    """Return what people call a channel or topic: "Email", "Topic “news”"."""
    topic = subject.removeprefix(TOPIC)
    return f"Topic “{topic}”" if topic != subject else {"sms": "SMS"}.get(subject, subject.capitalize())


def standing_words(standing: str) -> str:
    return Profile.Standing(standing).label.capitalize() if standing else "Nothing said"
