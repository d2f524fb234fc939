"""Sets of profiles by what they did, one row each, over events by name and time.

What happened "ever" also counts what retention dropped, of which totals are kept.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from audiences.rules.fragments import Fragment, identifier, join, sql
from audiences.rules.scope import Scope

if TYPE_CHECKING:
    from audiences.rules.kinds.event import Event
    from audiences.rules.kinds.happening import Happening
    from audiences.rules.tree import Node


def counted(event: Happening, scope: Scope, least: int, most: int | None) -> Fragment:
    """Return those with so many fitting events: the index event_of_name, or event_of_profile among few ids."""
    return sql(
        "SELECT e.profile_id FROM audiences_event e WHERE e.tenant_id = {} AND {} GROUP BY e.profile_id{}",
        scope.tenant_id,
        _fitting(event, scope),
        _having(least, most),
    )


def done(event: Happening, scope: Scope) -> Fragment:
    """Return a condition on ``p``, that there is a fitting event: PostgreSQL looks it up for each if they are few."""
    return sql(
        "EXISTS (SELECT 1 FROM audiences_event e WHERE e.tenant_id = {} AND e.profile_id = p.id AND {})",
        scope.tenant_id,
        _fitting(event, scope),
    )


def _fitting(event: Happening, scope: Scope) -> Fragment:
    return sql(
        "{} AND {}{}{}{}",
        named("e", event.names()),
        event.span(scope.now).sql(identifier("e.occurred_at")),
        where("e", event.filters(), scope),
        event.further_sql(scope),
        scope.only("e.profile_id"),
    )


def named(alias: str, names: tuple[str, ...]) -> Fragment:
    """Return that the event ``alias`` has one of the names."""
    name = identifier(f"{alias}.name")
    return sql("{} = {}", name, *names) if len(names) == 1 else sql("{} = ANY({}::text[])", name, list(names))


def ever(names: tuple[str, ...], scope: Scope) -> Fragment:
    """Return one row for each event, and one for all that retention dropped: profile_id, count, first_at, last_at."""
    return sql(
        "SELECT e.profile_id, 1 AS count, e.occurred_at AS first_at, e.occurred_at AS last_at FROM audiences_event e"
        " WHERE e.tenant_id = {} AND {} AND e.occurred_at <= {}{}"
        " UNION ALL SELECT t.profile_id, t.count::int, t.first_at, t.last_at FROM audiences_eventtotal t"
        " WHERE t.tenant_id = {} AND {}{}",
        scope.tenant_id,
        named("e", names),
        scope.now,
        scope.only("e.profile_id"),
        scope.tenant_id,
        named("t", names),
        scope.only("t.profile_id"),
    )


def counted_ever(event: Event, scope: Scope, least: int, most: int | None) -> Fragment:
    """Return those who ever did it so often."""
    return sql(
        "SELECT u.profile_id FROM ({}) u GROUP BY u.profile_id HAVING sum(u.count) {}",
        ever((event.name,), scope),
        sql(">= {}", least) if most is None else sql("BETWEEN {} AND {}", least, most),
    )


def picked(event: Event, scope: Scope) -> Fragment:
    """Return those whose first or last event of the name fits."""
    if event.where:
        edges = firsts((event.name,), scope) if event.which == "first" else lasts((event.name,), scope)
        return sql(
            "SELECT f.profile_id FROM ({}) f WHERE {}{}",
            edges,
            event.span(scope.now).sql(identifier("f.occurred_at")),
            where("f", event.where, scope),
        )
    edge = "min(u.first_at)" if event.which == "first" else "max(u.last_at)"
    return sql(
        "SELECT u.profile_id FROM ({}) u GROUP BY u.profile_id HAVING {}",
        ever((event.name,), scope),
        event.span(scope.now).sql(Fragment(edge)),
    )


def firsts(names: tuple[str, ...], scope: Scope) -> Fragment:
    """Return everybody's first event of some names: profile_id, occurred_at, properties; nobody whose first is gone."""
    return sql(
        "SELECT DISTINCT ON (e.profile_id) e.profile_id, e.occurred_at, e.properties FROM ({}) e"
        " WHERE NOT EXISTS (SELECT 1 FROM audiences_eventtotal t WHERE t.tenant_id = {} AND {}"
        " AND t.profile_id = e.profile_id) ORDER BY e.profile_id, e.id",
        _at_the_edge("min", names, scope),
        scope.tenant_id,
        named("t", names),
    )


def lasts(names: tuple[str, ...], scope: Scope) -> Fragment:
    """Return everybody's last event of some names, also if it was dropped: profile_id, occurred_at, properties."""
    return sql(
        "SELECT DISTINCT ON (e.profile_id) e.profile_id, e.occurred_at, e.properties FROM"
        " ({} UNION ALL SELECT t.profile_id, 0, t.last_at, t.last_properties FROM audiences_eventtotal t"
        " WHERE t.tenant_id = {} AND {}{}) e ORDER BY e.profile_id, e.occurred_at DESC, e.id DESC",
        _at_the_edge("max", names, scope),
        scope.tenant_id,
        named("t", names),
        scope.only("t.profile_id"),
    )


def _at_the_edge(edge: str, names: tuple[str, ...], scope: Scope) -> Fragment:
    """Return the stored events at everybody's first or last moment; the moments come out of the index alone."""
    moments = sql(
        f"SELECT e.profile_id, {edge}(e.occurred_at) AS at FROM audiences_event e"
        " WHERE e.tenant_id = {} AND {} AND e.occurred_at <= {}{} GROUP BY e.profile_id",
        scope.tenant_id,
        named("e", names),
        scope.now,
        scope.only("e.profile_id"),
    )
    return sql(
        "SELECT e.profile_id, e.id, e.occurred_at, e.properties FROM audiences_event e JOIN ({}) m"
        " ON m.profile_id = e.profile_id AND m.at = e.occurred_at WHERE e.tenant_id = {} AND {}",
        moments,
        scope.tenant_id,
        named("e", names),
    )


def where(alias: str, filters: tuple[Node, ...], scope: Scope) -> Fragment:
    """Return `` AND ...``, that the properties of the event ``alias`` fulfil the filters; empty if there are none."""
    if not filters:
        return Fragment("")
    inside = dataclasses.replace(scope, document=identifier(f"{alias}.properties"))
    return sql(" AND {}", join(" AND ", (rule.sql(inside) for rule in filters)))


def _having(least: int, most: int | None) -> Fragment:
    if most is None:
        return Fragment("") if least == 1 else sql(" HAVING count(*) >= {}", least)
    return sql(" HAVING count(*) BETWEEN {} AND {}", least, most)
