"""Random rules and random people, from pools small enough that they often meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from audiences.rules import operands, operators
from audiences.rules.kinds.local_time import WEEKDAYS
from tests.audiences.rules import world
from tests.audiences.rules.world import (
    AUTUMN,
    NOW,
    SPRING,
    TICK,
    attribute,
    bucket,
    consent,
    event,
    language,
    local_time,
    location,
    message,
    property_,
    reachable,
    segment,
)

LETTERS = "aAbÉéßẞΣσςİiKk\u212a%_\\'\"\x01 e\u0301東🙂"
EVENTS = ("X", "Y", "it's 100%")
SHIFTS = [
    timedelta(0),
    TICK,
    -TICK,
    timedelta(days=1),
    timedelta(days=-1),
    timedelta(days=-7),
    timedelta(days=-30),
]
LENGTHS = [{"minutes": 1}, {"days": 1}, {"weeks": 1}, {"days": 30}]

moments = st.sampled_from([NOW + shift for shift in SHIFTS]) | st.datetimes(
    datetime(2026, 5, 1), datetime(2026, 6, 30), timezones=st.just(UTC)
)
times = (
    moments.map(lambda at: at.isoformat())
    | moments.map(lambda at: at.isoformat().replace("+00:00", "Z"))
    | moments.map(lambda at: at.date().isoformat())
    | st.sampled_from(["2026-06-15 12:00", "2026-06-15T14:00:00+02:00", "2026-06-15T12:00:00.1234567+0200"])
)
no_times = st.sampled_from(
    ["now", "2026-02-30", "0000-01-01", "2026-06-15T24:00", "2026-6-5", "20260615", "2026-06-15T12:00:00+15:00",
     "infinity", "2100-02-29", "2026-06-15T12:00:00z", "2026-06-15\n"]
)  # fmt: skip
texts = (
    st.text(st.sampled_from(LETTERS), max_size=4)
    | times
    | no_times
    | st.sampled_from(["1", "true", "null", ""])
)
numbers = (
    st.sampled_from(
        [0, 1, -1, 1.0, 0.5, 0.1, 1e23, 10**23, 2**53 + 1, float(2**53), 12345678901234567890, 1e-7]
    )
    | st.integers(-3, 3)
    | st.floats(-1e6, 1e6)
)
scalars = st.booleans() | numbers | texts
json_values = st.recursive(
    st.none() | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)
documents = st.dictionaries(st.sampled_from(["a", "b", "it's %"]), json_values, max_size=3)
traces = st.fixed_dictionaries(
    {"delivery": st.sampled_from([1, 1, 2, 1.0, "1", None, [1]])},
    optional={
        "campaign": st.sampled_from([SPRING, SPRING, AUTUMN, None]),
        "variant": st.sampled_from(["a", "b", 1]),
        "channel": st.sampled_from(["email", "pigeon"]),
        "machine": st.sampled_from(["yes", None]),
    },
)
TRACES = ("Email Sent", "Email Opened", "Email Link Clicked", "Unsubscribed", "Message Converted")
paths = st.sampled_from(["a", "a", "a", "b", "a.b", "a.b.c", "b.a", "a.0", "it's %"])

LATITUDES, LONGITUDES = (
    (-90.0, -89.9, 0.0, 48.85, 48.86, 89.9, 90.0),
    (-180.0, -179.9, 0.0, 2.35, 2.36, 179.9, 180.0),
)
people = st.fixed_dictionaries(
    {
        "city": st.none() | texts.filter(lambda text: "\0" not in text),
        "language": st.none() | st.sampled_from(["en", "pt-BR", "EN", "pt", "pth", "pt_BR"]),
        "timezone": st.none()
        | st.sampled_from(["UTC", "Asia/Kathmandu", "Pacific/Apia", "America/New_York", "No/Where"]),
        "email": st.none() | st.sampled_from(["", "a@x.test", "B@X.test", "c@x.test"]),
        "latitude": st.none() | st.sampled_from(LATITUDES) | st.floats(-90, 90),
        "longitude": st.none() | st.sampled_from(LONGITUDES) | st.floats(-180, 180),
        "country": st.none() | st.sampled_from(["FR", "DE"]),
        "region": st.none() | st.sampled_from(["É", "x"]),
        "last_seen_at": st.none() | moments,
        "attributes": documents,
        "consent": st.dictionaries(
            st.sampled_from(["email", "topic:a"]), st.sampled_from(["subscribed", "opted_in", "unsubscribed"])
        ),
        "done": st.lists(
            st.tuples(st.sampled_from(EVENTS), moments, documents)
            | st.tuples(st.sampled_from(TRACES), moments, traces),
            max_size=6,
        ),
    }
)

OPERANDS: dict[str, st.SearchStrategy[Any]] = {
    "Equality": scalars,
    "Among": st.lists(scalars, min_size=1, max_size=3)
    | st.lists(scalars, min_size=operands.MANY + 1, max_size=25),
    "Text": texts.filter(bool),
    "Order": numbers,
    "Includes": scalars,
}
WITH_TIME = {"before": times, "after": times}


def operand(name: str) -> st.SearchStrategy[tuple[Any, ...]]:
    """What an operator is compared with: nothing, or one value."""
    if name == "between":
        pairs = st.tuples(numbers, numbers).map(sorted) | st.tuples(moments, moments).map(sorted).map(
            lambda pair: [at.isoformat() for at in pair]
        )
        return st.tuples(pairs)
    operator = operators.OPERATORS[name]
    if not operator.needs_value:
        return st.just(())
    if isinstance(operator, operators.Moment):
        return st.tuples(WITH_TIME.get(name, st.sampled_from(LENGTHS)))
    if isinstance(operator, operators.Includes) and operator.is_list:
        return st.tuples(OPERANDS["Among"])
    return st.tuples(OPERANDS[type(operator).__name__])


@st.composite
def comparisons(
    draw: st.DrawFn, names: st.SearchStrategy[str] = paths, on: str = "attribute"
) -> dict[str, Any]:
    operator = draw(st.sampled_from(operators.NAMES))
    value = draw(operand(operator))
    more = {"or_missing": True} if value and draw(st.booleans()) else {}
    return (attribute if on == "attribute" else property_)(draw(names), operator, *value, **more)


any_ = st.booleans()
TEXT_OPERATORS = ["is", "is_not", "contains", "does_not_contain", "starts_with", "ends_with"]
points = st.tuples(st.sampled_from(LATITUDES), st.sampled_from(LONGITUDES))
tags = st.sampled_from(["pt", "PT", "pt-BR", "pth", "en", "fr"])
clocks = st.sampled_from(["00:00", "01:00", "08:00", "12:00", "14:00", "17:45", "23:59"])
hours = st.tuples(clocks, clocks).filter(lambda pair: pair[0] != pair[1])
weekdays = st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=3, unique=True)
on_columns = st.one_of(
    st.builds(attribute, st.sampled_from(["city", "language"]), st.sampled_from(TEXT_OPERATORS), texts.filter(bool)),
    st.builds(attribute, st.just("latitude"), st.sampled_from(["is", "is_not", "greater", "at_most"]), numbers),
    st.builds(attribute, st.just("last_seen_at"), st.sampled_from(["before", "after"]), times, or_missing=any_),
    st.builds(attribute, st.just("last_seen_at"), st.just("within_last"), st.sampled_from(LENGTHS)),
    st.builds(attribute, st.sampled_from(["city", "latitude"]), st.sampled_from(["exists", "is_missing"])),
    st.builds(consent, st.sampled_from(["email", "topic:a"]), st.just("is_not"), st.just("unsubscribed"),
              or_missing=any_),
    st.builds(language, st.sampled_from(["is", "is_not"]), tags, exactly=any_, or_missing=any_),
    st.builds(language, st.sampled_from(["is_one_of", "is_none_of"]), st.lists(tags, min_size=1), or_missing=any_),
    st.builds(lambda pair, **more: local_time(*pair, **more), hours, weekdays=weekdays),
    st.builds(lambda pair: local_time(*pair), hours),
    st.builds(location, city=st.lists(texts.filter(bool), min_size=1, max_size=2), in_=any_, or_missing=any_),
    st.builds(location, country=st.just(["FR"]), region=st.just(["é", "y"]), in_=any_, or_missing=any_),
    st.builds(lambda points, **more: world.near(*points, **more), st.lists(points, min_size=1, max_size=3),
              within_km=st.sampled_from([0.001, 1.2, 12, 300, 10_007.6, 20_015.2]), is_=any_, or_missing=any_),
    st.builds(reachable, st.sampled_from(["", "email"]), is_=any_),
    st.builds(bucket, st.integers(0, 4000), st.integers(4000, 9999), st.integers(0, 2**63 - 1)),
)  # fmt: skip


def near(value: Any) -> st.SearchStrategy[Any]:
    """What a value is compared with that tells the difference: itself, changed a little, or as another type."""
    if isinstance(value, bool) or value is None:
        return st.sampled_from([value is True, str(value).lower(), int(value or 0)])
    if isinstance(value, int | float):
        return st.sampled_from(
            [value, float(value), int(value), value + 1, value - 1, value + 1e-9, str(value)]
        )
    if isinstance(value, str):
        half = len(value) // 2
        return st.sampled_from(
            [value, value.swapcase(), value.lower(), value.upper(), value[:half], value[half:], "a"]
        )
    if isinstance(value, list) and value:
        return near(value[0])
    return scalars


@st.composite
def close_calls(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return properties, and conditions on them that are close to the border between true and false."""
    value = draw(json_values | texts | numbers | times)
    conditions = []
    for name in draw(st.lists(st.sampled_from(operators.NAMES), min_size=5, max_size=12)):
        if name not in operators.OPERATORS or not operators.OPERATORS[name].needs_value:
            conditions.append(draw(comparisons(names=st.just("a"), on="property")))
            continue
        operator = operators.OPERATORS[name]
        against: Any = [draw(near(value)), draw(scalars)] if _takes_list(operator) else draw(near(value))
        try:
            operator.check(against)
        except ValueError:
            against = draw(operand(name))[0]
        conditions.append(property_("a", name, against, or_missing=draw(any_)))
    return {"a": value}, conditions


