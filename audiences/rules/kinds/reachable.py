"""Whether a marketing message can be sent to somebody: an address that is not suppressed, and no unsubscribing.

What that takes is each channel's to say, in SQL; facts in memory are loaded by the same words.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audiences import messages
from audiences.rules.fragments import Fragment, join
from audiences.rules.kinds.comparison import check_channel
from audiences.rules.phrases import article, listed
from audiences.rules.scope import Scope
from audiences.rules.tree import Condition
from audiences.rules.wanted import Wanted

if TYPE_CHECKING:
    from audiences.facts import Facts


class Reachable(Condition, frozen=True, tag="reachable", kw_only=True):
    """Can be sent a marketing message on a channel, or on any; or cannot."""

    channel: str = ""  # any
    is_so: bool = msgspec.field(name="is", default=True)

    def check(self) -> None:
        check_channel(self.channel)

    def _channels(self) -> list[messages.Channel]:
        return [one for one in messages.channels() if self.channel in ("", one.kind)]

    def sql(self, scope: Scope) -> Fragment:
        return self._sql(is_so=self.is_so)

    def opposite_sql(self, scope: Scope) -> Fragment:
        return self._sql(is_so=not self.is_so)

    def _sql(self, *, is_so: bool) -> Fragment:
        any_ = join(
            " OR ", [Fragment(one.reachable_sql("p")) for one in self._channels()] or [Fragment("FALSE")]
        )
        return any_ if is_so else Fragment(f"({any_.text}) IS NOT TRUE")

    def wants(self, wanted: Wanted, now: datetime) -> None:
        wanted.reachable |= {one.kind for one in self._channels()}

    def holds(self, subject: Facts, now: datetime) -> bool:
        return any(subject.is_reachable(one.kind) for one in self._channels()) == self.is_so

    def words(self, is_opposite: bool = False) -> str:
        channel = messages.channel(self.channel)
        can = "can" if self.is_so != is_opposite else "cannot"
        return f"who {can} be sent {article(channel.noun) if channel else 'a message on any channel'}"

    def seen(self, subject: Facts, now: datetime) -> str:
        reached = [one.label for one in self._channels() if subject.is_reachable(one.kind)]
        if reached:
            return f"reachable by {listed(reached, 'and')}"
        left = [one.label for one in self._channels() if subject.consent.get(one.kind) == "unsubscribed"]
        return f"unsubscribed from {listed(left, 'and')}" if left else "no address, or a suppressed one"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                "on": {"const": "reachable"},
                "channel": {"enum": ["", *(one.kind for one in messages.channels())]},
                "is": {"type": "boolean", "default": True},
            },
            "required": ["on"],
            "additionalProperties": False,
        }
