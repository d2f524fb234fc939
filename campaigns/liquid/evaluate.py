"""What values mean while a template is filled, above all those that are missing.

A missing value is false in a condition, equals nil, blank, empty and "", loops over nothing, stays missing through
filters until ``default``, and refuses the person when it would be printed. What prints nothing is false as well.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from liquid.builtin.expressions import logical, primitive
from liquid.exceptions import LiquidError

from campaigns.liquid import complaints
from campaigns.liquid.limits import MAX_LOOPS, MAX_OUTPUT, MAX_WORK, TooMuch
from campaigns.liquid.speech import language_of
from campaigns.liquid.values import is_hole

Place = tuple[int, int]
Scope = tuple[
    dict[str, Any], dict[str, Any], dict[str, Any], dict[str, int], dict[str, int], dict[str, int], str
]


class Refusal(Exception):
    """This person's message cannot be made; says why and where."""

    def __init__(self, reason: str, place: Place = (0, 0)) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


class Aborted(Refusal):
    """The template itself says that this person gets nothing."""


class Missing:
    """The value of a path that has none, with what to say when someone wants to print it."""

    __slots__ = ("path", "place")

    def __init__(self, path: str, place: Place) -> None:
        self.path = path
        self.place = place

    def refusal(self) -> Refusal:
        return Refusal(complaints.no_value(self.path), self.place)


class Frame:
    """All that changes while one part is filled for one person."""

    __slots__ = (
        "arguments",
        "changed",
        "counters",
        "cycles",
        "data",
        "loops",
        "now",
        "out",
        "resumes",
        "rounds",
        "size",
        "variables",
        "work",
    )

    def __init__(self, data: dict[str, Any], now: datetime) -> None:
        self.data = data
        self.now = now
        self.out: list[str] = []
        self.arguments: dict[str, Any] = {}  # what the blocks around were given
        self.variables: dict[str, Any] = {}  # from assign and capture, and the arguments
        self.loops: dict[str, Any] = {}  # loop variables
        self.counters: dict[str, int] = {}
        self.cycles: dict[str, int] = {}
        self.resumes: dict[str, int] = {}  # where `offset: continue` goes on
        self.changed = ""
        self.size = 0
        self.rounds = 0
        self.work = 0

    def given(self, name: str) -> Any:
        """Return what filters may know of whom it is filled for: now, language or brand."""
        if name == "now":
            return self.now
        return language_of(self.data) if name == "language" else self.data.get("brand") or {}

    def enter(self, given: dict[str, Any]) -> Scope:
        """Begin a block that sees of all names only the arguments; return what to ``leave`` it with."""
        outside = (
            self.arguments,
            self.variables,
            self.loops,
            self.counters,
            self.cycles,
            self.resumes,
            self.changed,
        )
        self.arguments = {**self.arguments, **given}
        self.variables, self.loops, self.counters = dict(self.arguments), {}, {}
        self.cycles, self.resumes, self.changed = {}, {}, ""
        return outside

    def leave(self, outside: Scope) -> None:
        (
            self.arguments, self.variables, self.loops, self.counters, self.cycles, self.resumes, self.changed,
        ) = outside  # fmt: skip

    def write(self, text: str) -> None:
        self.out.append(text)
        self.size += len(text)
        if self.size > MAX_OUTPUT:
            raise TooMuch(f"This comes to more than {MAX_OUTPUT:,} characters.")

    def turn(self) -> None:
        """Count one round of a loop."""
        self.rounds += 1
        if self.rounds > MAX_LOOPS:
            raise TooMuch(f"The loops go round more than {MAX_LOOPS:,} times in all.")

    def charge(self, value: Any) -> None:
        """Count what a filter or a variable produced."""
        self.work += len(value) + 10 if isinstance(value, (str, list)) else 10
        if self.work > MAX_WORK:
            raise TooMuch("This does too much work on texts and lists.")


Value = Callable[[Frame], Any]
Step = Callable[[Frame], None]


def is_true(value: Any) -> bool:
    return not (value is False or value.__class__ is Missing or is_hole(value))


def equal(left: Any, right: Any) -> bool:
    if left is None or left.__class__ is Missing:
        return _is_nothing(right)
    if right is None or right.__class__ is Missing:
        return _is_nothing(left)
    return logical._eq(left, right)


def _is_nothing(value: Any) -> bool:
    return isinstance(value, (Missing, primitive.Blank, primitive.Empty)) or is_hole(value)


def less(left: Any, right: Any, place: Place, *, or_equal: bool) -> bool:
    if left is None or right is None or left.__class__ is Missing or right.__class__ is Missing:
        return False
    try:
        if or_equal:
            return logical._le(left, right)
        return logical._lt(None, left, right)  # type: ignore[arg-type]
    except LiquidError as error:
        raise Refusal("A text cannot be compared with a number.", place) from error


def contains(left: Any, right: Any, place: Place) -> bool:
    if not is_true(left) or not is_true(right):
        return False
    try:
        return logical._contains(None, left, right)  # type: ignore[arg-type]
    except (LiquidError, TypeError) as error:
        raise Refusal("Only a text or a list can contain something.", place) from error
