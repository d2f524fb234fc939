"""Answers kept in the database: of all who ask the same at one time, in whatever process, one asks, the others wait.

Everything here is one short statement after the other; nothing is locked while a server is asked. Whoever asks says
until when in ``asked_until``: if it dies, the next may ask then. Times are raw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from tenants import binary
from tenants.models import Tenant

Key = tuple[int, str]  # the source's id and the question's hash

GIVEN = "(SELECT * FROM unnest(%b::bigint[], %b::text[]) AS given(source_id, question)) r"
MEANT = "a.tenant_id = %s AND a.source_id = r.source_id AND a.question = r.question"

# What is fresh, what was answered since a moment, what failed since we began to ask, and what somebody else is asking.
LOOK = f"""
SELECT a.source_id, a.question,
       CASE WHEN a.expires_at > clock_timestamp() OR a.fetched_at >= %s THEN a.body END,
       a.status, a.milliseconds, a.fetched_at,
       CASE WHEN a.failed_at >= %s THEN a.error END, a.is_down,
       coalesce(a.asked_until > clock_timestamp(), false)
FROM campaigns_sourceanswer a JOIN {GIVEN} ON {MEANT}
"""

# In order of the key, so that two who want the same never wait for each other in a ring.
TAKE = f"""
INSERT INTO campaigns_sourceanswer AS a (tenant_id, source_id, question, status, body, milliseconds, error, is_down,
                                         asked_until, kept_until)
SELECT %s, r.source_id, r.question, 0, '', 0, '', false, clock_timestamp() + make_interval(secs => %s),
       clock_timestamp() + interval '10 minutes'
FROM {GIVEN} ORDER BY r.source_id, r.question
ON CONFLICT (tenant_id, source_id, question) DO UPDATE
SET asked_until = excluded.asked_until, kept_until = greatest(a.kept_until, excluded.kept_until)
WHERE (a.asked_until IS NULL OR a.asked_until <= clock_timestamp())
  AND (a.expires_at IS NULL OR a.expires_at <= clock_timestamp())
  AND (a.fetched_at IS NULL OR a.fetched_at < %s) AND (a.failed_at IS NULL OR a.failed_at < %s)
RETURNING a.source_id, a.question
"""

STORE = """
INSERT INTO campaigns_sourceanswer AS a (tenant_id, source_id, question, status, body, milliseconds, error, is_down,
                                         fetched_at, expires_at, kept_until)
SELECT %s, s.id, r.question, r.status, r.body, r.milliseconds, '', false, t.now,
       t.now + make_interval(mins => s.cache_minutes),
       t.now + greatest(make_interval(mins => s.cache_minutes), make_interval(hours => s.last_good_hours),
                        interval '10 minutes')
FROM unnest(%b::bigint[], %b::text[], %b::int[], %b::text[], %b::int[])
         AS r(source_id, question, status, body, milliseconds)
JOIN campaigns_source s ON s.tenant_id = %s AND s.id = r.source_id,
     (SELECT clock_timestamp() AS now) t
ORDER BY r.source_id, r.question
ON CONFLICT (tenant_id, source_id, question) DO UPDATE
SET status = excluded.status, body = excluded.body, milliseconds = excluded.milliseconds,
    fetched_at = excluded.fetched_at, expires_at = excluded.expires_at, kept_until = excluded.kept_until,
    asked_until = NULL
"""

# What was good before stays, for as long as it may be used.
FAIL = """
INSERT INTO campaigns_sourceanswer AS a (tenant_id, source_id, question, status, body, milliseconds, error, is_down,
                                         failed_at, kept_until)
SELECT %s, s.id, r.question, 0, '', 0, r.error, r.is_down, clock_timestamp(),
       clock_timestamp() + interval '10 minutes'
FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::boolean[]) AS r(source_id, question, error, is_down)
JOIN campaigns_source s ON s.tenant_id = %s AND s.id = r.source_id
ORDER BY r.source_id, r.question
ON CONFLICT (tenant_id, source_id, question) DO UPDATE
SET error = excluded.error, is_down = excluded.is_down, failed_at = excluded.failed_at, asked_until = NULL,
    kept_until = greatest(a.kept_until, excluded.kept_until)
"""

GIVE_BACK = f"""
UPDATE campaigns_sourceanswer a SET asked_until = NULL FROM {GIVEN} WHERE {MEANT}
"""

LAST_GOOD = f"""
SELECT a.source_id, a.question, a.body, a.status, a.milliseconds, a.fetched_at
FROM campaigns_sourceanswer a JOIN {GIVEN} ON {MEANT}
JOIN campaigns_source s ON s.tenant_id = a.tenant_id AND s.id = a.source_id
WHERE a.fetched_at > clock_timestamp() - make_interval(hours => s.last_good_hours)
"""

FORGET = """
DELETE FROM campaigns_sourceanswer WHERE id = ANY(ARRAY(
    SELECT id FROM campaigns_sourceanswer WHERE kept_until < clock_timestamp() LIMIT %s))
"""


class Since(NamedTuple):
    """From when on an answer, and a failure, is new enough whatever its source says."""

    answered: datetime
    failed: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored answer."""

    body: str
    status: int
    milliseconds: int
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one question at a moment."""

    answer: Kept | None  # good enough to be used
    error: str | None  # it failed since we began to ask
    is_down: bool
    is_asked: bool  # by somebody else, now


@dataclass(frozen=True, slots=True)
class Good:
    """An answer to be stored."""

    key: Key
    status: int
    body: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Bad:
    """A failure to be stored."""

    key: Key
    error: str
    is_down: bool


def look(keys: Iterable[Key], *, tenant: Tenant, since: Since) -> dict[Key, Seen]:
    """Return what is known of questions. One that came before ``since`` counts only while its source keeps it."""
    found = binary.run(LOOK, [*since, *_columns(keys), tenant.pk])
    return {
        (source, question): Seen(
            Kept(body, status, milliseconds, fetched_at) if body is not None else None,
            error,
            is_down,
            is_asked,
        )
        for source, question, body, status, milliseconds, fetched_at, error, is_down, is_asked in found
    }


def take(keys: Iterable[Key], *, tenant: Tenant, since: Since, for_seconds: float) -> set[Key]:
    """Return those questions that are ours to ask for so long; the others have an answer, or are being asked."""
    taken = binary.run(TAKE, [tenant.pk, for_seconds, *_columns(keys), *since])
    return {(source, question) for source, question in taken}


def store(found: Sequence[Good], *, tenant: Tenant) -> None:
    if found:
        rows = [(*one.key, one.status, one.body, one.milliseconds) for one in found]
        binary.run(STORE, [tenant.pk, *map(list, zip(*rows, strict=True)), tenant.pk])


def fail(found: Sequence[Bad], *, tenant: Tenant) -> None:
    if found:
        rows = [(*one.key, one.error, one.is_down) for one in found]
        binary.run(FAIL, [tenant.pk, *map(list, zip(*rows, strict=True)), tenant.pk])


def give_back(keys: Iterable[Key], *, tenant: Tenant) -> None:
    """Let others ask what we took and did not come to."""
    given = list(keys)
    if given:
        binary.run(GIVE_BACK, [*_columns(given), tenant.pk])


def last_good(keys: Iterable[Key], *, tenant: Tenant) -> dict[Key, Kept]:
    """Return the last answers that are not too old to stand in for one that failed."""
    rows = binary.run(LAST_GOOD, [*_columns(keys), tenant.pk])
    return {(source, question): Kept(*rest) for source, question, *rest in rows}


def forget(most: int = 10_000) -> int:
    """Delete answers that nothing may use any more, of every tenant; return how many went. Run it every minute."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [most])
        return cursor.rowcount


def _columns(keys: Iterable[Key]) -> list[list[Any]]:
    given = list(keys)
    return [[source for source, _ in given], [question for _, question in given]]
