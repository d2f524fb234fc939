"""Versions: the one draft a campaign may have, copies of what was launched, and the lock that keeps that as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max

from campaigns.holding import hold
from campaigns.models import Campaign, Content, Variant, Version
from tenants import audit
from tenants.audit import Actor
from tenants.meanwhile import digest
from tenants.models import User

SETTINGS = {  # what each of the editor's steps sets
    "audience": ("segment", "rule"),
    "schedule": (
        "when", "starts_at", "schedule", "date_of", "clock", "past", "ends_at",
        "lateness_hours", "is_cap_exempt", "when_capped", "per_minute",
        "window_start", "window_end", "window_days", "outside_hours",
        "trigger", "delay_minutes", "delay_from", "exceptions", "replaces_waiting", "again", "again_hours",
    ),
    "goal": ("goal", "conversion_event", "conversion_filter", "conversion_hours", "revenue_property"),
}  # fmt: skip
# What a new version takes over; its own launch decides the rest.
COPIED = ("language", *SETTINGS["audience"], *SETTINGS["schedule"], *SETTINGS["goal"])


# A campaign ``c``'s version that counts, as SQL: one look into the index, for a LATERAL join.
LAUNCHED_LAST = """
SELECT v.* FROM campaigns_version v
WHERE v.tenant_id = c.tenant_id AND v.campaign_id = c.id AND v.launched_at IS NOT NULL ORDER BY v.number DESC LIMIT 1
"""


class Frozen(Exception):
    """What was launched cannot be changed any more; the words say what can be done instead."""


class Archived(Frozen):
    """The campaign was put away: it is not launched before it is restored."""


class NoDraft(Exception):
    """The campaign has no version being drafted."""


def draft_of(campaign: Campaign) -> Version:
    """Return the version being drafted. Raises NoDraft."""
    draft = campaign.versions.filter(launched_at=None).select_related("campaign", "segment").first()
    if draft is None:
        raise NoDraft(f"{campaign} has no draft: start a new version to change it.")
    return draft


def newest(campaign: Campaign) -> Version:
    """Return the draft if there is one, else the last launched version."""
    return campaign.versions.select_related("campaign", "segment").latest("number")


def launched_last(campaign_id: int) -> Version | None:
    """Return the version that counts; None before the first launch."""
    return Version.objects.launched().filter(campaign_id=campaign_id).order_by("-number").first()


def was_launched(campaign: Campaign) -> bool:
    """Whether any version of it was ever launched: from then on the campaign's own settings are fixed."""
    return Version.objects.launched().filter(campaign=campaign).exists()


def editable(version: Version) -> Version:
    """Return the version, locked until the transaction ends, so that no launch passes an edit by. Raises Frozen."""
    locked = (
        Version.objects.select_for_update(of=("self",))
        .select_related("campaign", "segment", "tenant")
        .get(pk=version.pk)
    )
    if locked.launched_at is not None:
        raise Frozen(
            f"Version {locked.number} was launched and stays as it is: start a new version to change it."
        )
    return locked


def stamp(version: Version, step: str) -> str:
    """Return what a version as it was read has for a step of the editor, in short: other settings, another stamp."""
    found = [version.serializable_value(name) for name in SETTINGS[step]]
    if step == "audience":
        found.append(version.campaign.control_percent)
    return digest(found)


def note(
    version: Version, actor: Actor | None, action: str, changes: Mapping[str, tuple[Any, Any]] | None = None
) -> None:
    """Write into the audit log what was done to a campaign; nothing, where changes are given and none is one."""
    if changes is not None and all(old == new for old, new in changes.values()):
        return
    campaign = version.campaign
    audit.note(
        tenant=version.tenant,
        actor=actor,
        action=action,
        thing="campaign",
        thing_id=campaign.public_id,
        name=campaign.name,
        fields=changes or {},
    )


@transaction.atomic
def start(*, campaign: Campaign, actor: User) -> Version:
    """Return the campaign's draft, begun as a copy of its last version if there is none.

    Raises Frozen for a stopped campaign: who was still waiting has been let go, and would not come back.
    """
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if draft := campaign.versions.filter(launched_at=None).first():
        return draft
    if campaign.state == Campaign.State.STOPPED:
        raise Frozen("A stopped campaign stays stopped: duplicate it to send again.")
    version = copy(newest(campaign), to=campaign)
    note(version, actor, "started version", {"version": (version.number - 1, version.number)})
    return version


def copy(version: Version, *, to: Campaign) -> Version:
    """Write a draft like ``version`` into a campaign that has none, with its variants and their words."""
    last = to.versions.aggregate(last=Max("number"))["last"] or 0
    draft = Version(
        tenant=to.tenant, campaign=to, number=last + 1, **{name: getattr(version, name) for name in COPIED}
    )
    if draft.segment is not None:
        draft.rule = None  # the segment's rule is taken anew at the next launch
    draft.save()
    for variant in version.variants.order_by("position", "id"):
        copy_variant(variant, to=draft, key=variant.key)
    return draft


def copy_variant(variant: Variant, *, to: Version, key: str, **changed: Any) -> Variant:
    """Write a variant like another into a draft, under a key, with its contents; launched ones to be compiled anew."""
    twin = Variant(
        **{
            "tenant": to.tenant,
            "version": to,
            "key": key,
            "name": variant.name,
            "weight": variant.weight,
            "segment": variant.segment,
            "rule": None if variant.segment else variant.rule,
            "where": variant.where,
            "is_default": variant.is_default,
            "position": variant.position,
            **changed,
        }
    )
    twin.save()
    hold(to.tenant_id)
    is_launched = Version.objects.launched().filter(pk=variant.version_id).exists()  # which nothing marks
    for content in Content.objects.filter(variant=variant):
        Content(
            tenant=to.tenant,
            variant=twin,
            channel=content.channel,
            language=content.language,
            fields=content.fields,
            parts=content.parts,
            needs=content.needs,
            reads=content.reads,
            sources=content.sources,
            blocks=content.blocks,
            problems=content.problems,
            is_stale=content.is_stale or is_launched,
        ).save()
    return twin
