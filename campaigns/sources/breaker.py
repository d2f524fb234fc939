"""A server that fails again and again is left alone for a while; then one question tries whether it is back.

How many failed in a row and until when a source rests stand in its row, so every process knows of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from campaigns.models import Source
from tenants import binary
from tenants.models import Tenant

OPENS_AFTER = 5  # failures in a row
RESTS_SECONDS = 60
LONGEST_EXAMPLE = 64 * 1024

State = Literal["closed", "open", "trying"]

STANDING = """
SELECT s.id, s.failures >= %s, coalesce(s.rests_until > clock_timestamp(), false)
FROM campaigns_source s WHERE s.tenant_id = %s AND s.id = ANY(%b::bigint[])
"""

# Whoever gets the row may try; the others see it rest for as long as that can take.
TRY = """
UPDATE campaigns_source s SET rests_until = clock_timestamp() + make_interval(secs => s.timeout_seconds + 5)
WHERE s.tenant_id = %s AND s.id = ANY(%b::bigint[]) AND s.failures >= %s
  AND (s.rests_until IS NULL OR s.rests_until <= clock_timestamp())
RETURNING s.id
"""

RECORD = """
UPDATE campaigns_source s
SET failures = f.failures,
    rests_until = CASE WHEN f.failures >= %s THEN clock_timestamp() + make_interval(secs => %s) END,
    answered_at = CASE WHEN r.good > 0 THEN clock_timestamp() ELSE s.answered_at END,
    failed_at = CASE WHEN r.error <> '' THEN clock_timestamp() ELSE s.failed_at END,
    error = CASE WHEN r.error <> '' THEN r.error ELSE s.error END
FROM unnest(%b::bigint[], %b::int[], %b::boolean[], %b::int[], %b::text[])
         AS r(id, good, is_alive, down_at_last, error)
CROSS JOIN LATERAL (
    SELECT CASE WHEN r.is_alive THEN 0 ELSE o.failures END + r.down_at_last AS failures
    FROM campaigns_source o WHERE o.tenant_id = %s AND o.id = r.id) f
WHERE s.tenant_id = %s AND s.id = r.id
RETURNING s.id, s.failures
"""

COUNT = """
INSERT INTO campaigns_sourcehour AS h (tenant_id, source_id, hour, questions, failures, milliseconds)
SELECT %s, s.id, date_trunc('hour', clock_timestamp()), r.questions, r.failures, r.milliseconds
FROM unnest(%b::bigint[], %b::int[], %b::int[], %b::bigint[]) AS r(id, questions, failures, milliseconds)
JOIN campaigns_source s ON s.tenant_id = %s AND s.id = r.id
ORDER BY s.id
ON CONFLICT (tenant_id, source_id, hour) DO UPDATE
SET questions = h.questions + excluded.questions, failures = h.failures + excluded.failures,
    milliseconds = h.milliseconds + excluded.milliseconds
"""


# Now and then is enough: it shows what an answer is like.
KEEP_EXAMPLE = """
UPDATE campaigns_source s SET example = %s WHERE s.tenant_id = %s AND s.id = %s
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """How one question went."""

    source_id: int
    milliseconds: int
    error: str = ""  # empty: it was answered
    is_down: bool = False  # the server's trouble, not the question's


def standing(ids: Sequence[int], *, tenant: Tenant) -> dict[int, State]:
    """Return which sources may be asked; one that is being tried may be asked one question, by whoever ``may_try``."""
    rows = binary.run(STANDING, [OPENS_AFTER, tenant.pk, list(ids)])
    return {
        id_: "closed" if not has_failed else "open" if rests else "trying" for id_, has_failed, rests in rows
    }


def may_try(source_id: int, *, tenant: Tenant) -> bool:
    """Whether it is ours to try if a source is back; of all who ask, one hears yes."""
    return bool(binary.run(TRY, [tenant.pk, [source_id], OPENS_AFTER]))


def record(heard: Sequence[Heard], *, tenant: Tenant) -> set[int]:
    """Note how questions went, in the order they came back; return the sources that rest from now on."""
    by_source: dict[int, list[Heard]] = {}
    for one in heard:
        by_source.setdefault(one.source_id, []).append(one)
    if not by_source:
        return set()
    ids = sorted(by_source)  # rows are locked in this order
    counted: list[list[Any]] = [
        ids,
        [len(by_source[id_]) for id_ in ids],
        [sum(bool(one.error) for one in by_source[id_]) for id_ in ids],
        [sum(one.milliseconds for one in by_source[id_]) for id_ in ids],
    ]
    binary.run(COUNT, [tenant.pk, *counted, tenant.pk])
    told: list[list[Any]] = [
        ids,
        [sum(not one.error for one in by_source[id_]) for id_ in ids],
        [not all(one.is_down for one in by_source[id_]) for id_ in ids],
        [_down_at_last(by_source[id_]) for id_ in ids],
        [next((one.error for one in reversed(by_source[id_]) if one.error), "") for id_ in ids],
    ]
    rows = binary.run(RECORD, [OPENS_AFTER, RESTS_SECONDS, *told, tenant.pk, tenant.pk])
    return {id_ for id_, failures in rows if failures >= OPENS_AFTER}


def keep_example(source: Source, body: str) -> None:
    """Keep an answer for the editor to offer its values; one that is very long shows no more than the one before."""
    if len(body) <= LONGEST_EXAMPLE:
        binary.run(KEEP_EXAMPLE, [body, source.tenant_id, source.pk])


def _down_at_last(heard: Sequence[Heard]) -> int:
    """How many of the newest failed in a row."""
    return next((n for n, one in enumerate(reversed(heard)) if not one.is_down), len(heard))


def state_of(source: Source, *, raw_now: datetime) -> State:
    """Return how a source's row reads at a moment."""
    if source.failures < OPENS_AFTER:
        return "closed"
    return "open" if source.rests_until and source.rests_until > raw_now else "trying"
