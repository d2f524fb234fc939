"""The settings pages: keys are shown once, the sender is checked, a sandbox's clock moves, the log tells."""

import re
from collections.abc import Callable
from datetime import time, timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django_scopes import scopes_disabled

from delivery import providers
from tenants import audit, clock, keys, quiet, team
from tenants.models import ApiKey, AuditEntry, Membership, Tenant, User
from tenants.roles import Role

ClientOf = Callable[..., Client]
SENDER = {
    "name": "Nightingale Records",
    "from_name": "Nightingale",
    "from_email": "hello@nightingale.test",
    "reply_to": "",
    "postal_address": "1 Song Street, 10115 Berlin",
    "timezone": "Europe/Paris",
    "language": "fr",
    "currency": "EUR",
}


@pytest.fixture
def owners(client_of: ClientOf) -> Client:
    return client_of(Role.OWNER)


def make_key(owners: Client, **given: object) -> str:
    """Make a key through the page and return it as shown."""
    answer = owners.post(reverse("settings_keys"), {"name": "Shop", "kind": "write", "expires": ""} | given)
    shown = re.search(r'id="new-key" value="([^"]+)"', answer.content.decode())
    assert shown, answer.status_code
    return shown[1]


def test_a_key_is_shown_once_and_kept_as_a_hash(owners: Client):
    key = make_key(owners)
    assert key not in owners.get(reverse("settings_keys")).content.decode()
    assert key not in str([*ApiKey.objects.values(), *AuditEntry.objects.values()])


def test_a_key_finds_its_tenant_until_revoked(owners: Client, tenant: Tenant):
    key = make_key(owners)
    found = keys.find(key, now=clock.raw_now())
    assert found
    assert (found.tenant, found.scopes) == (tenant, ["ingest"])
    owners.post(reverse("key_revoke", args=[found.public_id]))
    assert keys.find(key, now=clock.raw_now()) is None
    assert owners.post(reverse("key_revoke", args=[found.public_id])).status_code == 404


def test_a_key_ends_when_it_said(owners: Client):
    key = make_key(owners, expires="30")
    assert keys.find(key, now=clock.raw_now() + timedelta(days=29))
    assert not keys.find(key, now=clock.raw_now() + timedelta(days=30, minutes=1))


def test_a_write_key_never_gets_more_than_writing(owners: Client):
    found = keys.find(make_key(owners, scopes=["read", "send"]), now=clock.raw_now())
    assert found
    assert found.scopes == ["ingest"]


def test_a_secret_key_gets_what_was_ticked_and_must_get_something(owners: Client):
    found = keys.find(make_key(owners, kind="secret", scopes=["read", "send"]), now=clock.raw_now())
    assert found
    assert sorted(found.scopes) == ["read", "send"]
    nothing = owners.post(reverse("settings_keys"), {"name": "Shop", "kind": "secret", "expires": ""})
    assert nothing.status_code == 422


def test_the_sender_is_saved_and_the_log_has_old_and_new(owners: Client, tenant: Tenant):
    assert owners.post(reverse("settings_sender"), SENDER).status_code == 302
    tenant.refresh_from_db()
    assert (tenant.from_name, tenant.timezone, tenant.language) == ("Nightingale", "Europe/Paris", "fr")
    entry = AuditEntry.objects.get(thing="sender")
    assert entry.changes["timezone"] == ["Europe/Berlin", "Europe/Paris"]
    assert "postal_address" not in entry.changes


