"""What is known of some people at one moment: all that rules, templates and gates ask about them, loaded set-wise."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
from django.db import connection

from audiences import messages
from audiences import past as events_past
from audiences.rules import event_sql, operands, schema, values
from audiences.rules.fragments import Fragment, identifier, sql
from audiences.rules.scope import Scope
from audiences.rules.wanted import Wanted
from tenants import binary

_NOTHING: Mapping[str, tuple[str, ...]] = {}
NEWEST = 1_000  # events that are loaded of what a condition counts, for each profile: rules count to 500
FOR_TEMPLATES = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "language",
    "timezone",
    "country",
    "region",
    "city",
    "external_id",
)


class NotLoaded(LookupError):
    """A rule asks for events that ``load`` was not told about."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event: when, and with which properties, if any loaded rule asks for them."""

    at: datetime
    held: dict[str, Any] | None

    @property
    def properties(self) -> dict[str, Any]:
        if self.held is None:
            raise NotLoaded("The properties of these events were not loaded: pass the rule to facts.load.")
        return self.held


@dataclass(frozen=True, slots=True)
class Total:
    """All events of one name, also those that retention dropped."""

    count: int
    first_at: datetime
    last_at: datetime

    def edge(self, which: Literal["first", "last"] | None) -> Happened:
        return Happened(self.first_at if which == "first" else self.last_at, None)


@dataclass(slots=True)
class Facts:
    """One living profile. ``columns`` are its standard attributes, ``custom`` the others; missing ones may be None."""

    id: int
    public_id: UUID
    columns: dict[str, Any]
    custom: dict[str, Any] = field(default_factory=dict)
    consent: dict[str, str] = field(default_factory=dict)
    totals: dict[str, Total | None] = field(default_factory=dict)
    firsts: dict[str, Happened | None] = field(default_factory=dict)
    lasts: dict[str, Happened | None] = field(default_factory=dict)
    happened: dict[str, list[Happened]] = field(default_factory=dict)  # newest first
    reachable: dict[str, bool] = field(default_factory=dict)  # by channel
    brand_zone: str = ""
    past: dict[str, dict[str, Any]] | None = None  # what templates see of events, by key; None: not asked for

    def attribute(self, name: str) -> Any:
        """Return the value of a standard attribute or of a path into the custom ones, None if it is missing."""
        return self.columns[name] if name in operands.COLUMNS else values.at(self.custom, name.split("."))

    def events(self, name: str) -> list[Happened]:
        return _loaded(self.happened, name)

    def total(self, name: str) -> Total | None:
        return _loaded(self.totals, name)

    def first(self, name: str) -> Happened | None:
        """Return the first event ever, None also if retention dropped it."""
        return _loaded(self.firsts, name)

    def last(self, name: str) -> Happened | None:
        """Return the last event ever."""
        return _loaded(self.lasts, name)

    def is_reachable(self, channel: str) -> bool:
        """Whether a marketing message can be sent to them there."""
        if channel not in self.reachable:
            raise NotLoaded(f"Whom {channel} reaches was not loaded: pass the rule to facts.load.")
        return self.reachable[channel]

    def tenant_zone(self) -> str:
        """Return the zone of those who have none."""
        if not self.brand_zone:
            raise NotLoaded("The brand's zone was not loaded: pass the rule to facts.load.")
        return self.brand_zone


def _loaded(known: dict[str, Any], name: str) -> Any:
    try:
        return known[name]
    except KeyError as exc:
        raise NotLoaded(f"Events “{name}” were not loaded: pass the rule to facts.load.") from exc


def liquid(facts: Facts) -> dict[str, Any]:
    """Return what templates see as ``profile``: custom attributes under the standard ones; missing ones are absent."""
    standard = {name: facts.columns[name] for name in FOR_TEMPLATES}
    seen = {name: value for name, value in (facts.custom | standard).items() if value is not None}
    return seen if facts.past is None else seen | {"events": facts.past}


def load(
    *,
    tenant_id: int,
    ids: Sequence[int],
    rules: Iterable[Any] = (),
    past: events_past.Asked = _NOTHING,
    now: datetime,
) -> dict[int, Facts]:
    """Return the facts of the tenant's living profiles among ``ids``, by id, with the events that ``rules`` ask for.

    ``rules`` are JSON or parsed, segments in them resolved. Of events it loads only those that a condition counts, none
    later than ``now``, for each condition at most the newest thousand a profile. ``past`` says what templates read of
    events. One statement for the profiles, and one for each event name and way in which it is asked for.
    """
    wanted = _wanted(rules, now)
    found = _profiles(tenant_id, list(ids))
    if found:
        scope = Scope(tenant_id, now, ids=list(found))
        for name in wanted.totals:
            total = _totals((name,), scope)
            for id_, facts in found.items():
                facts.totals[name] = total.get(id_)
        for name in wanted.firsts:
            first = _happened(event_sql.firsts((name,), scope))
            for id_, facts in found.items():
                facts.firsts[name] = first.get(id_)
        for name in wanted.lasts:
            last = _happened(event_sql.lasts((name,), scope))
            for id_, facts in found.items():
                facts.lasts[name] = last.get(id_)
        for name in wanted.events:
            _add_events(found, name, wanted, scope)
        for kind in wanted.reachable:
            _add_reachable(found, tenant_id, kind)
        if wanted.tenant_zone:
            ((zone,),) = _rows(sql("SELECT timezone FROM tenants_tenant WHERE id = {}", tenant_id))
            for facts in found.values():
                facts.brand_zone = zone
        if past:
            _add_past(found, past, scope)
    return found


