"""What a person's clock shows now: hours of the day, and days of the week.

Which zones' clocks show it is worked out here and SQL is told their names: PostgreSQL may know other zones than Python,
and stops at a name that it does not know.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from audiences import attributes
from audiences.rules.fragments import Fragment, sql
from audiences.rules.phrases import listed
from audiences.rules.scope import Scope
from audiences.rules.tree import Condition, InvalidRule
from audiences.rules.wanted import Wanted

if TYPE_CHECKING:
    from audiences.facts import Facts

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"


class LocalTime(Condition, frozen=True, tag="local_time", kw_only=True):
    """It is now between two times, the second excluded, on one of some weekdays; by their zone, else the tenant's.

    Hours may cross midnight; then they belong to the day on which they begin.
    """

    start: str | None = msgspec.field(name="from", default=None)
    end: str | None = msgspec.field(name="to", default=None)
    weekdays: list[str] | None = None

    def check(self) -> None:
        if (self.start is None) != (self.end is None):
            raise InvalidRule("to" if self.end is None else "from", "Give both “from” and “to”.")
        if self.start is None and self.weekdays is None:
            raise InvalidRule("from", "Say between which times, or on which weekdays.")
        for field, clock in (("from", self.start), ("to", self.end)):
            if clock is not None and not re.fullmatch(CLOCK, clock):
                raise InvalidRule(field, "Expected a time of day such as “18:00”.")
        if self.start is not None and self.start == self.end:
            raise InvalidRule("to", "Expected another time than “from”.")
        if self.weekdays is not None and not self.weekdays:
            raise InvalidRule("weekdays", "Expected at least one weekday.")
        for day in self.weekdays or ():
            if day not in WEEKDAYS:
                raise InvalidRule("weekdays", f"Expected {listed(WEEKDAYS, 'or')}; found {day!r}.")

    def _covers(self, local: datetime) -> bool:
        """Whether a clock that shows ``local`` shows what is asked for."""
        day: date = local.date()
        if self.start is not None and self.end is not None:
            start, end, at = time.fromisoformat(self.start), time.fromisoformat(self.end), local.time()
            if start < end:
                if not start <= at < end:
                    return False
            elif at < end:
                day -= timedelta(days=1)  # the night began yesterday
            elif at < start:
                return False
        return self.weekdays is None or WEEKDAYS[day.weekday()] in self.weekdays

    def sql(self, scope: Scope) -> Fragment:
        known = attributes.zones().values()
        covered = [name for name in known if self._covers(_shown(scope.now, name))]
        return sql(
            "p.timezone = ANY({}::text[]) OR ((p.timezone IS NULL OR p.timezone <> ALL({}::text[]))"
            " AND (SELECT t.timezone = ANY({}::text[]) FROM tenants_tenant t WHERE t.id = {}))",
            covered,
            list(known),
            covered,
            scope.tenant_id,
        )

    def wants(self, wanted: Wanted, now: datetime) -> None:
        wanted.tenant_zone = True

    def _zone(self, facts: Facts) -> str:
        zone = facts.attribute("timezone")
        return zone if zone in _names() else facts.tenant_zone()

    def holds(self, subject: Facts, now: datetime) -> bool:
        return self._covers(_shown(now, self._zone(subject)))

    def words(self, is_opposite: bool = False) -> str:
        hours = f" between {self.start} and {self.end}" if self.start else ""
        days = (
            listed((day.capitalize() for day in sorted(self.weekdays, key=WEEKDAYS.index)), "or")
            if self.weekdays
            else ""
        )
        on = f" on {days}" if hours and days else f" {days}"
        return f"for whom it is {'not ' if is_opposite else ''}now{hours}{on if days else ''}"

    def seen(self, subject: Facts, now: datetime) -> str:
        zone = self._zone(subject)
        of = "" if zone == subject.attribute("timezone") else ", the brand's zone"
        return f"{_shown(now, zone):%A, %H:%M} in {zone}{of}"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        clock = {"type": "string", "pattern": f"^{CLOCK}$"}
        return {
            "type": "object",
            "properties": {
                "on": {"const": "local_time"},
                "from": clock,
                "to": clock,
                "weekdays": {"type": "array", "items": {"enum": list(WEEKDAYS)}, "minItems": 1},
            },
            "required": ["on"],
            "anyOf": [{"required": ["from", "to"]}, {"required": ["weekdays"]}],
            "dependentRequired": {"from": ["to"], "to": ["from"]},
            "additionalProperties": False,
        }


def _shown(now: datetime, zone: str) -> datetime:
    return now.astimezone(_zone_info(zone))


@cache  # zoneinfo itself keeps only a few, and there are six hundred
def _zone_info(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@cache
def _names() -> frozenset[str]:
    return frozenset(attributes.zones().values())
