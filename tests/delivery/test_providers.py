"""Mail servers: a sandbox's is ours, others' passwords are kept encrypted, each for one tenant."""

from pathlib import Path

import pytest
from django.urls import reverse
from django_scopes import scope

from campaigns import drafts, launching
from delivery import providers
from delivery.channels.email import trial
from delivery.models import Provider
from tenants.models import AuditEntry, Tenant, User
from tenants.roles import Role
from tests.sandbox import running

GIVEN = {"host": "smtp.brand.test", "port": 587, "tls": "starttls", "username": "post", "password": "s3cret!"}


@pytest.fixture
def live(db: None) -> Tenant:
    return Tenant.objects.create(name="Live Brand")


def test_a_sandbox_always_hands_over_on_this_machine(tenant: Tenant, owner: User, settings):
    settings.SANDBOX_SMTP_PORT = 2999
    server = providers.smtp_server(tenant)
    assert (server["host"], server["port"], server["username"]) == ("127.0.0.1", 2999, tenant.public_id.hex)
    with pytest.raises(providers.Refused):
        providers.save_smtp(tenant=tenant, actor=owner, **GIVEN)


def test_nothing_is_launched_that_no_server_would_carry(client_of, make_member, tenant: Tenant, now):
    made = drafts.create(tenant=tenant, actor=make_member(), name="Sale")
    Tenant.objects.update(is_sandbox=False)
    version = made.versions.get()
    page = client_of().get(reverse("campaign_review", args=[made.public_id])).content.decode()
    assert "No mail server is set up" in page
    assert f'href="{reverse("settings_mail_server")}" aria-label="Put right' in page
    assert "No mail server is set up to send it" in {
        one.words for one in launching.problems(version, now=now)
    }
    assert "Name a mail server" in client_of().get(reverse("home")).content.decode()
    providers.save_smtp(tenant=Tenant.objects.get(), actor=make_member(), **GIVEN)
    assert {one.step for one in launching.problems(version, now=now)} == {"audience"}


def test_without_a_provider_nothing_is_handed_over(live: Tenant):
    with scope(tenant=live), pytest.raises(providers.NoProvider, match="Settings"):
        providers.smtp_server(live)


def test_what_was_saved_is_what_sending_uses_and_the_password_is_nowhere_readable(live: Tenant, owner: User):
    with scope(tenant=live):
        row = providers.save_smtp(tenant=live, actor=owner, **GIVEN)
        assert providers.smtp_server(live) == GIVEN
        row.refresh_from_db()
        assert b"s3cret!" not in bytes(row.secret)
        assert "s3cret!" not in str([row.settings, *AuditEntry.objects.values()])


def test_an_empty_password_keeps_the_one_there_is_and_the_row(live: Tenant, owner: User):
    with scope(tenant=live):
        first = providers.save_smtp(tenant=live, actor=owner, **GIVEN)
        second = providers.save_smtp(
            tenant=live, actor=owner, **GIVEN | {"port": 465, "tls": "tls", "password": None}
        )
        assert first.pk == second.pk
        assert providers.smtp_server(live) == GIVEN | {"port": 465, "tls": "tls"}
        newest = AuditEntry.objects.order_by("-id").first()
        assert newest is not None
        assert newest.changes == {"port": [587, 465], "tls": ["starttls", "tls"]}


def test_an_older_secret_key_still_opens_and_a_forgotten_one_says_what_to_do(
    live: Tenant, owner: User, settings
):
    with scope(tenant=live):
        providers.save_smtp(tenant=live, actor=owner, **GIVEN)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another"
        assert providers.smtp_server(live)["password"] == "s3cret!"
        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(providers.NoProvider, match="enter it again"):
            providers.smtp_server(live)


