"""The walk's two tenants, and somebody who owns one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tenants.models import Membership, User
from tests.walk.world import World

OURS, THEIRS = "Qx7Ours", "Zk9Theirs"  # in no word of ours


@pytest.fixture
def ours(db: None) -> World:
    return World(OURS)


@pytest.fixture
def theirs(db: None) -> World:
    return World(THEIRS)


@pytest.fixture
def insider(ours: World) -> Client:
    """The browser of our tenant's owner."""
    return browser_of(ours.owner)


@pytest.fixture
def in_role(ours: World) -> Callable[[str], Client]:
    """A browser of a member of our tenant with that role, beside its owner."""

    def make(role: str) -> Client:
        user = User.objects.create_user(f"{role}@ours.test")
        Membership.objects.create(tenant=ours.tenant, user=user, role=role)
        return browser_of(user)

    return make


def browser_of(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture(autouse=True)
def _own_files(settings: Any, tmp_path: Path) -> None:
    """What the walk stores lies in a folder of its own."""
    settings.SANDBOX_INBOX = tmp_path / "inbox"
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        }
    }
