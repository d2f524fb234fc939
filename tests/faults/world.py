"""Makes what a fault test sends: a sandbox, its people, and a campaign launched to all of them.

Run in a process of its own against the database that DATABASE_URL names: ``python -m tests.faults.world 2000``. With an
address behind the number the mail says what a source of that address answers.
"""

from __future__ import annotations

import json
import sys

import django


def main(people: int, asks: str = "") -> None:
    django.setup()
    from django.core.management import call_command
    from django_scopes import scope

    call_command("migrate", interactive=False, verbosity=0)
    from tenants.models import Tenant

    tenant = Tenant.objects.create(
        name="Nightingale Records",
        is_sandbox=True,
        from_name="Nightingale Records",
        from_email="hello@nightingale.test",
        postal_address="1 Song Street, 10115 Berlin",
    )
    with scope(tenant=tenant):
        print(json.dumps({"tenant": tenant.pk, "campaign": _launch(tenant, people, asks)}))


def _launch(tenant, people: int, asks: str) -> int:
    from audiences.models import Profile
    from campaigns import contents, launching
    from campaigns.models import Campaign, Variant, Version
    from tenants import clock
    from tenants.models import User

    Profile.objects.bulk_create(
        Profile(
            tenant=tenant,
            external_id=f"p{n}",
            email=f"p{n}@example.test",
            first_name=f"Ada {n}",
            created_at=clock.raw_now(),
        )
        for n in range(people)
    )
    actor = User.objects.create_user("owner@example.test")
    campaign = Campaign(tenant=tenant, name="New records", created_by=actor)
    campaign.save()
    version = Version(tenant=tenant, campaign=campaign, number=1, rule={"all": []})
    version.save()
    variant = Variant(tenant=tenant, version=version, key="a", name="A", weight=100)
    variant.save()
    body = "<p>Hello {{ profile.first_name }}</p><p><a href='https://shop.test/new'>New records</a></p>"
    if asks:
        _source(tenant, actor, asks)
        body += "<p>{{ source.weather.sky }}</p>"
    words = {"subject": "News", "preheader": "", "body_format": "html", "body": body, "text": ""}
    contents.save(variant=variant, channel="email", fields=words, actor=actor)
    launching.launch(version=version, actor=actor, now=clock.now(tenant))
    return campaign.pk


def _source(tenant, actor, url: str) -> None:
    from campaigns.sources import editing

    editing.add(
        tenant=tenant,
        actor=actor,
        headers={},
        name="weather",
        url=url,
        method="GET",
        body="",
        timeout_seconds=5,
        cache_minutes=60,
        last_good_hours=0,
        on_failure="skip",
        default=None,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
