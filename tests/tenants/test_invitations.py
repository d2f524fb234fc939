"""Invitations: a link for one address, good once and for a week."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.db.models import F
from django.test import Client
from django.urls import reverse

from tenants.models import AuditEntry, Invitation, Membership, Tenant, User
from tenants.roles import Role
from tests.conftest import PASSWORD

ClientOf = Callable[..., Client]
GOOD = {"name": "Nina New", "password": "a long enough secret"}


@pytest.fixture
def owners(client_of: ClientOf) -> Client:
    return client_of(Role.OWNER)


@pytest.fixture
def invite(owners: Client) -> Callable[..., str]:
    """Invite an address through the page and return the path of the link that was mailed."""

    def post(email: str = "nina@example.test", role: str = "marketer") -> str:
        assert owners.post(reverse("team_invite"), {"email": email, "role": role}).status_code == 200
        return mailed_path()

    return post


def mailed_path() -> str:
    found = re.search(r"http://[^/]+(/invitations/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def open_invitation() -> Invitation:
    return Invitation.objects.get(accepted_at=None)


def test_the_link_is_mailed_to_the_address_and_shown_once(owners: Client):
    answer = owners.post(reverse("team_invite"), {"email": "nina@example.test", "role": "marketer"})
    assert mail.outbox[-1].to == ["nina@example.test"]
    assert mailed_path() in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert mailed_path() not in owners.get(reverse("settings_team")).content.decode()


def test_the_token_is_not_in_the_database(invite: Callable[..., str]):
    token = invite().split("/")[2]
    assert token not in str([*Invitation.objects.values(), *AuditEntry.objects.values()])


def test_somebody_new_makes_an_account_and_is_in(invite: Callable[..., str], tenant: Tenant):
    newcomer = Client()
    path = invite(role="publisher")
    assert "nina@example.test" in newcomer.get(path).content.decode()
    landed = newcomer.post(path, GOOD, follow=True)
    assert landed.redirect_chain[-1][0] == reverse("home")
    assert "Welcome to Nightingale Records" in landed.content.decode()
    membership = Membership.objects.get(user__email="nina@example.test")
    assert (membership.tenant, membership.role, membership.user.name) == (tenant, "publisher", "Nina New")
    assert Client().login(email="nina@example.test", password=GOOD["password"])


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"password": "short"}, id="too short"),
        pytest.param({"password": "password123"}, id="too common"),
        pytest.param({"password": "nina@example.test"}, id="the address itself"),
        pytest.param({"name": ""}, id="no name"),
    ],
)
def test_a_weak_account_is_refused_and_the_invitation_stays_good(
    invite: Callable[..., str], given: dict[str, str]
):
    path = invite()
    assert Client().post(path, GOOD | given).status_code == 422
    assert not User.objects.filter(email="nina@example.test").exists()
    assert Client().post(path, GOOD).status_code == 302


def test_a_link_works_once(invite: Callable[..., str]):
    path = invite()
    assert Client().post(path, GOOD).status_code == 302
    assert Client().get(path).status_code == 404
    assert Client().post(path, GOOD | {"password": "another long secret"}).status_code == 404
    assert not Client().login(email="nina@example.test", password="another long secret")


def test_somebody_with_an_account_signs_in_and_joins(
    invite: Callable[..., str], other_tenant: Tenant, make_member: Callable[..., User], tenant: Tenant
):
    make_member(Role.OWNER, of=other_tenant, email="Nina@example.test")
    path, browser = invite(), Client()
    assert reverse("account_login") in browser.get(path).content.decode()
    signed_in = browser.post(
        reverse("account_login") + f"?next={path}", {"login": "nina@example.test", "password": PASSWORD}
    )
    assert signed_in.headers["Location"] == path
    landed = browser.post(path, follow=True)
    assert landed.context["tenant"] == tenant
    assert Membership.objects.get(tenant=tenant, user__email__iexact="nina@example.test").role == "marketer"


def test_an_account_cannot_be_taken_over_by_whoever_holds_its_invitation(
    invite: Callable[..., str], other_tenant: Tenant, make_member: Callable[..., User]
):
    make_member(Role.OWNER, of=other_tenant, email="nina@example.test")
    assert Client().post(invite(), GOOD).status_code == 404
    assert not Client().login(email="nina@example.test", password=GOOD["password"])


def test_an_invitation_is_for_its_address_only(
    invite: Callable[..., str], client_of: ClientOf, other_tenant: Tenant
):
    stranger = client_of(Role.OWNER, of=other_tenant)
    path = invite()
    assert "you are signed in as" in stranger.get(path).content.decode()
    assert stranger.post(path).status_code == 404
    assert Membership.objects.filter(user__email=f"owner-{other_tenant.pk}@example.test").count() == 1
    assert open_invitation()


def test_an_invitation_ends_after_a_week(invite: Callable[..., str]):
    path = invite()
    Invitation.objects.update(expires_at=F("expires_at") - timedelta(days=7))
    assert Client().get(path).status_code == 404
    assert Client().post(path, GOOD).status_code == 404


def test_the_sandboxes_clock_does_not_end_invitations(invite: Callable[..., str], owners: Client):
    path = invite()
    owners.post(reverse("clock_forward"), {"amount": "30", "unit": "days"})
    assert Client().get(path).status_code == 200


def test_sending_again_makes_the_old_link_good_for_nothing(invite: Callable[..., str], owners: Client):
    first = invite()
    owners.post(reverse("invitation_resend", args=[open_invitation().public_id]))
    assert mailed_path() != first
    assert Client().get(first).status_code == 404
    assert Client().get(mailed_path()).status_code == 200


def test_a_revoked_link_is_good_for_nothing(invite: Callable[..., str], owners: Client):
    path = invite()
    owners.post(reverse("invitation_revoke", args=[open_invitation().public_id]))
    assert Client().get(path).status_code == 404
    actions = AuditEntry.objects.filter(thing="invitation").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["invited", "revoked"]


def test_nobody_is_invited_twice_or_when_in_already(invite: Callable[..., str], owners: Client, owner: User):
    invite()
    for email, why in (
        ("NINA@example.test", "open invitation"),
        (owner.email.upper(), "in the team already"),
    ):
        answer = owners.post(reverse("team_invite"), {"email": email, "role": "analyst"})
        assert answer.status_code == 422
        assert why in answer.content.decode()
    assert Invitation.objects.count() == 1


def test_an_expired_invitation_does_not_stand_in_the_way_of_a_new_one(invite: Callable[..., str]):
    invite()
    Invitation.objects.update(expires_at=F("expires_at") - timedelta(days=8))
    assert Client().get(invite()).status_code == 200


def test_a_mail_that_cannot_be_sent_still_leaves_the_link(owners: Client, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 1, 1
    page = owners.post(
        reverse("team_invite"), {"email": "nina@example.test", "role": "marketer"}
    ).content.decode()
    assert "could not be sent" in page
    path = re.search(r'value="http://[^/]+(/invitations/[^"]+)"', page)
    assert path
    assert Client().get(path[1]).status_code == 200


@pytest.mark.parametrize("token", ["x", "a" * 500, "%00", "é"])
def test_a_token_nobody_made_is_a_404(token: str, db: None):
    assert Client().get(f"/invitations/{token}/").status_code == 404


def test_a_line_break_in_a_brands_name_is_none_in_the_mail(owners: Client, tenant: Tenant):
    tenant.name = "Acme\r\nBcc: eve@example.test"
    tenant.save()
    form = {"email": "new@example.test", "role": Role.MARKETER}
    assert owners.post(reverse("team_invite"), form).status_code < 400
    assert mail.outbox[0].subject.endswith("to Acme Bcc: eve@example.test on Tact")
