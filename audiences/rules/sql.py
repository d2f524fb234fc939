"""Rules as SQL: one statement whose rows are the people meant."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from audiences.rules import schema
from audiences.rules.fragments import Fragment, identifier, join, sql
from audiences.rules.kinds.happening import Happening
from audiences.rules.scope import Scope


class Query(NamedTuple):
    """SQL with its parameters; ``%s`` placeholders, other per cent signs doubled."""

    sql: str
    params: list[Any]


def members(
    rule: Any,
    *,
    tenant_id: int,
    now: datetime,
    ids: list[int] | None = None,
    between: tuple[int, int] | None = None,
) -> Query:
    """Return the SELECT of ``id`` of the tenant's living profiles that match; fit to be a subquery.

    ``ids`` and ``between`` (both ends included) keep it to some profiles. Raises InvalidRule, and Unresolved if the
    rule refers to segments without carrying their rules.
    """
    query = _members(rule, Scope(tenant_id, now, ids, between))
    return Query(query.text, list(query.params))


def _members(rule: Any, scope: Scope) -> Fragment:
    node = schema.parse(rule)
    scope.is_narrowed = any(
        not any(isinstance(part, Happening) for part in one.walk()) for one in node.conjuncts()
    )
    condition = node.sql(scope)
    joins = [
        sql(f" LEFT JOIN ({{}}) s{number} ON s{number}.profile_id = p.id", members)
        for number, members in enumerate(scope.joins)
    ]
    return sql(
        "SELECT p.id FROM audiences_profile p{} WHERE p.tenant_id = {} AND p.merged_into_id IS NULL"
        " AND p.erased_at IS NULL{} AND ({})",
        Fragment("".join(j.text for j in joins), tuple(param for j in joins for param in j.params)),
        scope.tenant_id,
        scope.only("p.id"),
        condition,
    )


def count(rule: Any, *, tenant_id: int, now: datetime) -> int:
    """Return how many of the tenant's living profiles match. Raises as ``members``."""
    query = members(rule, tenant_id=tenant_id, now=now)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({query.sql}) m", query.params)
        return cursor.fetchone()[0]


def properties(rule: Any, *, document: str = "e.properties", now: datetime) -> Query:
    """Return a filter on events as a condition on the jsonb column ``document``, true for those meant.

    Raises InvalidRule.
    """
    scope = Scope(tenant_id=0, now=now, document=identifier(document))
    condition = join("", [schema.parse_properties(rule).sql(scope)])
    return Query(condition.text, list(condition.params))
