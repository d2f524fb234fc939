"""A person in the admin: what is stored there leaves alone what happened to them meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audiences import erasure, tombstones
from audiences.models import Profile
from tenants import clock
from tenants.models import User

SECOND = Callable[[], object]


@pytest.fixture
def save_while(
    owner: User, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Profile, SECOND], str]:
    """Save a new first name in the admin; something happens once the row was read. Returns the page that follows."""
    owner.is_staff = True
    owner.save()
    lock = tombstones.lock_living

    def save(profile: Profile, happens: SECOND) -> str:
        def lock_later(*args: Any) -> dict[int, int]:
            monkeypatch.setattr(tombstones, "lock_living", lock)
            happens()
            return lock(*args)

        monkeypatch.setattr(tombstones, "lock_living", lock_later)
        url = reverse("admin:audiences_profile_change", args=[profile.pk])
        page = client_of().post(url, {"first_name": "Grace"}, follow=True)
        profile.refresh_from_db()
        return page.content.decode()

    return save


def test_what_others_changed_stays(save_while: Any, make_profile: Callable[..., Profile]) -> None:
    profile = make_profile(first_name="Ada")
    save_while(profile, lambda: Profile.objects.filter(pk=profile.pk).update(phone="+4930123456"))
    assert (profile.first_name, profile.phone) == ("Grace", "+4930123456")


def test_who_is_erased_meanwhile_gets_no_name(
    save_while: Any, make_profile: Callable[..., Profile], owner: User
) -> None:
    profile = make_profile(first_name="Ada")
    now = clock.now(profile.tenant)
    page = save_while(profile, lambda: erasure.begin(profile=profile, actor=owner, now=now))
    assert "erased meanwhile" in page
    assert profile.first_name == "Ada"  # all of it was undone, here the erasure too
