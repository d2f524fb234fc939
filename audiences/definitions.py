"""Names that data brought along: they appear by themselves, and people add what they mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from audiences import attributes
from audiences.models import Definition, EventDefinition, Provenance, Sensitivity
from tenants import audit, binary
from tenants.models import Tenant, User

MAX_NAMES = 5_000  # of events, and of attributes, listed of one tenant
MAX_PATHS = 200  # properties listed of one event; a client that makes up names is no list
MAX_LABEL = 100
MOST_MET = 20_000  # events
Kinds = dict[str, dict[str, set[str]]]  # of values, by event and property
TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")


# What was read of events, by tenant and name. It only grows, so what a process has met needs no second look.
_met: dict[tuple[int, str], dict[str, list[str]]] = {}


def kind(value: Any) -> str:
    """Return what a JSON value is: text, number, boolean, time, array or object."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "time" if TIME.fullmatch(value[:40]) else "text"
        case list():
            return "array"
        case _:
            return "object"


def note_events(tenant_id: int, seen: Kinds, *, is_internal: bool, now: datetime) -> None:
    """Let event names and properties not seen before appear. One with nothing new to this process costs no query."""
    met = {name: _met.get((tenant_id, name)) for name in seen}
    if all(known is not None and not _added(seen[name], known) for name, known in met.items()):
        return
    sql = "SELECT name, properties FROM audiences_eventdefinition WHERE tenant_id = %s AND name = ANY(%b::text[])"
    known = {name: _object(properties) for name, properties in binary.run(sql, [tenant_id, list(seen)])}
    _meet(tenant_id, known)
    news = {name: _added(seen[name], known.get(name, {})) for name in sorted(seen)}
    news = {name: added for name, added in news.items() if added or name not in known}
    news = _within_limit(tenant_id, "audiences_eventdefinition", news, known)
    if news:
        sql = """INSERT INTO audiences_eventdefinition AS d
                     (tenant_id, name, label, provenance, sensitivity, first_seen_at, properties, is_internal)
                 SELECT %s, n.name, '', 'not_stated', 'ordinary', %s, n.properties::jsonb, %s
                 FROM unnest(%b::text[], %b::text[]) n(name, properties)
                 ON CONFLICT (tenant_id, name) DO UPDATE SET properties = d.properties || EXCLUDED.properties"""
        shapes = [msgspec.json.encode(added).decode() for added in news.values()]
        binary.run(sql, [tenant_id, now, is_internal, list(news), shapes])


def note_attributes(tenant_id: int, values: Iterable[tuple[str, Any]], *, now: datetime) -> None:
    """Let custom attributes not seen before appear, and kinds of value that are new to them."""
    seen: dict[str, set[str]] = {}
    for name, value in values:
        if value is not None and name not in attributes.STANDARD:
            seen.setdefault(name, set()).add(kind(value))
    if not seen:
        return
    sql = "SELECT name, kinds FROM audiences_attributedefinition WHERE tenant_id = %s AND name = ANY(%b::text[])"
    known = {name: set(kinds) for name, kinds in binary.run(sql, [tenant_id, list(seen)])}
    news = {name: seen[name] for name in sorted(seen) if not seen[name] <= known.get(name, set())}
    news = _within_limit(tenant_id, "audiences_attributedefinition", news, known)
    if news:
        sql = """INSERT INTO audiences_attributedefinition AS d
                     (tenant_id, name, label, provenance, sensitivity, first_seen_at, kinds, has_index)
                 SELECT %s, n.name, '', 'not_stated', 'ordinary', %s, string_to_array(n.kinds, ','), false
                 FROM unnest(%b::text[], %b::text[]) n(name, kinds)
                 ON CONFLICT (tenant_id, name) DO UPDATE
                 SET kinds = (SELECT array_agg(DISTINCT k ORDER BY k) FROM unnest(d.kinds || EXCLUDED.kinds) k)"""
        binary.run(sql, [tenant_id, now, list(news), [",".join(sorted(kinds)) for kinds in news.values()]])


def _meet(tenant_id: int, known: dict[str, dict[str, list[str]]]) -> None:
    if len(_met) > MOST_MET:
        _met.clear()
    _met.update({(tenant_id, name): properties for name, properties in known.items()})


def kinds_by_path(events: Iterable[tuple[str, dict[str, Any]]]) -> Kinds:
    """Return by event name which kinds of value its properties had; events alike in shape are looked at once."""
    examples = {
        (name, *properties, *map(type, properties.values())): (name, properties)
        for name, properties in events
    }
    seen: Kinds = {}
    for name, properties in examples.values():
        paths = seen.setdefault(name, {})
        for path, value in properties.items():
            if value is not None:
                paths.setdefault(path, set()).add(kind(value))
    return seen


def _added(paths: dict[str, set[str]], known: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the paths that are new or have values of a new kind, each with all its kinds."""
    room = max(0, MAX_PATHS - len(known))
    new = [path for path in paths if path not in known][:room]
    grown = [path for path in paths if path in known and not paths[path] <= set(known[path])]
    return {path: sorted(paths[path] | set(known.get(path, ()))) for path in [*new, *grown]}


def _within_limit(tenant_id: int, table: str, news: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return ``news`` without names there is no room for: whoever makes names up fills no list."""
    if not news.keys() - set(known):
        return news
    sql = f"SELECT count(*) FROM {table} WHERE tenant_id = %s"
    [(count,)] = binary.run(sql, [tenant_id])
    room = max(0, MAX_NAMES - count)
    new = set([name for name in news if name not in known][:room])
    return {name: news[name] for name in news if name in known or name in new}


def _object(value: Any) -> dict[str, Any]:
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


class NoSuchName(LookupError):
    """Data has not brought this name along yet."""


def describe(
    *,
    model: type[Definition],
    tenant: Tenant,
    name: str,
    actor: User,
    label: str,
    provenance: str,
    sensitivity: str,
) -> bool:
    """Set what people know about a name and return whether anything changed. Noted in the audit log.

    Raises NoSuchName, and ValueError for a provenance or sensitivity we do not have.
    """
    new = {
        "label": label.replace("\x00", "").strip()[:MAX_LABEL],
        "provenance": Provenance(provenance).value,
        "sensitivity": Sensitivity(sensitivity).value,
    }
    with transaction.atomic():
        row = model._default_manager.select_for_update().filter(tenant=tenant, name=name).first()
        if row is None:
            raise NoSuchName(name)
        changed = {
            field: (getattr(row, field), value)
            for field, value in new.items()
            if getattr(row, field) != value
        }
        if changed:
            for field, (_, value) in changed.items():
                setattr(row, field, value)
            row.save(update_fields=list(changed))
            thing = "event" if model is EventDefinition else "attribute"
            audit.note(
                tenant=tenant,
                actor=actor,
                action="described",
                thing=thing,
                thing_id=row.pk,
                name=name,
                fields=changed,
            )
    return bool(changed)
