"""What waits for moments in the demo: campaigns that purchases and carts set off, and a cap over all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from typing import Any

from audiences.models import Segment
from campaigns import drafts, launching, triggers
from campaigns.models import Version
from config.demo import purchases, ways, wordings
from config.demo.ways import Way, mail
from delivery import cap_editing
from tenants import clock
from tenants.models import Tenant, User

LARGE = [{"on": "property", "name": "total", "operator": "at_least", "value": 100}]
# In the replay a day lasts less than a second; how late something may come has to outlast that.
LATENESS_HOURS = 30 * 24
AGAIN_HOURS = 30 * 24
ANY_HOUR: dict[str, Any] = {"window_start": None, "window_end": None, "window_days": []}


@dataclass(frozen=True, slots=True)
class Moment:
    """A campaign that something sets off."""

    name: str
    said: list[Way]
    trigger: triggers.Trigger
    delay_minutes: int
    hours: dict[str, Any] = field(default_factory=lambda: ANY_HOUR)
    exceptions: list[triggers.Trigger] = field(default_factory=list)


def launch(tenant: Tenant, owner: User, *, body: str) -> None:
    """Launch them all, in the transaction of the caller; ``body`` is the mail around the word OPENING."""
    now = clock.now(tenant)
    cap_editing.add(
        tenant=tenant, actor=owner, now=now, limit=1, kind="rolling", hours=72, scope="channel", value="email"
    )
    for moment in _moments(body):
        launch_one(moment, tenant, owner)


def launch_one(moment: Moment, tenant: Tenant, owner: User) -> None:
    version = ways.draft(tenant, owner, moment.name, of="")
    _schedule(version, owner, moment)
    ways.write(version, owner, moment.said)
    launching.launch(version=version, actor=owner, now=clock.now(tenant))


def _moments(body: str) -> list[Moment]:
    regulars = Segment.objects.get(name="Regulars")
    return [
        Moment(
            name="Thank you for a large order",
            said=[
                _way(
                    "A",
                    body,
                    "Thank you{% if profile.first_name %}, {{ profile.first_name }}{% endif %}",
                    "Your order of {{ event.total | money }} made our week. Here is what goes well with it.",
                )
            ],
            trigger=triggers.make(purchases.EVENT, LARGE),
            delay_minutes=120,
            hours={"window_start": time(9), "window_end": time(20), "window_days": []},
        ),
        Moment(
            name="Welcome among the regulars",
            said=[
                _way(
                    "A",
                    body,
                    "You are one of our regulars now",
                    "Three visits in half a year: from now on the best finds wait for you a day longer.",
                )
            ],
            trigger=triggers.on_segment(regulars, "entered"),
            delay_minutes=24 * 60,
        ),
        Moment(
            name="Left at the counter",
            said=_left_at_the_counter(body),
            trigger=triggers.make(purchases.CART),
            delay_minutes=30,
            exceptions=[triggers.make(purchases.EVENT)],
        ),
    ]


def _left_at_the_counter(body: str) -> list[Way]:
    """Other words for carts under $10, from $200, and in between."""
    body = body.replace(wordings.BUTTON, "Finish the order").replace("shop.example/new", "shop.example/cart")
    return [
        _way(
            "Under $10",
            body,
            "One small record is waiting",
            "You left {{ event.value | money }} at the counter: less than lunch, and it lasts longer. It is still"
            " there.",
            where=[_value("less", 10)],
        ),
        _way(
            "From $200",
            body,
            "We are holding your box",
            "A box worth {{ event.value | money }} is set aside in your name for three days. If a question held you up,"
            " answer this mail: whoever packed the box reads it.",
            where=[_value("at_least", 200)],
        ),
        _way(
            "In between",
            body,
            "You left something at the counter",
            "What you chose{% if event.value %}, {{ event.value | money }} in all,{% endif %} is still behind the"
            " counter. It takes a minute to finish.",
            is_default=True,
        ),
    ]


def _value(operator: str, dollars: int) -> dict[str, Any]:
    return {"on": "property", "name": "value", "operator": operator, "value": dollars}


def _way(name: str, body: str, subject: str, opening: str, **way: Any) -> Way:
    return Way(name, {"": mail(subject, body.replace("OPENING", opening))}, **way)


def _schedule(version: Version, owner: User, moment: Moment) -> None:
    drafts.set_schedule(
        version=version,
        actor=owner,
        when=Version.When.EVENT,
        starts_at=None,
        lateness_hours=LATENESS_HOURS,
        when_capped=Version.WhenCapped.WAIT,
        hours=moment.hours | {"outside_hours": Version.Outside.WAIT},
        trigger=moment.trigger,
        delay_minutes=moment.delay_minutes,
        delay_from=Version.DelayFrom.TRIGGER,
        exceptions=moment.exceptions,
        replaces_waiting=bool(moment.exceptions),
        again=Version.Again.AFTER,
        again_hours=AGAIN_HOURS,
        ends_at=None,
    )