@pytest.mark.parametrize(
    "wrong",
    [
        {"timezone": "Mars/Olympus"},
        {"language": "klingon"},
        {"currency": "€"},
        {"from_email": "me"},
        {"name": ""},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_sender_that_cannot_be_is_refused_in_words(owners: Client, tenant: Tenant, wrong: dict[str, str]):
    answer = owners.post(reverse("settings_sender"), SENDER | wrong)
    assert answer.status_code == 422
    assert "This was not saved" in answer.content.decode()
    tenant.refresh_from_db()
    assert tenant.timezone == "Europe/Berlin"


@pytest.mark.parametrize("field", ["from_email", "reply_to"])
@pytest.mark.parametrize("address", ["a@[127.0.0.1]", '"a"@x.test', "a@☃.test"])
def test_an_address_that_no_mail_can_carry_is_refused_where_it_is_entered(
    owners: Client, tenant: Tenant, field: str, address: str
):
    before = getattr(tenant, field)
    answer = owners.post(reverse("settings_sender"), SENDER | {field: address})
    assert answer.status_code == 422
    assert "No mail can carry this address." in answer.content.decode()
    tenant.refresh_from_db()
    assert getattr(tenant, field) == before


def test_an_address_beyond_ascii_may_be_the_senders(owners: Client, tenant: Tenant):
    assert (
        owners.post(reverse("settings_sender"), SENDER | {"from_email": "a@bücher.test"}).status_code == 302
    )


def test_a_line_break_in_the_from_name_cannot_start_a_header(owners: Client, tenant: Tenant):
    owners.post(reverse("settings_sender"), SENDER | {"from_name": "Ann\r\nBcc: all@x.test"})
    tenant.refresh_from_db()
    assert tenant.from_name == "Ann Bcc: all@x.test"


def test_a_sandbox_moves_forward_and_back_and_the_log_tells(owners: Client, tenant: Tenant):
    before = clock.now(tenant)
    owners.post(reverse("clock_forward"), {"amount": "3", "unit": "days"})
    owners.post(reverse("clock_forward"), {"amount": "5", "unit": "hours"})
    assert timedelta(days=3, hours=5) < clock.now(tenant) - before < timedelta(days=3, hours=5, minutes=1)
    owners.post(reverse("clock_reset"))
    assert clock.now(tenant) - before < timedelta(minutes=1)
    assert AuditEntry.objects.filter(thing="clock").count() == 3


@pytest.mark.parametrize(
    "wrong", [{"amount": "-1"}, {"amount": "0"}, {"unit": "years"}, {"amount": "10000"}, {}]
)
def test_a_clock_only_moves_forward_and_by_what_it_can(owners: Client, tenant: Tenant, wrong: dict[str, str]):
    answer = owners.post(reverse("clock_forward"), {"amount": "1", "unit": "days"} | wrong if wrong else {})
    assert answer.status_code == 422
    tenant.refresh_from_db()
    assert tenant.clock_offset == timedelta(0)


def test_a_clock_stays_within_ten_years(owners: Client, tenant: Tenant):
    statuses = [
        owners.post(reverse("clock_forward"), {"amount": "999", "unit": "days"}).status_code for _ in range(4)
    ]
    assert statuses == [302, 302, 302, 422]


def test_a_live_tenants_clock_is_the_worlds(client_of: ClientOf, db: None):
    live = Tenant.objects.create(name="Live Brand")
    owners = client_of(Role.OWNER, of=live)
    assert owners.get(reverse("sandbox_clock")).status_code == 404
    assert owners.post(reverse("clock_forward"), {"amount": "3", "unit": "days"}).status_code == 404
    assert owners.post(reverse("clock_reset")).status_code == 404
    live.refresh_from_db()
    assert live.clock_offset == timedelta(0)


def test_the_log_is_filtered_by_thing_and_person(owners: Client, owner: User, tenant: Tenant):
    for thing, name, actor in (("segment", "Fans", owner), ("campaign", "Spring", None)):
        audit.note(
            tenant=tenant, actor=actor, action="changed", thing=thing, thing_id=1, name=name, size=(1, None)
        )
    everything = owners.get(reverse("settings_audit")).content.decode()
    assert "Fans" in everything
    assert "Spring" in everything
    for query, seen, unseen in (
        ({"thing": "segment"}, "Fans", "Spring"),
        ({"person": "Tact"}, "Spring", "Fans"),
        ({"thing": "segment", "person": str(owner)}, "Fans", "Spring"),
    ):
        page = owners.get(reverse("settings_audit"), query).content.decode()
        assert seen in page
        assert unseen not in page
    assert "Fans" in owners.get(reverse("settings_audit"), {"thing": "nonsense"}).content.decode()


def test_values_in_the_log_cannot_be_markup(owners: Client, tenant: Tenant):
    audit.note(
        tenant=tenant,
        actor=None,
        action="changed",
        thing="segment",
        thing_id=1,
        name="<b>x",
        rule=("<i>", {"a": "<u>"}),
    )
    page = owners.get(reverse("settings_audit")).content.decode()
    for markup in ("<b>x", "<i>", "<u>"):
        assert markup not in page


@pytest.mark.parametrize(
    "statement", ["UPDATE tenants_auditentry SET thing_name = 'x'", "DELETE FROM tenants_auditentry"]
)
def test_the_database_refuses_to_alter_the_log(tenant: Tenant, statement: str):
    audit.note(tenant=tenant, actor=None, action="changed", thing="segment", thing_id=1, name="Fans")
    with pytest.raises(IntegrityError, match="stay as they were written"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement)
    assert AuditEntry.objects.get().thing_name == "Fans"


def test_an_entry_outlives_the_account_and_keeps_its_name(tenant: Tenant):
    gone = User.objects.create_user("gone@example.test", name="Gone Girl")
    audit.note(tenant=tenant, actor=gone, action="changed", thing="segment", thing_id=1, name="Fans")
    gone.delete()
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.actor_name) == (None, "Gone Girl")


def test_only_a_deliberate_end_of_a_tenant_takes_its_log_along(tenant: Tenant):
    audit.note(tenant=tenant, actor=None, action="changed", thing="segment", thing_id=1, name="Fans")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tact.forget_audit_of', %s, true)", [str(tenant.pk)])
        tenant.delete()
    with scopes_disabled():
        assert not AuditEntry.objects.exists()


def test_one_switches_only_to_tenants_one_belongs_to(
    owners: Client, owner: User, tenant: Tenant, other_tenant: Tenant
):
    def switch(to: object) -> int:
        return owners.post(reverse("tenant_switch"), {"tenant": to}).status_code

    assert switch(other_tenant.public_id) == switch("nonsense") == switch("") == 404
    assert owners.get(reverse("home")).context["tenant"] == tenant
    Membership.objects.create(tenant=other_tenant, user=owner, role=Role.ANALYST)
    assert switch(other_tenant.public_id) == 302
    assert owners.get(reverse("home")).context["tenant"] == other_tenant
    assert owners.get(reverse("settings_keys")).status_code == 403  # an owner there, an analyst here


def test_a_form_opened_in_one_tenant_makes_nothing_in_another(
    owner: User, tenant: Tenant, other_tenant: Tenant
):
    Membership.objects.create(tenant=other_tenant, user=owner, role=Role.OWNER)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)

    def send(to: str, token: str, **data: object) -> int:
        return browser.post(reverse(to), {"csrfmiddlewaretoken": token, **data}).status_code

    key = {"name": "Shop", "kind": "write", "expires": ""}
    opened = str(browser.get(reverse("settings_keys")).context["csrf_token"])
    assert send("tenant_switch", opened, tenant=other_tenant.public_id) == 302
    assert send("settings_keys", opened, **key) == 403
    again = str(browser.get(reverse("settings_keys")).context["csrf_token"])
    assert send("settings_keys", again, **key) == 200
    with scopes_disabled():
        assert [made.tenant for made in ApiKey.objects.all()] == [other_tenant]