def test_a_secret_copied_to_another_tenant_does_not_open(live: Tenant, owner: User, other_tenant: Tenant):
    with scope(tenant=live):
        row = providers.save_smtp(tenant=live, actor=owner, **GIVEN)
    with pytest.raises(providers.NoProvider):
        providers.decrypt(other_tenant, bytes(row.secret))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "LOCALHOST."])
def test_the_sandboxes_own_server_is_refused(live: Tenant, owner: User, host: str, settings):
    with scope(tenant=live):
        with pytest.raises(providers.Refused, match="never arrive"):
            providers.save_smtp(
                tenant=live, actor=owner, **GIVEN | {"host": host, "port": settings.SANDBOX_SMTP_PORT}
            )
        assert not Provider.objects.exists()


def test_removing_forgets_the_password(live: Tenant, owner: User):
    with scope(tenant=live):
        providers.save_smtp(tenant=live, actor=owner, **GIVEN)
        providers.remove(tenant=live, actor=owner)
        assert not Provider.objects.exists()
        assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
            "changed",
            "removed",
        ]


@pytest.mark.parametrize("elsewhere", [{"host": "smtp.thief.test"}, {"username": "thief"}])
def test_a_kept_password_never_goes_to_another_server_or_account(
    live: Tenant, owner: User, elsewhere: dict[str, str]
):
    with scope(tenant=live):
        providers.save_smtp(tenant=live, actor=owner, **GIVEN)
        with pytest.raises(providers.PasswordNeeded):
            providers.save_smtp(tenant=live, actor=owner, **GIVEN | elsewhere | {"password": None})
        assert providers.smtp_server(live) == GIVEN


def test_the_page_saves_what_sending_uses_and_never_shows_the_password(client_of, live: Tenant):
    owners = client_of(Role.OWNER, of=live)
    page = reverse("settings_mail_server")
    assert owners.post(page, GIVEN).status_code == 302
    shown = owners.get(page).content.decode()
    assert GIVEN["host"] in shown
    assert "s3cret!" not in shown
    thief = owners.post(page, GIVEN | {"host": "smtp.thief.test", "password": ""})
    assert thief.status_code == 422
    assert "Enter the password again" in thief.content.decode()
    with scope(tenant=live):
        assert providers.smtp_server(live) == GIVEN


def test_a_sandboxs_page_offers_no_mail_server(client_of):
    owners = client_of(Role.OWNER)
    assert "never leaves this machine" in owners.post(reverse("settings_mail_server"), GIVEN).content.decode()
    assert not Provider.objects.exists()


def test_the_rail_leads_to_the_mail_server_of_live_tenants_only(client_of, live: Tenant):
    link = reverse("settings_mail_server")
    assert link in client_of(Role.OWNER, of=live).get(reverse("home")).content.decode()
    assert link not in client_of(Role.OWNER).get(reverse("home")).content.decode()


def test_a_trial_goes_through_the_server_that_was_set_up(client_of, live: Tenant, tmp_path: Path):
    owners, page = client_of(Role.OWNER, of=live), reverse("mail_server_try")
    assert "No mail server is set up" in owners.post(page, follow=True).content.decode()
    live.from_email = "hello@live.test"
    live.save()
    with running(tmp_path) as server:
        name = live.public_id.hex  # what this server takes
        given = {"host": "127.0.0.1", "port": server.port, "tls": "none", "username": name, "password": name}
        assert owners.post(reverse("settings_mail_server"), given).status_code == 302
        assert "A test is on its way" in owners.post(page, follow=True).content.decode()
        assert server.recipients() == [f"owner-{live.pk}@example.test"]
    assert "Not sent." in owners.post(page, follow=True).content.decode()  # the server is gone


def test_a_trial_from_a_domain_beyond_ascii_leaves(tenant, postbox):
    tenant.from_email = "hallo@münchen.example"
    tenant.save()
    words = {"subject": "x", "text": "y", "html": "<p>z</p>"}
    trial.send(words, tenant=tenant, to="a@example.test")
    assert postbox.recipients() == ["a@example.test"]
