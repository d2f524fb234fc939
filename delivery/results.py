"""What came of a campaign: per version and arm, every number from the rows themselves, so that totals add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import Q

from campaigns.arms import CONTROL
from campaigns.models import Campaign, Variant, Version
from delivery import statistics
from delivery.decide import REASONS
from delivery.models import Delivery, Plan
from delivery.statistics import Interval, Lift

State = Delivery.State

# One walk over the campaign's rows. ``way`` is the variant whose words a row is about: for the control group the one
# it would have got, so that each variant is compared with those of the control group who could have got it.
ROWS = """
SELECT d.version_id, d.arm, v.key AS way, d.state, d.reason, count(*), count(d.opened_at), count(d.clicked_at),
       count(d.unsubscribed_at)
FROM delivery_delivery d
LEFT JOIN campaigns_content c ON c.tenant_id = d.tenant_id AND c.id = d.content_id
LEFT JOIN campaigns_variant v ON v.tenant_id = d.tenant_id AND v.id = c.variant_id
WHERE d.tenant_id = %(tenant)s AND d.campaign_id = %(campaign)s
GROUP BY 1, 2, 3, 4, 5
"""

# Each profile once, from its first exposure, whatever came of it afterwards; or before any, with a message on its way.
EXPOSED = """
WITH first AS (
    SELECT DISTINCT ON (d.profile_id) d.profile_id, d.version_id, d.arm, v.key AS way, d.exposed_at
    FROM delivery_delivery d
    LEFT JOIN campaigns_content c ON c.tenant_id = d.tenant_id AND c.id = d.content_id
    LEFT JOIN campaigns_variant v ON v.tenant_id = d.tenant_id AND v.id = c.variant_id
    WHERE d.tenant_id = %(tenant)s AND d.campaign_id = %(campaign)s
      AND (d.exposed_at IS NOT NULL OR d.reserved_at IS NOT NULL AND d.state IN ('planned', 'sending'))
    ORDER BY d.profile_id, d.exposed_at, d.id
), converted AS (
    SELECT profile_id, goal, sum(revenue) AS revenue
    FROM delivery_conversion WHERE tenant_id = %(tenant)s AND campaign_id = %(campaign)s
    GROUP BY profile_id, goal
)
SELECT f.version_id, f.arm, f.way, count(*), count(f.exposed_at), count(c.profile_id), coalesce(sum(c.revenue), 0)
FROM first f
LEFT JOIN campaigns_version v ON v.tenant_id = %(tenant)s AND v.id = f.version_id
LEFT JOIN converted c ON c.profile_id = f.profile_id AND c.goal = v.goal
GROUP BY 1, 2, 3
"""


@dataclass(slots=True)
class Compared:
    """People who were reached or held out, and how many of them converted."""

    exposed: int = 0
    converted: int = 0
    revenue: Decimal = Decimal(0)

    def add(self, exposed: int, converted: int, revenue: Decimal) -> None:
        self.exposed += exposed
        self.converted += converted
        self.revenue += revenue

    @property
    def rate(self) -> float | None:
        return self.converted / self.exposed if self.exposed else None

    @property
    def interval(self) -> Interval:
        return statistics.rate_interval(self.converted, self.exposed)

    @property
    def revenue_each(self) -> Decimal | None:
        return self.revenue / self.exposed if self.exposed else None


@dataclass
class Arm:
    """One arm of a version."""

    key: str
    name: str
    is_default: bool = False
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # of those skipped or cancelled
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    decided: int = 0  # people exposed, or to whom a message is on its way
    compared: Compared = field(default_factory=Compared)
    control: Compared = field(default_factory=Compared)  # those held out who could have got this arm

    @property
    def is_control(self) -> bool:
        return self.key == CONTROL

    @property
    def audience(self) -> int:
        return sum(self.states.values())

    @property
    def sent(self) -> int:
        return self.states[State.SENT]

    @cached_property
    def lift(self) -> Lift:
        """The arm against those of the control group who could have got it."""
        ours, theirs = self.compared, self.control
        return statistics.lift(ours.converted, ours.exposed, theirs.converted, theirs.exposed)


@dataclass
class VersionResults:
    """One version's arms, the control group last, and how its audience fell."""

    version: Version
    arms: list[Arm]
    unassigned: Arm  # skipped before an arm was chosen
    is_split_off: bool

    @property
    def everyone(self) -> list[Arm]:
        return [*self.arms, self.unassigned] if self.unassigned.audience else self.arms

    @cached_property
    def treated(self) -> Compared:
        return _sum(arm.compared for arm in self.arms if not arm.is_control)

    @cached_property
    def held_out(self) -> Compared:
        return _sum(arm.compared for arm in self.arms if arm.is_control)

    @cached_property
    def lift(self) -> Lift:
        """Hearing anything at all against hearing nothing: what the campaign itself did."""
        ours, theirs = self.treated, self.held_out
        return statistics.lift(ours.converted, ours.exposed, theirs.converted, theirs.exposed)


