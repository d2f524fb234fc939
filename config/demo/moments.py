"""What waits for moments in the demo: campaigns that purchases set off, and a cap over all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from typing import Any

from audiences.models import Segment
from campaigns import contents, drafts, launching, triggers, versions
from campaigns.models import Version
from config.demo import goal, purchases
from delivery import cap_editing
from tenants import clock
from tenants.models import Tenant, User

LARGE = [{"on": "property", "name": "total", "operator": "at_least", "value": 100}]
# In the replay a day lasts less than a second; how late something may come has to outlast that.
LATENESS_HOURS = 30 * 24
AGAIN_HOURS = 30 * 24


@dataclass(frozen=True, slots=True)
class Moment:
    """A campaign that something sets off."""

    name: str
    subject: str
    opening: str
    trigger: triggers.Trigger
    delay_minutes: int
    schedule: dict[str, Any] = field(default_factory=dict)


def launch(tenant: Tenant, owner: User, *, body: str) -> None:
    """Launch them all, in the transaction of the caller; ``body`` is the mail around the word OPENING."""
    now = clock.now(tenant)
    cap_editing.add(
        tenant=tenant, actor=owner, now=now, limit=1, kind="rolling", hours=72, scope="channel", value="email"
    )
    for moment in _moments():
        campaign = drafts.create(tenant=tenant, actor=owner, name=moment.name)
        version = versions.draft_of(campaign)
        drafts.set_audience(version=version, actor=owner, segment=None, is_everyone=True, control_percent=10)
        _schedule(version, owner, moment)
        goal.set_on(version, owner)
        words = {
            "subject": moment.subject,
            "preheader": "",
            "body_format": "mjml",
            "body": body.replace("OPENING", moment.opening),
            "text": "",
        }
        contents.save(
            variant=versions.draft_of(campaign).variants.get(), channel="email", fields=words, actor=owner
        )
        launching.launch(version=versions.draft_of(campaign), actor=owner, now=now)


def _moments() -> list[Moment]:
    regulars = Segment.objects.get(name="Regulars")
    return [
        Moment(
            name="Thank you for a large order",
            subject="Thank you{% if profile.first_name %}, {{ profile.first_name }}{% endif %}",
            opening="Your order of ${{ event.total | default: 0 }} made our week. Here is what goes well with it.",
            trigger=triggers.make(purchases.EVENT, LARGE),
            delay_minutes=120,
            schedule={"window_start": time(9), "window_end": time(20), "window_days": []},
        ),
        Moment(
            name="Welcome among the regulars",
            subject="You are one of our regulars now",
            opening="Three visits in half a year: from now on the best finds wait for you a day longer.",
            trigger=triggers.on_segment(regulars, "entered"),
            delay_minutes=24 * 60,
        ),
    ]


def _schedule(version: Version, owner: User, moment: Moment) -> None:
    drafts.set_schedule(
        version=version,
        actor=owner,
        when=Version.When.EVENT,
        starts_at=None,
        lateness_hours=LATENESS_HOURS,
        when_capped=Version.WhenCapped.WAIT,
        hours={"window_start": None, "window_end": None, "window_days": []}
        | moment.schedule
        | {"outside_hours": Version.Outside.WAIT},
        trigger=moment.trigger,
        delay_minutes=moment.delay_minutes,
        delay_from=Version.DelayFrom.TRIGGER,
        exceptions=[],
        replaces_waiting=False,
        again=Version.Again.AFTER,
        again_hours=AGAIN_HOURS,
        ends_at=None,
    )
