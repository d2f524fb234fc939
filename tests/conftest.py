"""What every test may ask for: two tenants, members of each role, people and what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import Client
from django_scopes import scope
from hypothesis import HealthCheck, settings

from audiences import partitions
from audiences.ingest import remembered
from audiences.models import Event, Identity, Profile
from tenants import clock
from tenants.models import Membership, Tenant, User
from tenants.roles import Role
from tests.api import Caller
from tests.sources import make_source, serve
from tests.walk import recorder

__all__ = ["make_source", "serve"]  # fixtures that pytest finds here

PASSWORD = "correct horse battery"


connection_created.connect(recorder.attach)

# How long an example takes says something about the machine only.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _statements_name_their_tenant() -> Iterator[None]:
    """Whatever else a test is about: tests/walk/recorder.py says what is asked, and where exceptions are listed."""
    before = len(recorder.offences)
    yield
    assert recorder.offences[before:] == []


@pytest.fixture(autouse=True)
def _months_are_looked_for() -> None:
    """What a test made goes when it is rolled back."""
    partitions.distrust()


@pytest.fixture(autouse=True)
def _nobody_is_remembered() -> None:
    remembered.forget_all()


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """A slow hash is for thieves; here it would cost more than the tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    """Name static files as they lie in static/: tests do not wait for collectstatic."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


@pytest.fixture
def tenant(db: None) -> Iterator[Tenant]:
    """A sandbox tenant, its scope open during the test."""
    made = Tenant.objects.create(
        name="Nightingale Records",
        is_sandbox=True,
        timezone="Europe/Berlin",
        from_name="Nightingale Records",
        from_email="hello@nightingale.test",
        postal_address="1 Song Street, 10115 Berlin",
    )
    with scope(tenant=made):
        yield made


@pytest.fixture
def refer(tenant: Tenant) -> Callable[[], None]:
    """From another connection, hold the tenant's row as whatever refers to it does; fail rather than wait."""

    def look() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM tenants_tenant WHERE id = %s FOR KEY SHARE NOWAIT", [tenant.pk])
        finally:
            connection.close()

    def refer() -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(look).result(timeout=30)

    return refer


@pytest.fixture
def other_tenant(db: None) -> Tenant:
    return Tenant.objects.create(name="Other Brand", is_sandbox=True)


@pytest.fixture
def make_member(tenant: Tenant) -> Callable[..., User]:
    def make(role: str = Role.OWNER, *, of: Tenant = tenant, email: str = "") -> User:
        email = email or f"{role}-{of.pk}@example.test"
        user = User.objects.filter(email=email).first() or User.objects.create_user(email, PASSWORD)
        Membership.objects.get_or_create(tenant=of, user=user, defaults={"role": role})
        return user

    return make


@pytest.fixture
def owner(make_member: Callable[..., User]) -> User:
    return make_member(Role.OWNER)


@pytest.fixture
def client_of(make_member: Callable[..., User]) -> Callable[..., Client]:
    """A signed-in browser of a member with that role."""

    def make(role: str = Role.OWNER, **which: Any) -> Client:
        client = Client()
        client.force_login(make_member(role, **which), backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture
def api(tenant: Tenant) -> Caller:
    """A program of the tenant's that may do everything."""
    return Caller(tenant)


@pytest.fixture
def now(tenant: Tenant) -> datetime:
    return clock.now(tenant)


@pytest.fixture
def make_profile(tenant: Tenant) -> Callable[..., Profile]:
    counter = iter(range(1, 1_000_000))

    def make(*, of: Tenant = tenant, **fields: Any) -> Profile:
        n = next(counter)
        fields = {"external_id": f"p{n}", "email": f"p{n}@example.test"} | fields
        profile = Profile(tenant=of, **fields)
        profile.save()
        if profile.external_id:
            Identity(tenant=of, kind="external_id", value=profile.external_id, profile=profile).save()
        return profile

    return make


@pytest.fixture
def make_event(tenant: Tenant) -> Callable[..., Event]:
    def make(profile: Profile, name: str, occurred_at: datetime | None = None, **properties: Any) -> Event:
        at = occurred_at or datetime.now(UTC)
        partitions.ensure_months("audiences_event", [at])
        event = Event(
            tenant=profile.tenant,
            profile=profile,
            name=name,
            occurred_at=at,
            received_at=at,
            properties=properties,
        )
        event.save()
        return event

    return make