@dataclass
class Results:
    campaign: Campaign
    versions: list[VersionResults]
    progress: Counter[str]  # state -> rows, over all versions and those not decided yet
    reasons: Counter[str]
    is_listening: bool  # live and triggered: whoever does it next is one more
    is_recurring: bool
    is_planning: bool
    is_waiting: bool  # for the next time that it goes out

    @property
    def audience(self) -> int:
        return sum(self.progress.values())

    @property
    def open(self) -> int:
        return self.progress[State.PLANNED] + self.progress[State.SENDING]

    @property
    def is_finished(self) -> bool:
        """Computed, never stored: nothing is owed any more."""
        is_to_come = self.is_listening or self.is_planning or self.is_waiting
        return self.audience > 0 and self.open == 0 and not is_to_come


def of(campaign: Campaign) -> Results:
    """Return a campaign's results at this moment. Costs two walks over its rows, through the index on deliveries."""
    parameters = {"tenant": campaign.tenant_id, "campaign": campaign.pk}
    with connection.cursor() as cursor:
        cursor.execute(ROWS, parameters)
        rows = cursor.fetchall()
        cursor.execute(EXPOSED, parameters)
        exposed = cursor.fetchall()
    launched = Version.objects.launched().filter(campaign=campaign).order_by("-number")
    versions = list(launched.prefetch_related("variants"))
    made = [_version(version, campaign, rows, exposed) for version in versions]
    progress, reasons = Counter[str](), Counter[str]()
    for _, _, _, state, reason, count, *_ in rows:
        progress[state] += count
        if state in (State.SKIPPED, State.CANCELLED):
            reasons[reason] += count
    shown = [one for one in made if any(arm.audience for arm in one.everyone)]
    newest = versions[0] if versions else None
    is_live = campaign.state == Campaign.State.LIVE
    plans = Plan.objects.filter(campaign=campaign, done_at=None)
    return Results(
        campaign,
        shown,
        progress,
        reasons,
        is_listening=is_live and newest is not None and newest.has_event,
        is_recurring=newest is not None and newest.when == Version.When.REPEAT,
        is_planning=is_live and plans.exclude(opened_at=None).exists(),
        is_waiting=campaign.state != Campaign.State.STOPPED and plans.filter(opened_at=None).exists(),
    )


def is_sending(campaign: Campaign, *, now: datetime) -> bool:
    """Whether anything of a campaign is due and not held by a pause."""
    is_due = Q(state=State.PLANNED, due_at__lte=now) | Q(state=State.SENDING)
    is_live = campaign.state == Campaign.State.LIVE
    return is_live and Delivery.objects.filter(is_due, campaign=campaign).exists()


