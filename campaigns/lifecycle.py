"""A campaign's life after its launch: paused, resumed, stopped; duplicated; put away and brought back."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from campaigns import contents, versions
from campaigns.models import Campaign
from tenants import wake
from tenants.audit import Actor
from tenants.models import User

State = Campaign.State


class NotNow(Exception):
    """The campaign is in no state for this; the words say which it is in."""


@transaction.atomic
def pause(*, campaign: Campaign, actor: Actor) -> Campaign:
    """Hold a live campaign: from the moment this returns nothing more of it leaves. Paused already is fine."""
    return _move(campaign, actor, "paused", to=State.PAUSED, of={State.LIVE})


@transaction.atomic
def resume(*, campaign: Campaign, actor: Actor) -> Campaign:
    """Let a paused campaign go on; what became due meanwhile goes out now, or is too late by its own rule."""
    campaign = _move(campaign, actor, "resumed", to=State.LIVE, of={State.PAUSED})
    wake.soon()
    return campaign


@transaction.atomic
def stop(*, campaign: Campaign, actor: Actor) -> Campaign:
    """End a campaign for good: who still waits will get nothing. Stopped already is fine."""
    campaign = _move(campaign, actor, "stopped", to=State.STOPPED, of={State.LIVE, State.PAUSED})
    wake.soon()  # so that what waits is let go now, not at the next pulse
    return campaign


def _move(campaign: Campaign, actor: Actor, action: str, *, to: State, of: set[State]) -> Campaign:
    locked = Campaign.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=campaign.pk)
    if locked.state == to:
        return locked
    if locked.state not in of:
        raise NotNow(f"{locked} is {locked.get_state_display().lower()}, so it cannot be {action}.")
    old, locked.state = locked.state, to
    locked.save(update_fields=["state", "updated_at"])
    versions.note(versions.newest(locked), actor, action, {"state": (old, str(to))})
    return locked


@transaction.atomic
def duplicate(*, campaign: Campaign, actor: User) -> Campaign:
    """Return a new draft campaign like this one: same settings and words, its own salt, nobody's history."""
    twin = Campaign(
        tenant=campaign.tenant,
        name=f"{campaign.name[:112]} (copy)",
        description=campaign.description,
        message_class=campaign.message_class,
        topic=campaign.topic,
        tags=campaign.tags,
        priority=campaign.priority,
        control_percent=campaign.control_percent,
        created_by=actor,
    )
    twin.save()
    version = versions.copy(versions.newest(campaign), to=twin)
    contents.renew(twin)
    versions.note(version, actor, "duplicated", {"of": (None, str(campaign.public_id))})
    return twin


@transaction.atomic
def archive(*, campaign: Campaign, actor: User, now: datetime) -> None:
    """Put a campaign away. Raises NotNow while it may still send; archived already is fine."""
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if locked.state in {State.LIVE, State.PAUSED}:
        raise NotNow(f"{locked} is {locked.get_state_display().lower()}: stop it before you archive it.")
    _put(locked, actor, "archived", now)


@transaction.atomic
def restore(*, campaign: Campaign, actor: User) -> None:
    """Bring an archived campaign back into the list."""
    _put(Campaign.objects.select_for_update().get(pk=campaign.pk), actor, "restored", None)


def _put(campaign: Campaign, actor: User, action: str, moment: datetime | None) -> None:
    if bool(campaign.archived_at) == bool(moment):
        return
    campaign.archived_at = moment
    campaign.save(update_fields=["archived_at", "updated_at"])
    versions.note(versions.newest(campaign), actor, action)
