"""How the demo writes its campaigns: for whom, towards what, and each variant's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audiences.models import Segment
from campaigns import contents, drafts, versions
from campaigns.models import Version
from config.demo import goal
from tenants.models import Tenant, User

Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class Way:
    """One variant: its mail in each language, the default one under "", and whom it is for."""

    name: str
    said: Mapping[str, Fields]
    segment: Segment | None = None
    where: list[dict[str, Any]] = field(default_factory=list)  # filters on the event that sets it off
    weight: int = 100
    is_default: bool = False


def mail(subject: str, body: str, preheader: str = "") -> Fields:
    return {"subject": subject, "preheader": preheader, "body_format": "mjml", "body": body, "text": ""}


def draft(tenant: Tenant, owner: User, name: str, *, of: str, control_percent: int = 10) -> Version:
    """Make a campaign for the segment called ``of``, everyone where that is empty; nothing is said in it yet."""
    version = versions.draft_of(drafts.create(tenant=tenant, actor=owner, name=name))
    drafts.set_audience(
        version=version,
        actor=owner,
        segment=Segment.objects.get(name=of) if of else None,
        is_everyone=not of,
        control_percent=control_percent,
    )
    goal.set_on(version, owner)
    return version


def write(version: Version, owner: User, ways: Sequence[Way]) -> None:
    """Give a new draft its variants, in the order in which they are tried."""
    version.refresh_from_db()  # its words are checked against what sets it off
    variants = [version.variants.get()]
    variants += [drafts.add_variant(version=version, actor=owner) for _ in ways[1:]]
    for variant, way in zip(variants, ways, strict=True):
        for language, fields in way.said.items():
            contents.save(variant=variant, channel="email", language=language, fields=fields, actor=owner)
        drafts.change_variant(
            variant=variant,
            actor=owner,
            name=way.name,
            weight=way.weight,
            segment=way.segment,
            where=way.where,
            is_default=way.is_default,
        )
