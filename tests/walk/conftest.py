"""The walk's two tenants, and somebody who owns one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.test import Client

from tenants.models import Membership, User
from tests.walk.world import World

OURS, THEIRS = "Qx7Ours", "Zk9Theirs"  # in no word of ours


@pytest.fixture(scope="module")
def worlds(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, World]]:
    """Both tenants, made once a module: each test's transaction lies inside the one that made them."""
    folder = tmp_path_factory.mktemp("walk")
    with django_db_blocker.unblock(), transaction.atomic():
        with patch.object(connection, "close"):  # as each test does at its end
            yield World(OURS, folder), World(THEIRS, folder)
        transaction.set_rollback(True)


@pytest.fixture
def ours(worlds: tuple[World, World], db: None) -> World:
    return worlds[0]


@pytest.fixture
def theirs(worlds: tuple[World, World], db: None) -> World:
    return worlds[1]


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
def _own_files(settings: Any, worlds: tuple[World, World], tmp_path: Path) -> None:
    """The worlds' inbox is the one the pages read; what the walk stores lies in a folder of its own."""
    settings.SANDBOX_INBOX = worlds[0].inbox
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        }
    }
