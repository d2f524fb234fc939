"""The people that rules are tried on."""

from __future__ import annotations

from typing import Any

import pytest

from audiences import partitions
from audiences.models import Profile
from tenants.models import Tenant
from tests.audiences.rules import world


@pytest.fixture
def people(tenant: Tenant, other_tenant: Tenant, months: None) -> dict[str, Profile]:
    return world.populate(tenant, other_tenant)


@pytest.fixture(scope="session")
def months(django_db_setup: None, django_db_blocker: Any) -> None:
    """Make the months' partitions once: in each test, they would be most of its time."""
    with django_db_blocker.unblock():
        partitions.ensure_months("audiences_event", [at for done in world.DONE.values() for _, at, _ in done])
