"""The record of what people changed: written beside the change, in its transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from tenants.models import ApiKey, AuditEntry, Tenant, User

ERASED = "An erased person"
Actor = User | ApiKey  # who changes something: somebody signed in, or a program by its key


FORGET = """
UPDATE tenants_auditentry SET thing_name = %s, changes = coalesce(
    (SELECT jsonb_object_agg(field, '[null, null]'::jsonb) FROM jsonb_object_keys(changes) AS field), '{}')
WHERE tenant_id = %s AND thing = %s AND thing_id = ANY(%s)
"""


def note(
    *,
    tenant: Tenant,
    actor: Actor | None,
    action: str,
    thing: str,
    thing_id: object,
    name: str,
    fields: Mapping[str, tuple[Any, Any]] | None = None,
    **changes: tuple[Any, Any],
) -> AuditEntry:
    """Write that ``actor`` did ``action`` to a thing; ``changes`` are field=(old, new), as JSON values.

    ``fields`` is the same as a mapping, for fields whose names a keyword cannot take. What stayed the same is left out.
    """
    pairs = {**(fields or {}), **changes}
    entry = AuditEntry(
        tenant=tenant,
        actor=person(actor),
        actor_name=_name(actor)[:150],
        action=action,
        thing=thing,
        thing_id=str(thing_id),
        thing_name=name[:200],
        changes={field: list(pair) for field, pair in pairs.items() if pair[0] != pair[1]},
    )
    entry.save()
    return entry


def forget(*, tenant: Tenant, thing: str, thing_ids: list[str]) -> None:
    """Take from entries about people who are erased who they were and what was known: that it changed stays."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tact.forget_person_of', %s, true)", [str(tenant.pk)])
        cursor.execute(FORGET, [ERASED, tenant.pk, thing, thing_ids])
        cursor.execute("SELECT set_config('tact.forget_person_of', '', true)")


def about(thing: str, thing_ids: Iterable[object]) -> QuerySet[AuditEntry]:
    """Return the entries about some things of a kind. In the tenant's scope."""
    entries: QuerySet[AuditEntry] = AuditEntry.objects.filter(thing=thing, thing_id__in=map(str, thing_ids))
    return entries


def person(actor: Actor | None) -> User | None:
    """Return who did it, if somebody signed in did."""
    return actor if isinstance(actor, User) else None


def _name(actor: Actor | None) -> str:
    if isinstance(actor, ApiKey):
        return f"Key {actor}"
    return str(actor) if actor else "Tact"


class Change(NamedTuple):
    """One field of an entry in words."""

    field: str
    old: str
    new: str


def things(tenant: Tenant) -> list[str]:
    """Return the kinds of things the tenant's log speaks of, by name."""
    return list(_of(tenant).order_by("thing").values_list("thing", flat=True).distinct())


def people(tenant: Tenant) -> list[str]:
    """Return who the tenant's log speaks of, by name; also who has gone since."""
    return list(_of(tenant).order_by("actor_name").values_list("actor_name", flat=True).distinct())


def in_words(changes: Mapping[str, list[Any]]) -> list[Change]:
    """Say what an entry's ``changes`` hold, as a person would read them."""
    return [Change(field.replace("_", " "), say(old), say(new)) for field, (old, new) in changes.items()]


def say(value: Any) -> str:
    """Say one value: nothing, yes and no, a moment in the current zone, a list with commas; structures as JSON."""
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    try:
        moment = parse_datetime(value) if isinstance(value, str) and "T" in value else None
        if moment and timezone.is_aware(moment):
            return f"{timezone.localtime(moment):%-d %b %Y, %H:%M}"
    except (ValueError, OverflowError):  # it only looks like one
        pass
    return str(value)


def _of(tenant: Tenant) -> QuerySet[AuditEntry]:
    entries: QuerySet[AuditEntry] = AuditEntry.objects.filter(tenant=tenant)
    return entries


def last(*, tenant: Tenant, thing: str, action: str) -> AuditEntry | None:
    """Return what was noted last of an action on a kind of thing. In the tenant's scope."""
    entries = AuditEntry.objects.filter(tenant=tenant, thing=thing, action=action)
    return entries.order_by("-at", "-pk").first()
