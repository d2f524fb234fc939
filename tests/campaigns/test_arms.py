"""Who falls to which arm: a table of cases, shares that keep to their weights, campaigns independent of each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from campaigns import arms
from campaigns.arms import Choice, Spec, Standing, Way, Words, group
from tests.audiences.rules.world import property_

PEOPLE = range(1, 20_001)
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
VIP = {"on": "attribute", "name": "is_vip", "operator": "is", "value": True}
BERLIN = {"on": "attribute", "name": "city", "operator": "is", "value": "Berlin"}


def way(key: str, weight: int = 50, *needs: str) -> Way:
    return Way(key, weight, (Words(ord(key[0]), "email", "", needs),))


def spec(*groups: arms.Group, default: Way | None = None, control: int = 0, salt: int = 7) -> Spec:
    return Spec(1, 1, control, arms.salt(salt, "control"), arms.salt(salt, "share"), groups, default)


def everyone(*ways: Way) -> arms.Group:
    return group("everyone", None, ways)


def only(rule: dict[str, Any], *ways: Way) -> arms.Group:
    return group(str(rule["value"]), rule, ways)


def worth(operator: str, value: float, *ways: Way, rule: dict[str, Any] | None = None) -> arms.Group:
    """A group for events of such a value."""
    return group(f"{operator} {value}", rule, ways, where=[property_("value", operator, value)])


@dataclass
class Person:
    """One profile as far as choosing looks at it."""

    fits: Sequence[dict[str, Any]] = ()
    has: set[str] = field(default_factory=set)
    standing: Standing | None = None
    event: dict[str, Any] | None = None
    id: int = 1
    speaks: str | None = None

    def choose(self, which: Spec) -> Choice:
        return arms.choose(
            which,
            profile_id=self.id,
            standing=self.standing,
            matches=lambda rule: rule in self.fits,
            lacks=lambda needs: [need for need in needs if need not in self.has],
            fits=partial(arms.fits, self.event, NOW),
            spoken=self.speaks,
        )


NAME, CITY = "profile.first_name", "profile.city"
HELD = Standing(is_control=True, shares={})
FREE = Standing(is_control=False, shares={})
A, B = way("a"), way("b")
NAMED = way("a", 50, NAME)
DEFAULT = way("d", 50)
NAMED_IN_GERMAN = Way("a", 50, (Words(1, "email", "", ()), Words(2, "email", "de", (NAME,))), "en")
NAMED_BUT_IN_GERMAN = Way("a", 50, (Words(1, "email", "", (NAME,)), Words(2, "email", "de", ())), "en")

SMALL, LARGE = worth("less", 10, way("s")), worth("at_least", 200, way("l"))
CARTS = spec(SMALL, LARGE, default=DEFAULT)

CASES = {
    "an event below the first border": (CARTS, Person(event={"value": 9.99}), "s"),
    "an event on the first border is in between": (CARTS, Person(event={"value": 10}), "d"),
    "an event on the second border": (CARTS, Person(event={"value": 200}), "l"),
    "an event in between": (CARTS, Person(event={"value": 199.99}), "d"),
    "an event without the property fits none": (CARTS, Person(event={"total": 5}), "d"),
    "nor does one where it is null": (CARTS, Person(event={"value": None}), "d"),
    "nor one where it is a text": (CARTS, Person(event={"value": "5"}), "d"),
    "nor where there is no event": (CARTS, Person(), "d"),
    "no event fits and there is no default": (spec(SMALL, LARGE), Person(event={"value": 50}), ""),
    "where two fit, the first gets it": (spec(worth("less", 20, A), SMALL), Person(event={"value": 5}), "a"),
    "the event fits and the rule does not": (
        spec(worth("less", 10, A, rule=VIP), SMALL), Person(event={"value": 5}), "s"),
    "both fit": (spec(worth("less", 10, A, rule=VIP), SMALL), Person([VIP], event={"value": 5}), "a"),
    "the event fits and they lack what is needed": (
        spec(worth("less", 10, NAMED), default=DEFAULT), Person(event={"value": 5}), "d"),
    "one variant takes everybody": (spec(everyone(A)), Person(), "a"),
    "no variant at all": (spec(), Person(), ""),
    "only a default": (spec(default=DEFAULT), Person(), "d"),
    "weight 0 gets nobody": (spec(everyone(way("a", 0), B)), Person(), "b"),
    "the rule holds": (spec(only(VIP, A), everyone(B)), Person([VIP]), "a"),
    "the rule does not hold": (spec(only(VIP, A), everyone(B)), Person(), "b"),
    "the first rule that holds wins": (spec(only(VIP, A), only(BERLIN, B)), Person([VIP, BERLIN]), "a"),
    "the second, if only that holds": (spec(only(VIP, A), only(BERLIN, B)), Person([BERLIN]), "b"),
    "no rule holds and there is no default": (spec(only(VIP, A)), Person(), ""),
    "no rule holds and there is a default": (spec(only(VIP, A), default=DEFAULT), Person(), "d"),
    "has what is needed": (spec(everyone(NAMED)), Person(has={NAME}), "a"),
    "lacks it and there is nothing else": (spec(everyone(NAMED)), Person(), ""),
    "lacks it and falls to the default": (spec(everyone(NAMED), default=DEFAULT), Person(), "d"),
    "lacks it and falls to the next group": (spec(only(VIP, NAMED), everyone(B)), Person([VIP]), "b"),
    "has one need of two": (spec(everyone(way("a", 50, NAME, CITY)), default=DEFAULT), Person(has={NAME}), "d"),
    "has both needs": (spec(everyone(way("a", 50, NAME, CITY)), default=DEFAULT), Person(has={NAME, CITY}), "a"),
    "a group asks for what any of its variants needs": (
        spec(everyone(way("a", 1, NAME), way("b", 1000)), default=DEFAULT), Person(), "d",
    ),
    "a variant of weight 0 asks for nothing": (spec(everyone(way("a", 0, NAME), B)), Person(), "b"),
    "what their language's words need counts": (
        spec(everyone(NAMED_IN_GERMAN), default=DEFAULT), Person(speaks="de-AT"), "d"),
    "what another language's words need does not": (
        spec(everyone(NAMED_IN_GERMAN), default=DEFAULT), Person(speaks="fr"), "a"),
    "nor what the default words need, where they have their own": (
        spec(everyone(NAMED_BUT_IN_GERMAN), default=DEFAULT), Person(speaks="de"), "a"),
    "but it does where they have not": (
        spec(everyone(NAMED_BUT_IN_GERMAN), default=DEFAULT), Person(speaks="fr"), "d"),
    "a group asks for what any of its variants needs in their language": (
        spec(everyone(NAMED_IN_GERMAN, B), default=DEFAULT), Person(speaks="de"), "d"),
    "control 0 holds nobody": (spec(everyone(A), control=0), Person(), "a"),
    "once in the control group, always": (spec(everyone(A), control=0), Person(standing=HELD), "control"),
    "once out of it, never in": (spec(everyone(A), control=50), Person(standing=FREE, id=1), "a"),
    "control whom no variant takes is not held out": (spec(only(VIP, A)), Person(standing=HELD), ""),
    "control who lacks data is not held out": (spec(everyone(NAMED)), Person(standing=HELD), ""),
    "control whom the default takes is held out": (
        spec(everyone(NAMED), default=DEFAULT), Person(standing=HELD), "control",
    ),
    "a share is kept": (spec(everyone(A, B)), Person(standing=Standing(False, {"everyone": "b"})), "b"),
    "a share is kept whatever the weights become": (
        spec(everyone(way("a", 1000), way("b", 1))), Person(standing=Standing(False, {"everyone": "b"})), "b",
    ),
    "a share is kept when the group's rule changes": (
        spec(only(VIP, A, B)), Person([VIP], standing=Standing(False, {"everyone": "b"})), "b",
    ),
    "a share of a variant that is gone is drawn anew": (
        spec(everyone(A)), Person(standing=Standing(False, {"everyone": "z"})), "a",
    ),
    "a share of a variant that now has weight 0 is drawn anew": (
        spec(everyone(A, way("b", 0))), Person(standing=Standing(False, {"everyone": "b"})), "a",
    ),
    "each group remembers its own share": (
        spec(only(VIP, A, B), everyone(way("x"), way("y"))),
        Person([VIP], standing=Standing(False, {"everyone": "y", "True": "b"})), "b",
    ),
    "which group is decided anew": (
        spec(only(VIP, A), everyone(way("x"))), Person(standing=Standing(False, {"True": "a"})), "x",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("which", "person", "arm"), CASES.values(), ids=CASES.keys())
def test_the_table_of_arms(which: Spec, person: Person, arm: str) -> None:
    assert person.choose(which).arm == arm


def test_who_gets_nothing_is_told_why() -> None:
    lacking = Person().choose(spec(everyone(way("a", 50, NAME, CITY))))
    assert (lacking.reason, lacking.lacks) == ("lacks_data", (NAME, CITY))
    unmeant = Person().choose(spec(only(VIP, NAMED)))
    assert (unmeant.reason, unmeant.lacks) == ("no_variant", ())


def test_the_default_says_what_was_lacking() -> None:
    choice = Person().choose(spec(everyone(NAMED), default=DEFAULT))
    assert (choice.arm, choice.lacks, choice.reason) == ("d", (NAME,), "")


def test_each_group_tried_is_kept_in_order() -> None:
    choice = Person([VIP]).choose(spec(only(BERLIN, A), only(VIP, NAMED), everyone(B)))
    assert [(one.group, one.matched, one.lacks) for one in choice.tried] == [
        ("Berlin", False, ()),
        ("True", True, (NAME,)),
        ("everyone", True, ()),
    ]


def test_a_control_profile_knows_what_it_would_have_got() -> None:
    choice = Person(standing=HELD).choose(spec(everyone(A)))
    assert choice.arm == "control"
    assert choice.way is not None
    assert choice.way.content("email") == A.contents[0]


def shared_out(which: Spec) -> list[str]:
    return [Person(id=id_).choose(which).arm for id_ in PEOPLE]


def within_limits(found: int, share: float) -> bool:
    """Within four standard deviations of a binomial: false alarms come once in 16,000 times."""
    expected = len(PEOPLE) * share
    return abs(found - expected) <= 4 * (expected * (1 - share)) ** 0.5


@pytest.mark.parametrize("weights", [(50, 50), (1, 2, 7), (100, 0), (333, 333, 334), (1, 999)])
def test_shares_keep_to_their_weights(weights: tuple[int, ...]) -> None:
    keys = "abc"[: len(weights)]
    found = Counter(shared_out(spec(everyone(*map(way, keys, weights)))))
    for key, weight in zip(keys, weights, strict=True):
        assert within_limits(found[key], weight / sum(weights)), (key, found)


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_the_control_group_is_as_large_as_set(percent: int) -> None:
    found = Counter(shared_out(spec(everyone(A), control=percent)))
    assert within_limits(found["control"], percent / 100)


def test_the_control_group_takes_from_all_variants_alike() -> None:
    """Another salt for the shares: else control would be cut from one variant's end of the buckets."""
    found = Counter(shared_out(spec(everyone(A, B), control=20)))
    assert within_limits(found["a"], 0.4)
    assert within_limits(found["b"], 0.4)


