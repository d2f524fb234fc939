"""Somebody to erase, and how."""

from __future__ import annotations

import pytest

from audiences import erasure, ingest, tasks
from audiences.models import Profile
from tenants import clock
from tests.delivery.erasure.zebedia import NAME, calls


@pytest.fixture
def store(tenant):
    return lambda *calls, **which: ingest.store(
        tenant=tenant, calls=calls, now=which.pop("now", None) or clock.now(tenant), **which
    )


@pytest.fixture
def person(store, make_profile):
    """Somebody among others, who has left something in every corner."""
    make_profile(first_name="Other")
    store({"type": "track", "anonymousId": "before", "event": "Looked", "properties": {"who": NAME}})
    store(*calls(), {"type": "alias", "userId": "zebedia-1", "previousId": "before"})
    return Profile.objects.living().get(external_id="zebedia-1")


@pytest.fixture
def erase(tenant, owner):
    """Erase somebody and do all that is left to do."""

    def erase(profile):
        begun = erasure.begin(profile=profile, actor=owner, now=clock.now(tenant))
        assert tasks.erase(begun.pk)
        return begun

    return erase
