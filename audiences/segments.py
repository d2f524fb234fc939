"""Segments: saved rules, what they refer to, whom they mean, and why somebody is in or out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from psycopg.errors import QueryCanceled

from audiences import facts
from audiences.models import Profile, Segment
from audiences.resolution import Rule as Rule  # what it raises and returns is ours too
from audiences.resolution import SegmentCycle as SegmentCycle
from audiences.resolution import bare, references
from audiences.resolution import resolve as resolve
from audiences.rules import explain, memory, schema, sql
from audiences.rules.phrases import share
from audiences.rules.tree import InvalidRule
from tenants import audit
from tenants.audit import Actor
from tenants.meanwhile import SAVE_AGAIN
from tenants.meanwhile import ChangedMeanwhile as ChangedMeanwhile
from tenants.models import Tenant, User

_Changes = Mapping[str, tuple[Any, Any]]
EVERYONE: Rule = {"all": []}
WRITTEN = ("name", "description", "rule")  # by whoever makes or changes a segment


class NameTaken(Exception):
    """Another segment that is not archived has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a segment called “{name}”.")


class TooSlow(Exception):
    """The people took longer to count than somebody at a page waits."""


class SegmentInUse(Exception):
    """Other segments refer to it. ``users`` are they."""

    def __init__(self, users: Sequence[Segment]) -> None:
        self.users = list(users)
        names = ", ".join(f"“{user.name}”" for user in users)
        super().__init__(f"Other segments are built on it: {names}. Change or archive those first.")


# --- Keeping them ------------------------------------------------------------------------------------------------


@transaction.atomic
def create(*, tenant: Tenant, actor: Actor | None, name: str, rule: Rule, description: str = "") -> Segment:
    """Save a new segment. Raises InvalidRule, SegmentCycle, NameTaken."""
    _one_at_a_time(tenant)
    segment = Segment(
        tenant=tenant,
        name=name,
        description=description,
        rule=_checked(rule),
        created_by=audit.person(actor),
    )
    _save(segment)
    _note(segment, actor, "created", {"rule": (None, segment.rule)})
    return segment


@transaction.atomic
def update(
    *,
    segment: Segment,
    actor: Actor | None,
    name: str,
    rule: Rule,
    description: str = "",
    seen_at: datetime | None = None,
) -> Segment:
    """Change a segment. Campaigns launched with it keep the rule they were launched with.

    ``seen_at`` is its ``updated_at`` as its author saw it; who saves once more what is there may. Raises as
    ``create``, and ChangedMeanwhile.
    """
    _one_at_a_time(segment.tenant)
    segment.refresh_from_db(fields=[*WRITTEN, "updated_at", "archived_at"])
    given = {"name": name, "description": description, "rule": _checked(rule, of=segment)}
    changes = {field: (getattr(segment, field), value) for field, value in given.items()}
    is_changed = any(before != now for before, now in changes.values())
    if is_changed and seen_at is not None and seen_at != segment.updated_at:
        raise ChangedMeanwhile(SAVE_AGAIN)
    for field, value in given.items():
        setattr(segment, field, value)
    _save(segment, *WRITTEN, "updated_at")
    if is_changed:
        _note(segment, actor, "changed", changes)
    return segment


@transaction.atomic
def duplicate(*, segment: Segment, actor: User | None) -> Segment:
    """Return a new segment with the same rule, named as its copy."""
    names = set(Segment.objects.filter(archived_at=None).values_list("name", flat=True))
    return create(
        tenant=segment.tenant,
        actor=actor,
        name=next(name for name in _copy_names(segment.name) if name not in names),
        rule=segment.rule,
        description=segment.description,
    )


@transaction.atomic
def archive(*, segment: Segment, actor: User | None, now: datetime) -> None:
    """Put a segment away; its rule stays readable for what refers to it. Archived already is fine.

    Raises SegmentInUse while segments that are not archived refer to it.
    """
    _one_at_a_time(segment.tenant)
    if users := used_by(segment):
        raise SegmentInUse(users)
    if Segment.objects.filter(pk=segment.pk, archived_at=None).update(archived_at=now):
        segment.archived_at = now
        _note(segment, actor, "archived")


@transaction.atomic
def restore(*, segment: Segment, actor: User | None) -> None:
    """Bring an archived segment back. Raises NameTaken if another has taken its name meanwhile."""
    if segment.archived_at is not None:
        segment.archived_at = None
        _save(segment, "archived_at")
        _note(segment, actor, "restored")


def used_by(segment: Segment) -> list[Segment]:
    """Return the segments, archived ones left out, whose own rule refers to this one."""
    others = Segment.objects.filter(archived_at=None).exclude(pk=segment.pk).order_by("name")
    return [other for other in others if segment.public_id in set(references(other.rule))]


def _one_at_a_time(tenant: Tenant) -> None:
    """Two changes at once could close a circle that neither sees."""
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)


def _checked(rule: Rule, *, of: Segment | None = None) -> Rule:
    """Return the rule as it is kept: segments by their ids alone."""
    schema.check(rule)
    kept = bare(rule)
    resolve(kept, of=of)
    return kept


def _save(segment: Segment, *fields: str) -> None:
    """Store a segment, or only some fields of it: others may be changing the rest."""
    try:
        with transaction.atomic():
            segment.save(update_fields=fields or None)
    except IntegrityError as exc:
        raise NameTaken(segment.name) from exc


