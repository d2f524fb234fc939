"""The team page: owners decide who is in and as what, and there is always an owner."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_scopes import scope

from tenants import team
from tenants.models import AuditEntry, Membership, Tenant, User
from tenants.roles import Role

ClientOf = Callable[..., Client]


def membership(user: User, tenant: Tenant) -> Membership:
    return Membership.objects.get(user=user, tenant=tenant)


def role_url(user: User, tenant: Tenant) -> str:
    return reverse("team_role", args=[membership(user, tenant).public_id])


def test_an_owner_sees_every_member_and_may_change_them(client_of: ClientOf, make_member, tenant: Tenant):
    make_member(Role.ANALYST)
    page = client_of(Role.OWNER).get(reverse("settings_team")).content.decode()
    assert f"analyst-{tenant.pk}@example.test" in page
    assert 'name="role"' in page


def test_others_see_the_team_without_the_means_to_change_it(client_of: ClientOf, owner: User):
    page = client_of(Role.PUBLISHER).get(reverse("settings_team")).content.decode()
    assert owner.email in page
    assert "team/invite" not in page
    assert 'name="role"' not in page


def test_a_new_role_counts_from_the_next_request_and_is_in_the_log(
    client_of: ClientOf, make_member, tenant: Tenant
):
    marketer, theirs, owners = make_member(Role.MARKETER), client_of(Role.MARKETER), client_of(Role.OWNER)
    assert theirs.get(reverse("settings_keys")).status_code == 403
    assert owners.post(role_url(marketer, tenant), {"role": "owner"}).status_code == 302
    assert theirs.get(reverse("settings_keys")).status_code == 200
    entry = AuditEntry.objects.get(thing="member")
    assert (entry.action, entry.changes) == ("changed", {"role": ["marketer", "owner"]})


def test_a_change_by_htmx_answers_with_the_team_alone(client_of: ClientOf, make_member, tenant: Tenant):
    marketer = make_member(Role.MARKETER)
    answer = client_of(Role.OWNER).post(
        role_url(marketer, tenant), {"role": "publisher"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert answer.content.decode().lstrip().startswith('<div id="team">')
    assert "is now a publisher" in answer.headers["HX-Trigger"]


def test_a_role_of_nobodys_is_refused(client_of: ClientOf, make_member, tenant: Tenant):
    marketer = make_member(Role.MARKETER)
    client_of(Role.OWNER).post(role_url(marketer, tenant), {"role": "emperor"})
    assert membership(marketer, tenant).role == Role.MARKETER


def test_a_removed_member_is_out_at_once(client_of: ClientOf, make_member, tenant: Tenant):
    marketer, theirs = make_member(Role.MARKETER), client_of(Role.MARKETER)
    assert theirs.get(reverse("home")).status_code == 200
    client_of(Role.OWNER).post(reverse("team_remove", args=[membership(marketer, tenant).public_id]))
    assert theirs.get(reverse("home")).headers["Location"] == reverse("no_tenant")
    assert theirs.get(reverse("no_tenant")).status_code == 200


def test_the_last_owner_can_neither_leave_nor_be_demoted(client_of: ClientOf, owner: User, tenant: Tenant):
    client = client_of(Role.OWNER)
    for url, data in ((role_url(owner, tenant), {"role": "analyst"}), (reverse("team_leave"), {})):
        page = client.post(url, data, follow=True).content.decode()
        assert "is the last owner" in page
    assert membership(owner, tenant).role == Role.OWNER


def test_an_owner_who_cannot_sign_in_does_not_count(client_of: ClientOf, owner: User, tenant: Tenant):
    second = User.objects.create_user("second@example.test", is_active=False)
    team.add(tenant=tenant, user=second, role=Role.OWNER, actor=owner)
    client_of(Role.OWNER).post(reverse("team_leave"))
    assert membership(owner, tenant)


def test_with_another_owner_one_may_leave(client_of: ClientOf, owner: User, tenant: Tenant):
    second = User.objects.create_user("second@example.test")
    team.add(tenant=tenant, user=second, role=Role.OWNER, actor=owner)
    assert client_of(Role.OWNER).post(reverse("team_leave")).status_code == 302
    assert not Membership.objects.filter(user=owner, tenant=tenant).exists()
    assert AuditEntry.objects.order_by("id").last().action == "left"


def test_anybody_may_leave(client_of: ClientOf, owner: User, tenant: Tenant):
    client_of(Role.ANALYST).post(reverse("team_leave"))
    assert Membership.objects.filter(tenant=tenant).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_at_one_moment_leave_one():
    tenant = Tenant.objects.create(name="Duel")
    ana, ben = (User.objects.create_user(f"{name}@example.test") for name in ("ana", "ben"))
    rows = [Membership.objects.create(tenant=tenant, user=user, role=Role.OWNER) for user in (ana, ben)]
    ready = threading.Barrier(2)
    refused: list[str] = []

    def demote(actor: User, row: Membership) -> None:
        with scope(tenant=tenant):
            ready.wait()
            try:
                team.change_role(tenant=tenant, member=row.public_id, role="analyst", actor=actor)
            except team.LastOwner:
                refused.append(actor.email)
        connection.close()

    duel = [threading.Thread(target=demote, args=pair) for pair in ((ana, rows[1]), (ben, rows[0]))]
    for side in duel:
        side.start()
    for side in duel:
        side.join()
    assert len(refused) == 1
    assert Membership.objects.filter(tenant=tenant, role=Role.OWNER).count() == 1
