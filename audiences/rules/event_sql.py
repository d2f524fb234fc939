"""Sets of profiles by what they did, one row each: over events by name and time, or over their totals."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from audiences.rules.fragments import Fragment, identifier, join, sql
from audiences.rules.scope import Scope

if TYPE_CHECKING:
    from audiences.rules.kinds.event import Event


def counted(event: Event, scope: Scope, least: int, most: int | None) -> Fragment:
    """Return those with so many fitting events: the index event_of_name, or event_of_profile among few ids."""
    return sql(
        "SELECT e.profile_id FROM audiences_event e"
        " WHERE e.tenant_id = {} AND e.name = {} AND {}{}{} GROUP BY e.profile_id{}",
        scope.tenant_id,
        event.name,
        event.span(scope.now).sql(identifier("e.occurred_at")),
        _where(event, scope, "e.properties"),
        scope.only("e.profile_id"),
        _having(least, most),
    )


def done(event: Event, scope: Scope) -> Fragment:
    """Return a condition on ``p``, that there is a fitting event: PostgreSQL looks it up for each if they are few."""
    return sql(
        "EXISTS (SELECT 1 FROM audiences_event e WHERE e.tenant_id = {} AND e.profile_id = p.id AND e.name = {}"
        " AND {}{}{})",
        scope.tenant_id,
        event.name,
        event.span(scope.now).sql(identifier("e.occurred_at")),
        _where(event, scope, "e.properties"),
        scope.only("e.profile_id"),
    )


def from_totals(event: Event, scope: Scope, least: int, most: int | None) -> Fragment:
    """Return those who ever did it so often."""
    bounds = [sql("t.count >= {}", least)] if least > 1 else []
    bounds += [sql("t.count <= {}", most)] if most is not None else []
    return sql(
        "SELECT t.profile_id FROM audiences_eventtotal t"
        " WHERE t.tenant_id = {} AND t.name = {} AND t.first_at <= {}{}" + " AND {}" * len(bounds),
        scope.tenant_id,
        event.name,
        scope.now,
        scope.only("t.profile_id"),
        *bounds,
    )


def picked(event: Event, scope: Scope) -> Fragment:
    """Return those whose first or last event of the name fits."""
    if event.which == "first" and event.where:
        return _first_fits(event, scope)
    at = identifier(f"t.{event.which}_at")
    return sql(
        "SELECT t.profile_id FROM audiences_eventtotal t WHERE t.tenant_id = {} AND t.name = {} AND {}{}{}",
        scope.tenant_id,
        event.name,
        event.span(scope.now).sql(at),
        _where(event, scope, "t.last_properties"),
        scope.only("t.profile_id"),
    )


FIRSTS = (
    "SELECT DISTINCT ON (e.profile_id) e.profile_id, e.occurred_at, e.properties FROM audiences_event e"
    " JOIN audiences_eventtotal t ON t.tenant_id = e.tenant_id AND t.profile_id = e.profile_id AND t.name = e.name"
    " AND t.first_at = e.occurred_at WHERE e.tenant_id = {} AND e.name = {}{} ORDER BY e.profile_id, e.id"
)


def _first_fits(event: Event, scope: Scope) -> Fragment:
    """Totals know when the first was; its properties are with the event, as long as retention kept it."""
    firsts = sql(FIRSTS, scope.tenant_id, event.name, scope.only("e.profile_id"))
    return sql(
        "SELECT f.profile_id FROM ({}) f WHERE {}{}",
        firsts,
        event.span(scope.now).sql(identifier("f.occurred_at")),
        _where(event, scope, "f.properties"),
    )


def _where(event: Event, scope: Scope, document: str) -> Fragment:
    if not event.where:
        return Fragment("")
    inside = dataclasses.replace(scope, document=identifier(document))
    return sql(" AND {}", join(" AND ", (rule.sql(inside) for rule in event.where)))


def _having(least: int, most: int | None) -> Fragment:
    if most is None:
        return Fragment("") if least == 1 else sql(" HAVING count(*) >= {}", least)
    return sql(" HAVING count(*) BETWEEN {} AND {}", least, most)