def _takes_list(operator: operators.Operator) -> bool:
    return isinstance(operator, operators.Among) or (
        isinstance(operator, operators.Includes) and operator.is_list
    )


def groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda kind, of: {kind: of}, st.sampled_from(["all", "any", "none"]), st.lists(inner, max_size=3)
    )


filters = st.lists(st.recursive(comparisons(on="property"), groups, max_leaves=3), max_size=2)
counts = st.one_of(
    st.just({}),
    st.builds(lambda n: {"at_least": n}, st.integers(1, 3)),
    st.builds(lambda n: {"at_most": n}, st.integers(0, 3)),
    st.builds(lambda n: {"exactly": n}, st.integers(0, 3)),
)
spans = st.one_of(
    st.just({}),
    st.builds(lambda length: {"within": length}, st.sampled_from(LENGTHS)),
    st.builds(lambda at: {"from": at}, times),
    st.builds(lambda at: {"to": at}, times),
    st.builds(
        lambda pair: dict(zip(("from", "to"), (at.isoformat() for at in sorted(pair)), strict=True)),
        st.tuples(moments, moments),
    ),
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    span, where = draw(spans), draw(filters)
    which = draw(st.sampled_from([None, "first", "last"])) if span or where else None
    how = {"which": which} if which else draw(counts)
    return event(draw(st.sampled_from(EVENTS)), did=draw(st.booleans()), where=where, **how, **span)


deeds = st.sampled_from(["received", "opened", "clicked", "converted", "ignored", "ignored", "unsubscribed"])
campaigns = st.sampled_from(
    [{}, {"campaign": SPRING}, {"campaign": AUTUMN}, {"campaign": SPRING, "variant": "a"}]
)


@st.composite
def about_messages(draw: st.DrawFn) -> dict[str, Any]:
    what, span = draw(deeds), draw(spans)
    more = draw(counts) | draw(campaigns) | draw(st.sampled_from([{}, {"channel": "email"}]))
    if what == "ignored":
        more = more | {"unopened_for": draw(st.sampled_from(LENGTHS[:2]))}
        span = {"within": {"days": 30}} if "within" in span else span
    return message(what, did=draw(any_), **span, **more)


conditions = comparisons() | on_columns | events() | about_messages()
rules = st.recursive(
    conditions,
    lambda inner: (
        groups(inner)
        | st.builds(
            lambda rule, is_in: segment("00000000-0000-4000-8000-000000000001", in_=is_in, rule=rule),
            inner,
            st.booleans(),
        )
    ),
    max_leaves=6,
)
