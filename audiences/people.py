"""Looking people up: by the first letters of what they go by, newest first."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Lower

from audiences import attributes
from audiences.models import Identity, Profile
from audiences.models.profiles import HAS_CAPITALS
from tenants import binary

COUNTED = 10_000  # more are "more than": counting them all would take longer than the page
CANDIDATES = 1_000  # of one kind of match; whoever has more should type another letter

BY_IDENTITY = """
(SELECT profile_id AS id FROM audiences_identity
 WHERE tenant_id = %s AND kind = %s AND value LIKE %s LIMIT %s)
"""
BY_NAME = """
(SELECT id FROM audiences_profile WHERE tenant_id = %s AND lower({column}) COLLATE "C" LIKE %s LIMIT %s)
"""
BY_BOTH_NAMES = """
(SELECT id FROM audiences_profile WHERE tenant_id = %s AND lower(first_name) COLLATE "C" LIKE %s
 AND lower(last_name) COLLATE "C" LIKE %s LIMIT %s)
"""


class Found(NamedTuple):
    people: list[Profile]
    has_more: bool


def newest(*, tenant_id: int, words: str = "", before: int | None = None, limit: int = 50) -> Found:
    """Return living people, the newest first, whose name, email, phone or an id begins with ``words``.

    ``before`` is the profile id to go on from.
    """
    people = Profile.objects.living().filter(tenant_id=tenant_id)
    if words:
        people = people.filter(pk__in=beginning_with(words, tenant_id=tenant_id))
    if before is not None:
        people = people.filter(pk__lt=before)
    found = list(people.order_by("-id")[: limit + 1])
    return Found(found[:limit], len(found) > limit)


def known_as(*, tenant_id: int, external_id: str = "", email: str = "") -> QuerySet[Profile]:
    """Return the living people with exactly this external id and this address, whatever the case of it."""
    people: QuerySet[Profile] = Profile.objects.living().filter(tenant_id=tenant_id)
    identities = Identity.objects.filter(tenant_id=tenant_id)
    if external_id:
        people = people.filter(
            pk__in=identities.filter(kind=Identity.Kind.EXTERNAL_ID, value=external_id).values("profile_id")
        )
    if email:
        people = people.filter(pk__in=_with_address(_as_stored(email).lower(), tenant_id=tenant_id))
    return people


def _as_stored(email: str) -> str:
    """Return an address as it is kept, its domain in ASCII; what is no address stays as it was said."""
    try:
        return str(attributes.clean("email", email) or email)
    except attributes.Unfit:
        return email


def _with_address(email: str, *, tenant_id: int) -> QuerySet[Any]:
    """Return the ids of whom an address in small letters finds or was told of; each way has an index of its own."""
    known = Profile.objects.filter(tenant_id=tenant_id)
    found = Identity.objects.filter(tenant_id=tenant_id, kind=Identity.Kind.EMAIL, value=email)
    return found.values("profile_id").union(
        known.filter(email=email).values("pk"),
        known.filter(HAS_CAPITALS).alias(small=Lower("email")).filter(small=email).values("pk"),
    )


def meant(words: str, *, tenant_id: int, limit: int = 8) -> list[Profile]:
    """Return the living people whom a public id or ``newest``'s words may mean; one alone if it is exact."""
    try:
        return list(Profile.objects.living().filter(public_id=UUID(words)))
    except ValueError:
        found = newest(tenant_id=tenant_id, words=words, limit=limit).people
    exact = [
        one for one in found if words.lower() in ((one.email or "").lower(), (one.external_id or "").lower())
    ]
    return exact if len(exact) == 1 else found


def count(*, tenant_id: int) -> int:
    """Return how many people there are, but no more than one above ``COUNTED``."""
    return Profile.objects.living().filter(tenant_id=tenant_id)[: COUNTED + 1].count()


def beginning_with(words: str, *, tenant_id: int) -> list[int]:
    """Return whose name, email, phone or an id begins with ``words``; of each at most ``CANDIDATES``."""
    words = " ".join(words.split()).replace("\x00", "")
    lower, email = _prefix(words.lower()), _as_stored(words)
    kinds = Identity.Kind
    matches: list[tuple[str, list[object]]] = [
        (BY_IDENTITY, [kinds.EXTERNAL_ID.value, _prefix(words)]),
        (BY_IDENTITY, [kinds.ANONYMOUS_ID.value, _prefix(words)]),
        (BY_IDENTITY, [kinds.EMAIL.value, _prefix(email.lower())]),
        (BY_NAME.format(column="first_name"), [lower]),
        (BY_NAME.format(column="last_name"), [lower]),
        ("(SELECT id FROM audiences_profile WHERE tenant_id = %s AND email = %s LIMIT %s)", [email]),
    ]
    if digits := re.sub(r"[^\d+]", "", words):
        matches.append((BY_IDENTITY, [kinds.PHONE.value, _prefix(digits)]))
        matches.append(
            ("(SELECT id FROM audiences_profile WHERE tenant_id = %s AND phone = %s LIMIT %s)", [digits])
        )
    for first, last in _split(words.lower()):
        matches.append((BY_BOTH_NAMES, [_prefix(first), _prefix(last)]))
    sql = " UNION ".join(statement for statement, _ in matches)
    parameters = [value for _, values in matches for value in (tenant_id, *values, CANDIDATES)]
    return [id_ for (id_,) in binary.run(sql, parameters)]


def _split(words: str) -> list[tuple[str, str]]:
    """Return the ways in which words may be a first and a last name: "van der Berg, Ada" begins with the last."""
    if "," in words:
        last, _, first = words.partition(",")
        return [(first.strip(), last.strip())]
    parts = words.split(" ")
    return [(" ".join(parts[:n]), " ".join(parts[n:])) for n in range(1, len(parts))][:5]


def _prefix(text: str) -> str:
    """Return the pattern of LIKE for what begins with ``text``."""
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"