def _version(
    version: Version, campaign: Campaign, rows: list[tuple[Any, ...]], exposed: list[tuple[Any, ...]]
) -> VersionResults:
    variants = sorted(
        version.variants.all(), key=lambda variant: (variant.is_default, variant.position, variant.pk)
    )
    arms = {variant.key: Arm(variant.key, variant.name, variant.is_default) for variant in variants}
    if campaign.control_percent:
        arms[CONTROL] = Arm(CONTROL, "Control group")
    unassigned = Arm("", "No arm")
    for version_id, key, _, state, reason, count, opened, clicked, unsubscribed in rows:
        if version_id == version.pk:
            arm = arms.get(key, unassigned)
            arm.states[state] += count
            arm.opened += opened
            arm.clicked += clicked
            arm.unsubscribed += unsubscribed
            if state in (State.SKIPPED, State.CANCELLED):
                arm.reasons[reason] += count
    held_out = _compare(version, arms, exposed)
    groups = _groups(variants)
    for keys in groups:
        for key in keys:
            arms[key].control = _sum(held_out.get(other, Compared()) for other in keys)
    return VersionResults(
        version, list(arms.values()), unassigned, _is_split_off(arms, variants, groups, campaign)
    )


def _compare(version: Version, arms: dict[str, Arm], exposed: list[tuple[Any, ...]]) -> dict[str, Compared]:
    """Fill in who was exposed and converted; return the control group's by the variant they would have got."""
    held_out: dict[str, Compared] = {}
    for version_id, key, way, decided, people, converted, revenue in exposed:
        if version_id == version.pk and key in arms:
            arms[key].decided += decided
            arms[key].compared.add(people, converted, revenue)
            if key == CONTROL:
                held_out.setdefault(way, Compared()).add(people, converted, revenue)
    return held_out


def _groups(variants: list[Variant]) -> list[list[str]]:
    """Return the keys of variants that share the same people: those with one rule, and the default alone."""
    groups: dict[str, list[str]] = {}
    for variant in variants:
        name = "default" if variant.is_default else repr((variant.rule, variant.where))
        groups.setdefault(name, []).append(variant.key)
    return list(groups.values())


def _is_split_off(
    arms: dict[str, Arm], variants: list[Variant], groups: list[list[str]], campaign: Campaign
) -> bool:
    """Whether some arm got numbers its share cannot explain, in any group or between control and the rest."""
    weights = {variant.key: variant.weight for variant in variants}
    splits = []
    for keys in groups:
        weighted = [key for key in keys if weights[key] > 0]
        splits.append(([arms[key].decided for key in weighted], [float(weights[key]) for key in weighted]))
    if CONTROL in arms:
        treated = sum(arm.decided for arm in arms.values() if not arm.is_control)
        share = float(campaign.control_percent)
        splits.append(([arms[CONTROL].decided, treated], [share, 100 - share]))
    return any(len(counts) > 1 and statistics.is_split_off(counts, shares) for counts, shares in splits)


def _sum(parts: Any) -> Compared:
    total = Compared()
    for part in parts:
        total.add(part.exposed, part.converted, part.revenue)
    return total


def why(row: Delivery) -> str:
    """Return why a row was not sent, or what it waits for, where people read it; empty if there is nothing to say."""
    if row.state == State.PLANNED and row.decision and row.decision["verdict"] == "wait":
        return reason_words(row.decision["reason"])
    return reason_words(row.reason) if row.reason else ""


def reason_words(reason: str) -> str:
    """Return what a reason is called where people read it."""
    return REASONS.get(reason, reason.replace("_", " ").capitalize())


def lift_words(lift: float) -> str:
    """0.1 is "+10 %"."""
    return f"{lift * 100:+.0f} %".replace("-", "\N{MINUS SIGN}")


def verdict(results: VersionResults) -> str:
    """Return in one sentence what may be believed so far."""
    if not results.version.conversion_event:
        return "No conversion event is set, so there is nothing to compare."
    goal = results.version.goal or results.version.conversion_event
    if not results.held_out.exposed:
        return "There is no control group, so nobody can say what would have happened without the campaign."
    lift = results.lift
    if lift.interval is None:
        return f"Too few people have reached “{goal}” to say anything yet."
    low, high = lift_words(lift.interval.low), lift_words(lift.interval.high)
    if not lift.is_decided:
        return f"An effect on “{goal}” is not proven: the true lift may be anything from {low} to {high}."
    better = "more" if lift.interval.low > 0 else "fewer"
    return f"Those who heard from you reached “{goal}” {better} often: by {low} to {high}."
