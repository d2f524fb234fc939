"""Somebody inside a house's database: brings people to it, launches campaigns, and counts what was sent."""

from __future__ import annotations

from typing import Any

import django

EMAIL, PASSWORD = "owner@nightingale.test", "correct horse battery"
_world: Any = None


def settle(people: str) -> dict[str, Any]:
    """Load so many people of a sandbox brand, whose owner can log in; return what a sender of events needs."""
    global _world
    from benchmarks import data
    from benchmarks.harness import Options

    _world = data.load(Options(people=int(people), events=10 * int(people), mails=int(people)))
    _world.tenant.is_sandbox = True  # its mail goes to the house's own server
    _world.tenant.save()
    _world.owner.set_password(PASSWORD)
    _world.owner.save()
    return {"people": int(people), "write_key": _world.write_key}


def launch(number: str) -> None:
    """Launch a campaign to everybody."""
    from django_scopes import scope

    from benchmarks import campaigns

    with scope(tenant=_world.tenant):
        campaigns.launched(_world, name=f"News {number}", rule={"all": []})


def sent() -> int:
    from django_scopes import scope

    from delivery.models import Delivery

    with scope(tenant=_world.tenant):
        return Delivery.objects.filter(state=Delivery.State.SENT).count()


if __name__ == "__main__":
    django.setup()

    from benchmarks import resident

    resident.serve(settle=settle, launch=launch, sent=sent)
