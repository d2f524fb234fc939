"""Recipes: campaigns that start with words, a goal and a control group already filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from audiences.models import Place
from campaigns import triggers
from campaigns.calendar.schedule import Schedule, next_on


@dataclass(frozen=True, slots=True)
class Wording:
    """A variant to begin with: the starter's words, some of them said otherwise."""

    name: str
    fields: dict[str, str]
    where: list[dict[str, Any]] = field(default_factory=list)  # filters on the event that sets it off
    is_default: bool = False


def _value(operator: str, number: int) -> dict[str, Any]:
    return {"on": "property", "name": "value", "operator": operator, "value": number}


@dataclass(frozen=True, slots=True)
class Recipe:
    key: str
    label: str
    icon: str
    description: str
    starter: str  # a channel's starter of this key, where it has one
    control_percent: int
    goal: dict[str, Any]
    schedule: dict[str, Any] = field(default_factory=dict)  # a version's fields
    weekly: tuple[int, time] | None = None  # of what repeats: the weekday, Monday is 0, and the hour
    visited: str = ""  # of what a place sets off: one of triggers.VISITS
    wordings: tuple[Wording, ...] = (Wording("A", {}),)

    def fields(self, *, today: date, place: Place | None = None) -> dict[str, Any]:
        """Return a version's fields; what repeats begins after ``today``, what a place sets off waits at ``place``."""
        if self.visited and place:
            return self.goal | self.schedule | {"trigger": triggers.on_place(place, self.visited)}
        if self.weekly is None:
            return self.goal | self.schedule
        weekday, at = self.weekly
        first = next_on((weekday,), today + timedelta(days=1))
        schedule = Schedule("weekly", datetime.combine(first, at), weekdays=(weekday,))
        return (
            self.goal | self.schedule | {"when": "repeat", "again": "always", "schedule": schedule.as_json()}
        )


ORDERS_AFTER_ALL = {
    "goal": "Orders after all",
    "conversion_event": "Order Completed",
    "conversion_hours": 24 * 3,
    "revenue_property": "revenue",
}
LEFT_CART = {
    "when": "event",
    "trigger": triggers.make("Checkout Started"),
    "delay_minutes": 30,
    "exceptions": [triggers.make("Order Completed")],
    "replaces_waiting": True,
    "again": "after",
    "again_hours": 24 * 7,
    "lateness_hours": 12,
}

RECIPES = (
    Recipe(
        key="win-back",
        label="Win them back",
        icon="heart-handshake",
        description="A friendly word to people who have not been around for a while.",
        starter="win-back",
        control_percent=10,
        goal={"goal": "Orders again", "conversion_event": "Order Completed", "conversion_hours": 24 * 14},
    ),
    Recipe(
        key="announcement",
        label="Announce something",
        icon="speakerphone",
        description="News for everyone it concerns: a launch, an opening, a change.",
        starter="announcement",
        control_percent=0,
        goal={"goal": "Looks at it", "conversion_event": "Page Viewed", "conversion_hours": 24 * 3},
    ),
    Recipe(
        key="digest",
        label="Weekly digest",
        icon="news",
        description="What is new, every Tuesday morning by each person's own clock.",
        starter="digest",
        control_percent=5,
        goal={"goal": "Comes to look", "conversion_event": "Page Viewed", "conversion_hours": 24 * 3},
        schedule={"clock": "person"},
        weekly=(1, time(9)),
    ),
    Recipe(
        key="welcome",
        label="Welcome newcomers",
        icon="mood-smile",
        description="A first hello, as soon as somebody has signed up.",
        starter="welcome",
        control_percent=5,
        goal={"goal": "First order", "conversion_event": "Order Completed", "conversion_hours": 24 * 7},
        schedule={"when": "event", "trigger": triggers.make("Signed Up")},
    ),
    Recipe(
        key="cart",
        label="Remind of a cart",
        icon="shopping-cart",
        description="Half an hour after somebody began to check out, unless they ordered meanwhile.",
        starter="cart",
        control_percent=10,
        goal=ORDERS_AFTER_ALL,
        schedule=LEFT_CART,
    ),
    Recipe(
        key="cart-by-value",
        label="Remind of a cart, by its value",
        icon="shopping-cart",
        description="Half an hour after somebody has left: other words for carts under 10, from 200, and in between.",
        starter="cart",
        control_percent=10,
        goal=ORDERS_AFTER_ALL,
        schedule=LEFT_CART | {"delay_from": "activity"},
        wordings=(
            Wording("Under 10", {"subject": "One small thing is waiting for you"}, [_value("less", 10)]),
            Wording(
                "From 200",
                {
                    "subject": "We are holding your order for you",
                    "preheader": "If a question came up, just answer this mail.",
                },
                [_value("at_least", 200)],
            ),
            Wording("In between", {}, is_default=True),
        ),
    ),
    Recipe(
        key="thanks",
        label="Thank for a large order",
        icon="gift",
        description="A personal word an hour after an order of 200 or more.",
        starter="thanks",
        control_percent=10,
        goal={
            "goal": "Orders again",
            "conversion_event": "Order Completed",
            "conversion_hours": 24 * 30,
            "revenue_property": "revenue",
        },
        schedule={
            "when": "event",
            "trigger": triggers.make(
                "Order Completed",
                [{"on": "property", "name": "revenue", "operator": "at_least", "value": 200}],
            ),
            "delay_minutes": 60,
            "again": "after",
            "again_hours": 24 * 30,
        },
    ),
    Recipe(
        key="nearby",
        label="Near our shop",
        icon="map-pin",
        description="When somebody comes by a place of yours in opening hours, at most once in two weeks.",
        starter="nearby",
        control_percent=10,
        goal={
            "goal": "Comes in and buys",
            "conversion_event": "Order Completed",
            "conversion_hours": 24 * 2,
            "revenue_property": "revenue",
        },
        schedule={
            "when": "event",
            "window_start": time(9),
            "window_end": time(19),
            "outside_hours": "skip",
            "again": "after",
            "again_hours": 24 * 14,
            "lateness_hours": 1,
        },
        visited="entered",
    ),
)


def find(key: str) -> Recipe | None:
    """Return the recipe of a key, or None."""
    return next((recipe for recipe in RECIPES if recipe.key == key), None)
