"""Campaigns to test with: drafts whose words and arms a test names in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audiences.models import Segment
from campaigns import contents, drafts
from campaigns.models import Campaign, Variant, Version
from tenants.models import Tenant, User

BODY = "<p>Hello.</p>"


def words(
    body: str = BODY, *, subject: str = "Hello", body_format: str = "html", **more: str
) -> dict[str, str]:
    """The fields of a mail."""
    return {"subject": subject, "preheader": "", "body_format": body_format, "body": body, "text": "", **more}


@pytest.fixture
def make_segment(tenant: Tenant) -> Callable[..., Segment]:
    counter = iter(range(1, 1_000))

    def make(rule: dict[str, Any] | None = None, *, name: str = "", of: Tenant = tenant) -> Segment:
        segment = Segment(tenant=of, name=name or f"Segment {next(counter)}", rule=rule or {"all": []})
        segment.save()
        return segment

    return make


@pytest.fixture
def make_campaign(tenant: Tenant, owner: User) -> Callable[..., Campaign]:
    """A draft with an audience and one variant that is ready to be launched."""

    def make(
        name: str = "Spring", *, segment: Segment | None = None, control: int = 0, **fields: str
    ) -> Campaign:
        campaign = drafts.create(tenant=tenant, actor=owner, name=name)
        version = campaign.versions.get()
        drafts.set_audience(
            version=version,
            actor=owner,
            segment=segment,
            is_everyone=segment is None,
            control_percent=control,
        )
        write(version.variants.get(), owner, **fields)
        campaign.refresh_from_db()
        return campaign

    return make


def write(variant: Variant, actor: User, body: str = BODY, *, language: str = "", **fields: str) -> None:
    contents.save(
        variant=variant, channel="email", language=language, fields=words(body, **fields), actor=actor
    )


def add(version: Version, actor: User, body: str = BODY, *, weight: int = 50, **which: Any) -> Variant:
    """Add a variant with those words and settings."""
    variant = drafts.add_variant(version=version, actor=actor)
    write(variant, actor, body)
    settings = {"name": variant.name, "weight": weight, "segment": None, "is_default": False, **which}
    drafts.change_variant(variant=variant, actor=actor, **settings)
    variant.refresh_from_db()
    return variant


def url(name: str, campaign: Campaign, *more: str) -> str:
    return reverse(name, args=[campaign.public_id, *more])


@pytest.fixture
def campaign(make_campaign: Callable[..., Campaign]) -> Campaign:
    return make_campaign()


@pytest.fixture
def marketer(client_of: Callable[..., Client]) -> Client:
    return client_of("marketer")


@pytest.fixture
def publisher(client_of: Callable[..., Client]) -> Client:
    return client_of("publisher")
