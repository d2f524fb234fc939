"""A random but lasting share of all profiles: the same people as long as the salt is the same."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audiences import buckets
from audiences.rules.fragments import Fragment, identifier, sql
from audiences.rules.scope import Scope
from audiences.rules.tree import Condition, InvalidRule

if TYPE_CHECKING:
    from audiences.facts import Facts

BIGGEST_SALT = 2**63 - 1


class Bucket(Condition, frozen=True, tag="bucket", kw_only=True):
    """Those whose bucket (0 to 9999) lies between two, both included."""

    salt: int
    low: int = msgspec.field(name="from")
    high: int = msgspec.field(name="to")

    def check(self) -> None:
        if not 0 <= self.salt <= BIGGEST_SALT:
            raise InvalidRule("salt", "Expected a whole number from 0 to 9223372036854775807.")
        for field, value in (("from", self.low), ("to", self.high)):
            if not 0 <= value < buckets.COUNT:
                raise InvalidRule(field, "Expected a bucket from 0 to 9999.")
        if self.low > self.high:
            raise InvalidRule("to", "Expected a bucket not before “from”.")

    def sql(self, scope: Scope) -> Fragment:
        bucket = sql(buckets.SQL, identifier("p.id"), self.salt)
        return sql("{} BETWEEN {} AND {}", bucket, self.low, self.high)

    def holds(self, subject: Facts, now: datetime) -> bool:
        return self.low <= buckets.bucket(subject.id, self.salt) <= self.high

    def words(self, is_opposite: bool = False) -> str:
        percent = f"{(self.high - self.low + 1) * 100 / buckets.COUNT:g} %"
        where = "is not" if is_opposite else "is"
        return f"who {where} in a random {percent} (buckets {self.low} to {self.high}, salt {self.salt})"

    def seen(self, subject: Facts, now: datetime) -> str:
        return f"bucket {buckets.bucket(subject.id, self.salt)}"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        bucket = {"type": "integer", "minimum": 0, "maximum": buckets.COUNT - 1}
        return {
            "type": "object",
            "properties": {
                "on": {"const": "bucket"},
                "salt": {"type": "integer", "minimum": 0, "maximum": BIGGEST_SALT},
                "from": bucket,
                "to": bucket,
            },
            "required": ["on", "salt", "from", "to"],
            "additionalProperties": False,
        }
