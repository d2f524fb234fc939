"""What the home page tells: how far a tenant has come with its first campaign, and how the latest ones fare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Prefetch, Sum

from audiences.models import EventDefinition, Profile, Segment
from campaigns import summary
from campaigns.models import Campaign, Version
from delivery import providers
from delivery.models import Delivery, Plan
from tenants.models import Tenant

RECENT = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do before the first message leaves; ``url_names`` lead to where, the first that exists."""

    title: str
    text: str
    url_names: tuple[str, ...]
    action: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign at work: of ``planned`` deliveries ``waiting`` are not settled yet."""

    row: summary.Row
    planned: int
    waiting: int

    @property
    def settled_percent(self) -> int:
        """Rounded down, so that 100 means all."""
        return 100 * max(self.planned - self.waiting, 0) // self.planned if self.planned else 0


def steps(tenant: Tenant) -> list[Step]:
    """Return the way to a first campaign, in order. Asks only whether there is any of each."""
    return [
        Step(
            "Send the first event",
            "Point a Segment library at this Tact, or send one call by hand.",
            ("live_events", "settings_keys"),
            "See how",
            EventDefinition.objects.filter(is_internal=False).exists(),
        ),
        Step(
            "Have people to write to",
            "They come with their events, or from a CSV file.",
            ("import_list", "profile_list"),
            "Import a file",
            Profile.objects.living().exists(),
        ),
        Step(
            "Say who writes",
            "Marketing mail does not leave without a sender and a postal address.",
            ("settings_sender",),
            "Fill in",
            tenant.may_send_marketing,
        ),
        *([] if tenant.is_sandbox else [_mail_server(tenant)]),
        Step(
            "Save a segment",
            "A rule that says whom a campaign is for.",
            ("segment_new", "segment_list"),
            "Build one",
            Segment.objects.filter(archived_at=None).exists(),
        ),
        Step(
            "Draft a campaign",
            "What to say, in one variant or several, and when.",
            ("campaign_new", "campaign_list"),
            "Start a draft",
            Campaign.objects.exists(),
        ),
        Step(
            "Launch it",
            "Its review shows how many will get it, and who will not and why.",
            ("campaign_list",),
            "See drafts",
            Version.objects.launched().exists(),
        ),
    ]


def _mail_server(tenant: Tenant) -> Step:
    return Step(
        "Name a mail server",
        "No mail leaves without one. Your mail provider lists what to fill in under “SMTP”.",
        ("settings_mail_server",),
        "Fill in",
        providers.active(tenant) is not None,
    )


def recent(*, now: datetime) -> list[Progress]:
    """Return the campaigns changed last, newest first, with how much of what they planned is settled."""
    versions = Version.objects.select_related("segment").prefetch_related("variants").order_by("number")
    campaigns = (
        Campaign.objects.shown()
        .prefetch_related(Prefetch("versions", versions))
        .order_by("-updated_at", "-id")
    )
    rows = [summary.row(campaign, now=now) for campaign in campaigns[:RECENT]]
    ids = [row.campaign.pk for row in rows]
    planned, waiting = _planned(ids), _waiting(ids)
    return [Progress(row, planned.get(row.campaign.pk, 0), waiting.get(row.campaign.pk, 0)) for row in rows]


def _planned(ids: list[int]) -> dict[int, int]:
    found = Plan.objects.filter(campaign__in=ids).values_list("campaign_id").annotate(Sum("audience"))
    return dict(found)


def _waiting(ids: list[int]) -> dict[int, int]:
    """Open deliveries, each state asked by itself: so the index of what is due answers for those planned."""
    totals: dict[int, int] = {}
    for state in (Delivery.State.PLANNED, Delivery.State.SENDING):
        open_now = Delivery.objects.filter(campaign__in=ids, state=state).values_list("campaign_id")
        for campaign_id, count in open_now.annotate(Count("id")):
            totals[campaign_id] = totals.get(campaign_id, 0) + count
    return totals
