"""One brand's runaway template is that brand's own trouble: everybody else's messages leave as if it were not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django_scopes import scope

from audiences.models import Profile
from campaigns import contents, launching
from campaigns.models import Campaign, Content, Variant, Version
from delivery.models import Delivery
from tenants import clock
from tenants.models import Tenant, User
from tests.campaigns.liquid.test_renderer import BOMBS
from tests.delivery.conftest import Postbox

PEOPLE = 40
PLANTED = ("a huge range", "doubling", "a search in a loop", "nested too deep")


def launch(tenant: Tenant, owner: User, name: str) -> Campaign:
    campaign = Campaign(tenant=tenant, name=name, created_by=owner)
    campaign.save()
    version = Version(tenant=tenant, campaign=campaign, number=1, rule={"all": []})
    version.save()
    variant = Variant(tenant=tenant, version=version, key="a", name="A", weight=100)
    variant.save()
    words = {"subject": name, "preheader": "", "body_format": "html", "body": "<p>Hi</p>", "text": ""}
    contents.save(variant=variant, channel="email", fields=words, actor=owner)
    launching.launch(version=version, actor=owner, now=clock.now(tenant))
    return campaign


def people(tenant: Tenant, where: str) -> None:
    Profile.objects.bulk_create(
        Profile(
            tenant=tenant, external_id=f"{where}{n}", email=f"{n}@{where}.test", created_at=clock.raw_now()
        )
        for n in range(PEOPLE)
    )


@pytest.fixture
def neighbour(other_tenant: Tenant) -> Tenant:
    other_tenant.from_email, other_tenant.postal_address = "hello@other.test", "2 Song Street, 10115 Berlin"
    other_tenant.save()
    return other_tenant


@pytest.mark.parametrize("bomb", PLANTED)
def test_a_bomb_of_one_brand_costs_no_message_of_another(
    bomb: str,
    tenant: Tenant,
    neighbour: Tenant,
    owner: User,
    make_member: Callable[..., User],
    postbox: Postbox,
    run: Callable[..., int],
) -> None:
    """The bomb is planted past the check that would refuse it, as if that had been wrong."""
    people(tenant, "here")
    bombed, fine = launch(tenant, owner, "Bombed"), launch(tenant, owner, "Fine")
    content = Content.objects.get(variant__version__campaign=bombed)
    parts: dict[str, Any] = content.parts | {"html": content.parts["html"] | {"text": BOMBS[bomb]}}
    Content.objects.filter(pk=content.pk).update(parts=parts)
    with scope(tenant=neighbour):
        people(neighbour, "there")
        launch(neighbour, make_member("owner", of=neighbour, email="there@example.test"), "Theirs")
    run()
    arrived = Counter(mail["Subject"] for _, mail in postbox.mails)
    assert arrived == {"Fine": PEOPLE, "Theirs": PEOPLE}
    refused = Delivery.objects.filter(campaign=bombed)
    assert {(row.state, row.reason) for row in refused} == {("skipped", "render")}
    assert all(row.reply.endswith((".", "?")) for row in refused)
    assert refused.count() == PEOPLE
    assert not Delivery.objects.filter(campaign=fine).exclude(state="sent").exists()
