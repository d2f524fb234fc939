"""An empty installation gets one owner, once."""

import pytest

from tenants import bootstrap
from tenants.models import Membership, Tenant
from tenants.roles import Role

pytestmark = pytest.mark.django_db


def test_the_first_owner_can_log_in_and_owns_the_tenant(client):
    login = bootstrap.first_owner(email="ada@example.test", tenant_name="Engines")
    assert login is not None
    assert len(login.password) >= 16
    assert client.login(username="ada@example.test", password=login.password)
    membership = Membership.objects.get()
    assert (membership.tenant.name, membership.user.email, membership.role) == (
        "Engines",
        "ada@example.test",
        Role.OWNER,
    )


def test_a_given_password_is_taken(client):
    bootstrap.first_owner(email="ada@example.test", password="correct horse battery")
    assert client.login(username="ada@example.test", password="correct horse battery")


def test_there_is_no_second_first_owner():
    bootstrap.first_owner()
    assert bootstrap.first_owner(email="mallory@example.test") is None
    assert Tenant.objects.count() == 1
