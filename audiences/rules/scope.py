"""What a condition needs to know to become SQL, and where it leaves the sets that its statement joins."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from audiences.rules.fragments import Fragment, identifier, sql


@dataclass
class Scope:
    """One statement being put together: over profiles ``p``, or over one event's properties (``document``).

    Sets of profiles come in as joins of one row a profile, so that a condition on them is a plain test that may stand
    anywhere in the rule; PostgreSQL makes a semi or an anti join of it where it stands alone.
    """

    tenant_id: int
    now: datetime
    ids: list[int] | None = None
    between: tuple[int, int] | None = None
    document: Fragment | None = None
    is_narrowed: bool = False  # something beside events says who, so that few may be left to look up
    is_conjunct: bool = True  # what is being compiled must hold on its own, in no "or"
    joins: list[Fragment] = field(default_factory=list)

    def in_or(self) -> Scope:
        """Return the scope of a part of an "or"."""
        return replace(self, is_conjunct=False)

    def joined(self, members: Fragment) -> Fragment:
        """Join a SELECT of distinct ``profile_id``; return what is NULL for those not in it."""
        if members not in self.joins:
            self.joins.append(members)
        return identifier(f"s{self.joins.index(members)}.profile_id")

    def only(self, column: str) -> Fragment:
        """Return `` AND ...`` that keeps ``column``, a profile's id, to those asked about; empty if all are."""
        name, condition = identifier(column), Fragment("")
        if self.ids is not None:
            condition = sql("{} AND {} = ANY({}::bigint[])", condition, name, self.ids)
        if self.between is not None:
            condition = sql("{} AND {} BETWEEN {} AND {}", condition, name, *self.between)
        return condition