@pytest.mark.parametrize("is_chosen", [False, True])
def test_a_form_of_a_tenant_one_was_removed_from_is_stored_nowhere(
    is_chosen: bool, make_member: Callable[..., User], tenant: Tenant, other_tenant: Tenant
):
    person = make_member(Role.OWNER, email="both@example.test")
    make_member(Role.OWNER, of=other_tenant, email="both@example.test")
    boss = make_member(Role.OWNER, email="boss@example.test")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    page = browser.get(reverse("settings_sender"))
    if is_chosen:
        chosen = {"tenant": tenant.public_id, "csrfmiddlewaretoken": str(page.context["csrf_token"])}
        browser.post(reverse("tenant_switch"), chosen)
        page = browser.get(reverse("settings_sender"))
    assert page.context["tenant"] == tenant
    form = {name: page.context["form"][name].value() for name in page.context["form"].fields}
    form |= {"from_email": "here@tenant.test", "csrfmiddlewaretoken": str(page.context["csrf_token"])}
    team.remove(tenant=tenant, member=tenant.memberships.get(user=person).public_id, actor=boss)
    assert browser.post(reverse("settings_sender"), form).status_code == 302
    assert browser.post(reverse("settings_sender"), form).status_code == 403
    other_tenant.refresh_from_db()
    assert other_tenant.from_email != "here@tenant.test"
    assert browser.get(reverse("settings_sender")).context["tenant"] == other_tenant