def test_two_campaigns_are_shared_out_independently() -> None:
    ones = shared_out(spec(everyone(A, B), salt=1))
    others = shared_out(spec(everyone(A, B), salt=2))
    for pair, found in Counter(zip(ones, others, strict=True)).items():
        assert within_limits(found, 0.25), (pair, found)


def test_the_same_campaign_is_shared_out_the_same_every_time() -> None:
    assert shared_out(spec(everyone(A, B), control=10)) == shared_out(spec(everyone(A, B), control=10))


def test_weights_that_change_move_only_those_at_the_border() -> None:
    """Without any memory 50/50 to 60/40 moves a tenth, not half."""
    before = shared_out(spec(everyone(way("a", 50), way("b", 50))))
    after = shared_out(spec(everyone(way("a", 60), way("b", 40))))
    moved = sum(one != other for one, other in zip(before, after, strict=True))
    assert within_limits(moved, 0.1)


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        pytest.param({"value": 5}, {"event.value": "5", "because": "value is less than 10"}, id="taken"),
        pytest.param({"value": 50}, {"event.value": "50"}, id="by the default"),
        pytest.param({}, {"event.value": "missing"}, id="missing"),
        pytest.param({"value": "5"}, {"event.value": "“5”, which is no number"}, id="of another type"),
    ],
)
def test_a_choice_says_what_it_saw_of_the_event(event: dict[str, Any], seen: dict[str, str]) -> None:
    assert arms.seen(Person(event=event).choose(CARTS), event, now=NOW) == seen


def test_a_choice_that_asked_nothing_of_the_event_saw_nothing() -> None:
    assert arms.seen(Person(event={"value": 5}).choose(spec(everyone(A))), {"value": 5}, now=NOW) == {}
