"""What a value may lack at one point of a template, and what is left of that in what is made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from liquid.builtin.expressions import StringLiteral
from liquid.builtin.expressions.filtered import Filter

from campaigns.liquid.guards import Keys
from campaigns.liquid.tree import KEEPING, PICKING
from campaigns.liquid.values import EACH, Key

ENDS = ("first", "last", 0, -1)
OF_LISTS = KEEPING | PICKING | {"map", "join", "join_and", "join_or", "slice", "find_index"}
COUNTING = ("size", "sum", "has")
NEVER: Keys = (0,)  # stands among needs for what nobody can have
NOTHING: frozenset[Keys] = frozenset()
MOST_PATHS, LONGEST_PATH = 30, 12  # of what one variable may be: in a loop they might grow for ever


@dataclass(frozen=True)
class Variable:
    """What a value may lack: data it was made of, or a value at all. Of itself it is a text or number of one's own."""

    needs: frozenset[Keys] = NOTHING
    aliases: frozenset[Keys] = NOTHING  # paths whose value it simply is, so that its members are theirs
    entries: frozenset[Keys] = NOTHING  # paths with EACH: it is a list of some of their values
    is_own: bool = True  # it may be something that was made here, and has no members
    is_list: bool = False  # what was made here is a list
    may_be_unset: bool = False
    may_be_empty: bool = False  # also where the needs are met
    is_stand_in: bool = (
        False  # it may be what a default put there, of which filters of lists may leave nothing
    )

    def joined(self, other: Variable | None) -> Variable:
        if other is None:
            return replace(self, may_be_unset=True)
        return Variable(
            self.needs | other.needs,
            self.aliases | other.aliases,
            self.entries | other.entries,
            self.is_own or other.is_own,
            self.is_list and other.is_list,
            self.may_be_unset or other.may_be_unset,
            self.may_be_empty or other.may_be_empty,
            self.is_stand_in or other.is_stand_in,
        )

    @property
    def parts(self) -> frozenset[Keys]:
        """The paths of what a loop over it would meet."""
        return self.entries | {(*alias, EACH) for alias in self.aliases}

    def picked(self, key: Key) -> Variable:
        """Return its entry at a number, or the first or last one."""
        aliases = {(*alias, key) for alias in self.aliases} | self.entries
        is_sure = key in ENDS if self.entries or self.is_list else bool(self.aliases)
        return replace(
            self,
            needs=self.needs - self.aliases | aliases,
            aliases=frozenset(aliases),
            entries=NOTHING,
            is_own=self.is_own and not aliases,
            is_list=False,
            may_be_empty=self.may_be_empty or not is_sure,
        )

    def within_reason(self) -> Variable:
        """Return itself; where it may be too many things to follow, something of which nothing is known."""
        paths = self.aliases | self.entries | self.needs
        if len(paths) <= MOST_PATHS and all(len(path) <= LONGEST_PATH for path in paths):
            return self
        return Variable(is_own=False, may_be_empty=True, may_be_unset=self.may_be_unset)

    def of_its_own(self, *, is_list: bool = False) -> Variable:
        """Return what is made of it by a filter."""
        return replace(self, aliases=NOTHING, entries=NOTHING, is_own=True, is_list=is_list)

    def member(self, key: Any) -> Variable:
        """Return what a key names in it; a tuple: what another path says."""
        if key == "size" and (self.entries or self.is_list or self.is_own):
            return replace(self.of_its_own(), may_be_empty=False)
        if isinstance(key, tuple):
            return Variable(self.needs, is_own=False, may_be_empty=True)
        if self.entries or (self.is_list and not self.aliases):
            found = (
                self.picked(key) if isinstance(key, int) or key in ENDS else replace(self, may_be_empty=True)
            )
        elif self.aliases:
            members = frozenset((*alias, key) for alias in self.aliases)
            found = replace(self, needs=self.needs - self.aliases | members, aliases=members)
        elif self.is_own:
            found = replace(self, needs=self.needs | {NEVER})
        else:
            found = replace(self, may_be_empty=True)
        return replace(found, needs=found.needs | {NEVER}) if self.is_own and not self.is_list else found

    def entry(self) -> Variable:
        """Return what a loop's name holds: one of its entries, each of which has to have what is asked of one."""
        parts = self.parts
        is_strange = not parts and not self.is_own
        return Variable(parts, aliases=parts, is_own=self.is_own, may_be_empty=is_strange)

    def or_else(self, instead: Variable, *, is_blank: bool) -> Variable:
        """Return what the filter ``default`` makes of it. Whoever gets a blank instead lacks all it might have had."""
        return replace(
            instead,
            aliases=instead.aliases | self.aliases,
            entries=instead.entries | self.entries,
            is_own=instead.is_own and not (is_blank and self.aliases),
            is_list=instead.is_list and self.is_list,
            is_stand_in=True,
        )


def filtered(value: Variable, used: Filter, arguments: list[Variable]) -> Variable:
    """Return what a filter makes of a value."""
    name = used.name
    if value.is_stand_in and name not in COUNTING:
        value = replace(value, may_be_empty=value.may_be_empty or name in OF_LISTS)
    if name in KEEPING or name == "slice":
        may_be_empty = (
            value.may_be_empty or name in ("where", "reject") or (name == "compact" and bool(arguments))
        )
        is_list = value.is_list or bool(value.parts)
        return replace(
            value, aliases=NOTHING, entries=value.parts, is_list=is_list, may_be_empty=may_be_empty
        )
    if name in ("first", "last"):
        return value.picked(name)
    if name == "find":
        return replace(value.picked("first"), needs=value.needs, aliases=value.parts, may_be_empty=True)
    if name == "find_index":
        return replace(value.of_its_own(), may_be_empty=True)
    if name == "map":
        return _mapped(value, used)
    if name == "concat":
        entries = value.parts | arguments[0].parts if arguments else value.parts
        return Variable(entries=entries, is_own=not entries, is_list=True)
    if name in COUNTING:
        return replace(value.of_its_own(), may_be_empty=False)
    return value.of_its_own(is_list=name == "split")


def _mapped(value: Variable, used: Filter) -> Variable:
    key = used.args[0].value if used.args else None
    if not value.parts or not isinstance(key, StringLiteral):
        return replace(value.of_its_own(is_list=True), is_own=False, may_be_empty=True)
    entries = frozenset((*part, key.value) for part in value.parts)
    return replace(value, needs=value.needs | entries, aliases=NOTHING, entries=entries, is_list=True)