def test_an_owner_makes_a_sandbox_and_lands_in_it(client_of: ClientOf, db: None):
    live = Tenant.objects.create(name="Live Brand", timezone="Asia/Tokyo", from_email="a@live.test")
    owners = client_of(Role.OWNER, of=live)
    landed = owners.post(reverse("sandbox_new"), {"name": "Rehearsal"}, follow=True)
    made = landed.context["tenant"]
    assert (made.name, made.is_sandbox, made.timezone, made.from_email) == (
        "Rehearsal",
        True,
        "Asia/Tokyo",
        "a@live.test",
    )
    assert landed.context["request"].membership.role == Role.OWNER


def test_sandboxes_are_not_without_end(owners: Client, owner: User):
    statuses = [
        owners.post(reverse("sandbox_new"), {"name": f"Rehearsal {n}"}).status_code for n in range(10)
    ]
    assert statuses == [302] * 9 + [422]  # the one they began in is a sandbox too


def test_signed_out_people_are_asked_to_sign_in(db: None):
    answer = Client().get(reverse("settings_team"))
    assert answer.headers["Location"].startswith(reverse("account_login"))


def test_long_selects_show_what_is_chosen_and_cannot_be_markup(owners: Client, tenant: Tenant):
    tenant.timezone = "Europe/Kyiv"
    tenant.save()
    page = owners.get(reverse("settings_sender")).content.decode()
    assert re.search(r'<select[^>]*name="timezone"[^>]*class="[^"]*select', page) or re.search(
        r'<select[^>]*class="[^"]*select[^>]*name="timezone"', page
    )
    assert '<option value="Europe/Kyiv" selected>Europe/Kyiv</option>' in page
    assert "LongSelect" not in page
    answer = owners.post(reverse("settings_sender"), SENDER | {"timezone": '"><script>alert(1)</script>'})
    assert "<script>alert" not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_who_refers_to_the_tenant_waits_for_no_change_of_its_settings(refer, tenant: Tenant, make_member):
    """Else whatever is stored for the tenant waits until the change is."""
    owner, member = make_member(Role.OWNER), make_member(Role.ANALYST)
    mine = Membership.objects.get(user=member).public_id
    server = {"host": "mail.example.com", "port": 25, "tls": "none", "username": "", "password": None}
    changes: list[Callable[[], object]] = [
        partial(clock.move_forward, tenant, timedelta(hours=1)),
        partial(quiet.set_hours, tenant=tenant, actor=owner, start=time(22), end=time(7)),
        partial(team.change_role, tenant=tenant, member=mine, role=Role.MARKETER, actor=owner),
        partial(providers.set_limits, tenant=tenant, actor=owner, per_minute=60, plan=None),
        partial(providers.save_smtp, tenant=Tenant(pk=tenant.pk, is_sandbox=False), actor=owner, **server),
    ]
    for change in changes:
        with transaction.atomic():
            change()
            refer()


def test_the_audit_log_shows_a_moment_that_is_none_as_it_is(owners: Client, tenant: Tenant):
    fields = {"name": ("News", "2026-02-30T10:00")}
    audit.note(
        tenant=tenant, actor=None, action="changed", thing="campaign", thing_id="1", name="x", fields=fields
    )
    assert "2026-02-30T10:00" in owners.get(reverse("settings_audit")).content.decode()