def _wanted(rules: Iterable[Any], now: datetime) -> Wanted:
    wanted = Wanted()
    for rule in rules:
        for node in schema.parse(rule).walk():
            node.wants(wanted, now)
    return wanted


def _rows(query: Fragment) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query.text, list(query.params))
        return cursor.fetchall()


def _json(text: str) -> dict[str, Any]:
    """Read what Django leaves as text on its connections."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # a number that only a Decimal can hold
        return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def _micros(moment: str) -> str:
    """Return SQL for a time as a whole number, which is read ten times as fast as a timestamp's text."""
    return f"(extract(epoch FROM {moment}) * 1000000)::bigint"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


_ASKED = ", ".join(
    _micros(f"p.{name}") if type_ == "time" else f"p.{name}" for name, type_ in operands.COLUMNS.items()
)
_PROFILES = f"""
SELECT p.id, p.public_id, p.attributes, p.consent, {_ASKED} FROM audiences_profile p
WHERE p.tenant_id = %s AND p.id = ANY(%b::bigint[]) AND p.merged_into_id IS NULL AND p.erased_at IS NULL ORDER BY p.id
"""


def _columns(row: list[Any]) -> dict[str, Any]:
    return {
        name: _moment(value) if type_ == "time" and value is not None else value
        for (name, type_), value in zip(operands.COLUMNS.items(), row, strict=True)
    }


def _profiles(tenant_id: int, ids: list[int]) -> dict[int, Facts]:
    return {
        id_: Facts(id_, public_id, _columns(columns), _json(custom), _json(consent))
        for id_, public_id, custom, consent, *columns in binary.run(_PROFILES, [tenant_id, ids])
    }


def _totals(names: tuple[str, ...], scope: Scope) -> dict[int, Total]:
    """Return everybody's total of events of the names, by profile id."""
    totals = sql(
        f"SELECT u.profile_id, sum(u.count), {_micros('min(u.first_at)')}, {_micros('max(u.last_at)')} FROM ({{}}) u"
        " GROUP BY u.profile_id",
        event_sql.ever(names, scope),
    )
    return {id_: Total(count, _moment(first), _moment(last)) for id_, count, first, last in _rows(totals)}


def _add_past(found: dict[int, Facts], asked: events_past.Asked, scope: Scope) -> None:
    """Add what templates see of events; nothing for those who never did one. Moments are texts, as in properties."""
    seen: dict[int, defaultdict[str, dict[str, Any]]] = {id_: defaultdict(dict) for id_ in found}
    for key, names in events_past.names(asked, tenant_id=scope.tenant_id).items():
        wanted = {events_past.PARTS[part] for part in asked[key]}
        for id_, total in _totals(names, scope).items() if "totals" in wanted else ():
            moments = {"first_at": total.first_at.isoformat(), "last_at": total.last_at.isoformat()}
            seen[id_][key] |= {"count": int(total.count)} | moments
        for id_, first in _happened(event_sql.firsts(names, scope)).items() if "firsts" in wanted else ():
            seen[id_][key]["first"] = first.properties
        for id_, last in _happened(event_sql.lasts(names, scope)).items() if "lasts" in wanted else ():
            seen[id_][key]["last"] = last.properties
    for id_, facts in found.items():
        facts.past = dict(seen[id_])


def _add_reachable(found: dict[int, Facts], tenant_id: int, kind: str) -> None:
    channel = messages.channel(kind)
    rows = _rows(
        sql(
            "SELECT p.id, {} FROM audiences_profile p WHERE p.tenant_id = {} AND p.id = ANY({}::bigint[])",
            Fragment(channel.reachable_sql("p") if channel else "FALSE"),
            tenant_id,
            list(found),
        )
    )
    for id_, is_reachable in rows:
        found[id_].reachable[kind] = bool(is_reachable)


def _happened(query: Fragment) -> dict[int, Happened]:
    """Return everybody's one event by profile id."""
    return {id_: Happened(at, _json(properties)) for id_, at, properties in _rows(query)}


def _add_events(found: dict[int, Facts], name: str, wanted: Wanted, scope: Scope) -> None:
    seen: dict[int, dict[int, Happened]] = {id_: {} for id_ in found}
    properties = "e.properties" if name in wanted.properties else "NULL"
    for fitting in wanted.events[name].values():
        rows = _rows(
            sql(
                "SELECT n.* FROM unnest({}::bigint[]) AS ids(id) CROSS JOIN LATERAL"
                f" (SELECT e.profile_id, e.id, {_micros('e.occurred_at')}, {properties} FROM audiences_event e"
                " WHERE e.tenant_id = {} AND e.profile_id = ids.id AND e.name = {} AND {}{}"
                " ORDER BY e.occurred_at DESC LIMIT {}) n",
                list(found),
                scope.tenant_id,
                name,
                fitting.span.sql(identifier("e.occurred_at")),
                event_sql.where("e", fitting.filters, scope),
                NEWEST,
            )
        )
        for profile_id, event_id, micros, text in rows:
            seen[profile_id][event_id] = Happened(_moment(micros), None if text is None else _json(text))
    for id_, facts in found.items():
        facts.happened[name] = sorted(seen[id_].values(), key=lambda event: event.at, reverse=True)