def _note(segment: Segment, actor: Actor | None, action: str, fields: _Changes | None = None) -> None:
    audit.note(
        tenant=segment.tenant,
        actor=actor,
        action=action,
        thing="segment",
        thing_id=segment.public_id,
        name=segment.name,
        fields=fields,
    )


def _copy_names(name: str) -> Iterator[str]:
    yield f"{name[:113]} (copy)"
    number = 2
    while True:
        yield f"{name[:110]} (copy {number})"
        number += 1


# --- Whom they mean ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Glimpse:
    """How many people a rule means, of how many there are, and a few of them."""

    count: int
    total: int
    people: list[Profile]

    @property
    def percent(self) -> float:
        return 100 * self.count / self.total if self.total else 0.0

    @property
    def share(self) -> str:
        """The same in words."""
        return share(self.count, self.total)


PATIENCE = timedelta(seconds=20)


@contextmanager
def patiently(patience: timedelta | None = None) -> Iterator[CursorWrapper]:
    """Give a cursor whose statements end after ``patience``, by default PATIENCE, and are not compiled first.

    Compiling costs more than it saves.
    """
    milliseconds = (patience or PATIENCE) // timedelta(milliseconds=1)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)",
                [str(milliseconds)],
            )
            cursor.execute("SET LOCAL jit = off")
            yield cursor
            cursor.execute("SET LOCAL statement_timeout = 0")
    except OperationalError as exc:
        if isinstance(exc.__cause__, QueryCanceled):
            raise TooSlow from exc
        raise


def count(rule: Rule, *, tenant: Tenant, now: datetime) -> int:
    """Return how many people the rule means. Raises as ``resolve``, and TooSlow."""
    resolved = resolve(rule)
    with patiently():
        return sql.count(resolved, tenant_id=tenant.pk, now=now)


def means_nobody(rule: Rule, *, tenant: Tenant, now: datetime, patience: timedelta) -> bool:
    """Whether a rule means nobody at all; segments in it have to be written out, as campaigns keep them.

    Raises TooSlow after ``patience``.
    """
    query = sql.members(rule, tenant_id=tenant.pk, now=now)
    with patiently(patience) as cursor:
        cursor.execute(f"SELECT NOT EXISTS ({query.sql})", query.params)
        (is_empty,) = cursor.fetchone()
    return bool(is_empty)


def glimpse(rule: Rule, *, tenant: Tenant, now: datetime, people: int = 10, seed: int = 0) -> Glimpse:
    """Count the people whom the rule means and pick some at random, by ``seed``. Raises as ``count``."""
    query = sql.members(resolve(rule), tenant_id=tenant.pk, now=now)
    with patiently() as cursor:
        cursor.execute(
            f"WITH m AS MATERIALIZED ({query.sql}) SELECT (SELECT count(*) FROM m),"
            " ARRAY(SELECT id FROM m ORDER BY hashint8extended(id, %s::bigint), id LIMIT %s)",
            [*query.params, seed, people],
        )
        found, ids = cursor.fetchone()
        total = sql.count(EVERYONE, tenant_id=tenant.pk, now=now)
    return Glimpse(found, total, _in_order(Profile.objects.filter(pk__in=ids), ids))


def _in_order(profiles: QuerySet[Profile], ids: list[int]) -> list[Profile]:
    return sorted(profiles, key=lambda profile: ids.index(profile.pk))


def sample(rule: Rule, *, tenant: Tenant, now: datetime, people: int = 10, seed: int = 0) -> list[Profile]:
    """Return some people, at random, whom the rule means. Raises as ``count``."""
    return glimpse(rule, tenant=tenant, now=now, people=people, seed=seed).people


def members(rule: Rule, *, tenant: Tenant, now: datetime, after: int = 0, limit: int = 50) -> list[Profile]:
    """Return the people whom the rule means, in the order of their ids, from the one after ``after`` on.

    Raises as ``count``.
    """
    query = sql.members(resolve(rule), tenant_id=tenant.pk, now=now, between=(after + 1, 2**63 - 1))
    with patiently() as cursor:
        cursor.execute(f"SELECT id FROM ({query.sql}) m ORDER BY id LIMIT %s", [*query.params, limit])
        ids = [id_ for (id_,) in cursor.fetchall()]
    return _in_order(Profile.objects.filter(pk__in=ids), ids)


def containing(profile: Profile, *, now: datetime, most: int | None = 200) -> tuple[list[Segment], int]:
    """Return the segments a person is in, by name, and how many were asked; those that cannot be used are not."""
    rules = {}
    for segment in Segment.objects.filter(archived_at=None).order_by("name")[:most]:
        with suppress(InvalidRule, SegmentCycle):
            rules[segment] = resolve(segment.rule)
    loaded = facts.load(tenant_id=profile.tenant_id, ids=[profile.pk], rules=list(rules.values()), now=now)
    seen = loaded.get(profile.pk)
    return [each for each, rule in rules.items() if seen and memory.matches(rule, seen, now=now)], len(rules)


def why(rule: Rule, *, profile: Profile, now: datetime) -> explain.Node | None:
    """Return the rule as a tree of verdicts on this person, None if merged or erased. Raises as ``resolve``."""
    resolved = resolve(rule)
    loaded = facts.load(tenant_id=profile.tenant_id, ids=[profile.pk], rules=[resolved], now=now)
    return explain.explain(resolved, loaded[profile.pk], now=now) if profile.pk in loaded else None
