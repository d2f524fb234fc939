"""The admin shows one tenant at a time, to its members, by their role; what spans tenants, to superusers."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse
from django_q.models import Failure, OrmQ, Schedule, Success
from django_scopes import scope
from unfold.admin import ModelAdmin

from audiences.models import Profile, Receipt, RehearsedIdentity, Segment
from campaigns.models import Campaign, Content, Variant, Version
from tenants.models import ApiKey, AuditEntry, Membership, Tenant, User
from tenants.roles import Role
from tests.walk.conftest import THEIRS, browser_of
from tests.walk.world import World, crossings, fingerprint, tenant_models

SPANNING = [User, Tenant, EmailAddress, Authenticator, Failure, OrmQ, Schedule, Success]
NOT_SHOWN = {
    Receipt,  # machinery with a key of two columns, which the admin cannot address
    RehearsedIdentity,  # of three
    Membership,  # inside its tenant's page
}
SCOPED = [
    pytest.param(model, id=model._meta.label) for model in tenant_models() if admin.site.is_registered(model)
]


def url(model: type[models.Model], view: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


@pytest.fixture
def staff(ours: World) -> Client:
    """Our tenant's owner, who may open the admin and is no superuser."""
    User.objects.filter(pk=ours.owner.pk).update(is_staff=True)
    return browser_of(ours.owner)


@pytest.fixture
def root(ours: World) -> Client:
    """Our tenant's owner, who also runs the installation."""
    User.objects.filter(pk=ours.owner.pk).update(is_staff=True, is_superuser=True)
    return browser_of(ours.owner)


def test_every_model_of_ours_is_in_the_admin_and_in_its_dress():
    from django.apps import apps

    own = {
        m
        for name in ("tenants", "audiences", "campaigns", "delivery")
        for m in apps.get_app_config(name).get_models()
    }
    assert {model for model in own if not admin.site.is_registered(model)} == NOT_SHOWN
    undressed = [model for model, shown in admin.site._registry.items() if not isinstance(shown, ModelAdmin)]
    assert undressed == []


@pytest.mark.parametrize("model", SCOPED)
def test_a_list_shows_ones_own_rows_and_no_others(model: Any, root: Client, ours: World, theirs: World):
    answer = root.get(url(model, "changelist"), {"q": ""})
    assert answer.status_code == 200
    assert THEIRS not in answer.content.decode()
    assert str(ours[model].pk) in answer.content.decode()


@pytest.mark.parametrize("model", SCOPED)
@pytest.mark.parametrize("view", ["change", "delete"])
def test_another_tenants_row_is_not_there(model: Any, view: str, root: Client, theirs: World):
    before, address = fingerprint(theirs.tenant), url(model, view, theirs[model].pk)
    for answer in (root.get(address), root.post(address, {"post": "yes", "name": "Mine"})):
        assert answer.status_code in (302, 403, 404)
        assert THEIRS not in answer.content.decode()
    assert THEIRS not in root.get(reverse("admin:index")).content.decode()  # nor in what it says about it
    assert fingerprint(theirs.tenant) == before


@pytest.mark.parametrize("model", SCOPED)
def test_ones_own_row_opens_and_offers_nothing_of_others(
    model: Any, root: Client, ours: World, theirs: World
):
    answer = root.get(url(model, "change", ours[model].pk))
    assert answer.status_code == 200
    assert THEIRS not in answer.content.decode()


@pytest.mark.parametrize("model", SCOPED)
def test_actions_cannot_reach_another_tenants_rows(model: Any, root: Client, theirs: World):
    before = fingerprint(theirs.tenant)
    action = {"action": "delete_selected", "_selected_action": [theirs[model].pk], "post": "yes"}
    assert THEIRS not in root.post(url(model, "changelist"), action, follow=True).content.decode()
    assert fingerprint(theirs.tenant) == before


def test_a_reference_to_another_tenants_row_is_refused(staff: Client, ours: World, theirs: World):
    draft = Variant._base_manager.get(tenant=ours.tenant, version__launched_at=None)
    form = {"name": "B", "weight": 50, "segment": theirs[Segment].pk}
    answer = staff.post(url(Variant, "change", draft.pk), form)
    assert answer.status_code == 200  # with an error, not saved
    assert "Select a valid choice" in answer.content.decode()
    assert crossings() == []


@pytest.mark.parametrize("model", SPANNING, ids=lambda model: model._meta.label)
def test_what_spans_tenants_is_for_superusers(model: Any, staff: Client, root: Client):
    User.objects.update(is_superuser=False)
    assert staff.get(url(model, "changelist")).status_code == 403
    User.objects.update(is_superuser=True)
    assert root.get(url(model, "changelist")).status_code == 200


def test_without_a_tenant_there_are_no_tenants_tables(db: None):
    browser = browser_of(User.objects.create_superuser("root@example.test"))
    page = browser.get(reverse("admin:index")).content.decode()
    assert url(Tenant, "changelist") in page
    assert url(Campaign, "changelist") not in page
    assert browser.get(url(Campaign, "changelist")).status_code == 403


@pytest.mark.parametrize("model", SCOPED)
def test_an_analyst_who_is_staff_changes_nothing(model: Any, ours: World):
    analyst = User.objects.create_user("analyst@ours.test", is_staff=True)
    Membership.objects.create(tenant=ours.tenant, user=analyst, role=Role.ANALYST)
    before, browser = fingerprint(ours.tenant), browser_of(analyst)
    address = url(model, "change", ours[model].pk)
    assert browser.get(address).status_code == 200
    assert browser.post(address, {"name": "Mine"}).status_code == 403
    assert browser.get(url(model, "add")).status_code == 403
    assert fingerprint(ours.tenant) == before


@pytest.mark.parametrize("model", [Success, Failure, OrmQ, Schedule], ids=lambda model: model.__name__)
def test_the_queue_is_only_looked_at(model: Any, root: Client):
    assert root.get(url(model, "add")).status_code == 403
    for action in ("resubmit_task", "delete_selected"):
        answer = root.post(
            url(model, "changelist"), {"action": action, "_selected_action": ["1"]}, follow=True
        )
        assert "No action selected" in answer.content.decode() or answer.status_code in (200, 403)
    assert not admin.site._registry[model].actions


def test_the_way_in_is_the_products_own_where_a_second_factor_counts(db: None):
    answer = Client().get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))


def test_somebody_who_is_not_staff_is_refused(ours: World):
    assert browser_of(ours.owner).get(reverse("admin:index"), follow=True).status_code == 403


def test_a_segment_is_held_to_the_rule_language_and_the_change_is_in_the_log(staff: Client, ours: World):
    address = url(Segment, "change", ours[Segment].pk)
    form = {"name": "Fans", "description": "", "rule": '{"some": []}'}
    assert staff.post(address, form).status_code == 200  # shown again, with what is wrong
    rule = '{"any": []}'
    assert staff.post(address, form | {"rule": rule}).status_code == 302
    with scope(tenant=ours.tenant):
        assert Segment.objects.get(pk=ours[Segment].pk).rule == {"any": []}
        entry = AuditEntry.objects.order_by("-id").first()
    assert entry
    assert entry.changes["rule"] == [{"all": []}, {"any": []}]


@pytest.mark.parametrize(
    ("zone", "day", "hour"),
    [("Asia/Tokyo", "0001-01-01", "00:00"), ("America/New_York", "9999-12-31", "23:59")],
)
def test_a_start_beyond_the_years_of_the_editor_is_refused(
    zone: str, day: str, hour: str, staff: Client, ours: World
):
    Tenant.objects.filter(pk=ours.tenant.pk).update(timezone=zone)
    draft = Version._base_manager.get(tenant=ours.tenant, launched_at=None)
    address = url(Version, "change", draft.pk)
    form = {"when": "at", "starts_at_0": day, "starts_at_1": hour}
    assert "Choose a year from 1900 to 8999." in staff.post(address, form).content.decode()


@pytest.mark.parametrize(
    "typed", ["NaN", '{"all": [NaN]}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', "5", '"x"', "1e999", "{"]
)
def test_json_that_cannot_be_kept_is_refused_and_shown_as_it_was_typed(
    typed: str, staff: Client, ours: World
):
    written = Content._base_manager.filter(tenant=ours.tenant, variant__version__launched_at=None).last()
    for address, form in (
        (url(Segment, "change", ours[Segment].pk), {"name": "Fans", "description": "", "rule": typed}),
        (url(Content, "change", written.pk), {"fields": typed}),
    ):
        answer = staff.post(address, form)
        assert answer.status_code == 200
        assert typed in unescape(answer.content.decode())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param('{"subject": 5}', "an object of texts", id="no text"),
        pytest.param('{"subjekt": "Hi"}', "subjekt: There is no such field.", id="no such field"),
        pytest.param('{"body_format": "word"}', "body_format:", id="no such format"),
    ],
)
def test_words_are_held_to_their_channels_form(words: str, said: str, staff: Client, ours: World):
    written = Content._base_manager.filter(tenant=ours.tenant, variant__version__launched_at=None).last()
    address = url(Content, "change", written.pk)
    assert said in staff.post(address, {"fields": words}).content.decode()
    assert Content._base_manager.get(pk=written.pk).fields == written.fields
    good = json.dumps(written.fields | {"subject": "Hello you"})
    assert staff.post(address, {"fields": good}).status_code == 302
    assert Content._base_manager.get(pk=written.pk).fields["subject"] == "Hello you"


@pytest.mark.parametrize(
    ("model", "form", "field"),
    [
        pytest.param(Segment, {"name": "Fans", "rule": '{"all": []}'}, "description", id="segment"),
        pytest.param(Variant, {"name": "B", "segment": ""}, "weight", id="variant"),
        pytest.param(Profile, {"first_name": "Ann"}, "last_name", id="profile"),
    ],
)
def test_nothing_is_saved_over_what_was_changed_since_the_page_was_opened(
    model: Any, form: dict[str, str], field: str, staff: Client, ours: World
):
    drafts = {"version__launched_at": None} if model is Variant else {}
    row = model._base_manager.filter(tenant=ours.tenant, **drafts).last()
    address = url(model, "change", row.pk)

    def opened() -> str:
        shown = re.search(r'name="seen" value="(\w+)"', staff.get(address).content.decode())
        assert shown
        return shown[1]

    first, second = opened(), opened()
    assert staff.post(address, form | {field: "20", "seen": first}).status_code == 302
    refused = staff.post(address, form | {field: "30", "seen": second})
    assert "Somebody else saved this meanwhile." in refused.content.decode()
    assert str(getattr(model._base_manager.get(pk=row.pk), field)) == "20"
    assert staff.post(address, form | {field: "20", "seen": second}).status_code == 302  # the same again
    assert f'value="{opened()}"' in refused.content.decode()  # told of it, they may
    assert staff.post(address, form | {field: "30", "seen": opened()}).status_code == 302
    assert str(getattr(model._base_manager.get(pk=row.pk), field)) == "30"


def test_a_new_segment_belongs_to_the_tenant_at_hand(staff: Client, ours: World):
    form = {"name": "New fans", "description": "", "rule": '{"all": []}', "tenant": "1"}
    assert staff.post(url(Segment, "add"), form).status_code == 302
    assert Segment._base_manager.get(name="New fans").tenant_id == ours.tenant.pk
    assert staff.post(url(Segment, "add"), form).status_code == 200  # the name is taken: said, not crashed


def test_a_profiles_values_are_cleaned_as_data_would_be(staff: Client, ours: World):
    address = url(Profile, "change", ours[Profile].pk)
    form = {"first_name": " Ann ", "country": "germany", "timezone": "Mars/Olympus"}
    assert staff.post(address, form).status_code == 200
    assert staff.post(address, form | {"timezone": "Europe/Paris"}).status_code == 302
    assert Profile._base_manager.get(pk=ours[Profile].pk).timezone == "Europe/Paris"


def test_a_campaign_is_made_and_described_as_in_the_editor(staff: Client, ours: World):
    form = {"name": "Spring", "description": "", "message_class": "marketing", "topic": "", "priority": "2"}
    assert staff.post(url(Campaign, "add"), form).status_code == 302
    made = Campaign._base_manager.get(name="Spring")
    assert (made.tenant_id, made.priority, made.state) == (ours.tenant.pk, 2, "draft")
    assert Content._base_manager.filter(variant__version__campaign=made).count() == 1


def test_what_was_launched_cannot_be_changed(staff: Client, ours: World):
    before = fingerprint(ours.tenant)
    for model in (Version, Variant, Content):
        address = url(model, "change", ours[model].pk)
        assert staff.get(address).status_code == 200
        assert staff.post(address, {"name": "Mine", "weight": 1}).status_code == 403
    assert fingerprint(ours.tenant) == before


def test_a_draft_can_be_changed(staff: Client, ours: World):
    draft = Version._base_manager.get(tenant=ours.tenant, launched_at=None)
    form = {
        "is_everyone": "on",
        "when": "now",
        "lateness_hours": "12",
        "when_capped": "wait",
        "goal": "",
        "conversion_event": "Order Completed",
        "conversion_hours": "48",
        "revenue_property": "total",
    }
    assert staff.post(url(Version, "change", draft.pk), form).status_code == 302
    draft = Version._base_manager.get(pk=draft.pk)
    assert (draft.lateness_hours, draft.conversion_event, draft.rule) == (12, "Order Completed", {"all": []})


def test_no_hash_or_secret_is_shown(root: Client, ours: World):
    row = ours[ApiKey]
    ApiKey._base_manager.filter(pk=row.pk).update(key_hash="h" * 64)
    assert "h" * 64 not in root.get(url(ApiKey, "change", row.pk)).content.decode()


def test_a_superuser_makes_a_tenant_with_its_first_owner(root: Client, ours: World):
    form = {
        "name": "New Brand",
        "timezone": "Asia/Tokyo",
        "language": "ja",
        "currency": "JPY",
        "trigger_age_hours": "48",
        "retention_days": "730",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": str(ours.owner.pk),
        "memberships-0-role": "owner",
    }
    for nowhere in ({"timezone": "Mars"}, {"language": "zz zz"}, {"currency": "€"}):
        assert root.post(url(Tenant, "add"), form | nowhere).status_code == 200
    assert root.post(url(Tenant, "add"), form).status_code == 302
    assert Membership.objects.get(tenant__name="New Brand").user == ours.owner


def test_what_a_superuser_changes_of_a_tenant_is_in_its_own_log(root: Client, theirs: World):
    tenant, owner = theirs.tenant, theirs.owner
    member = Membership.objects.get(tenant=tenant, user=owner)
    another, gone = (User.objects.create_user(f"{who}@example.test") for who in ("another", "gone"))
    User.objects.filter(pk=gone.pk).update(is_active=False)
    address = url(Tenant, "change", tenant.pk)
    form = {"name": tenant.name, "timezone": "UTC", "language": "en", "currency": "USD"} | {
        "from_email": "root@example.test",
        "trigger_age_hours": "48",
        "retention_days": "730",
        "memberships-TOTAL_FORMS": "2",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": str(member.pk),
        "memberships-0-tenant": str(tenant.pk),
        "memberships-0-user": str(owner.pk),
        "memberships-0-role": "analyst",
        "memberships-1-tenant": str(tenant.pk),
        "memberships-1-user": str(another.pk),
        "memberships-1-role": "owner",
    }
    for ownerless in ({"memberships-1-role": "analyst"}, {"memberships-1-user": str(gone.pk)}):
        assert "Somebody has to stay an owner" in root.post(address, form | ownerless).content.decode()
    for number in ("0", "2147483647"):  # no moment lies that long ago
        assert root.post(address, form | {"retention_days": number}).status_code == 200
        assert root.post(address, form | {"trigger_age_hours": number}).status_code == 200
    assert root.post(address, form).status_code == 302
    with scope(tenant=tenant):
        team, sender = AuditEntry.objects.filter(thing="tenant").order_by("-id")[:2]
    changes = {owner.email: ["owner", "analyst"], another.email: [None, "owner"]}
    assert (team.action, team.changes) == ("changed the team (admin)", changes)
    assert sender.actor_name == str(User.objects.get(is_superuser=True))
    assert sender.changes["from_email"] == [tenant.from_email, "root@example.test"]


def test_a_superuser_makes_an_account(root: Client):
    form = {
        "email": "new@example.test",
        "name": "New",
        "password1": "a long secret!",
        "password2": "a long secret!",
    }
    answer = root.post(url(User, "add"), form | {"usable_password": "true"})
    assert answer.status_code == 302
    assert User.objects.get(email="new@example.test").check_password("a long secret!")


@pytest.mark.parametrize("taken", ["second@ours.test", "SECOND@ours.test"])
def test_an_address_that_another_account_confirmed_is_refused(taken: str, root: Client, ours: World):
    EmailAddress.objects.create(user=ours.owner, email="second@ours.test", verified=True, primary=False)
    another = User.objects.create_user("another@ours.test")
    password = {"password1": "a long secret!", "password2": "a long secret!", "usable_password": "true"}
    for address, form in ((url(User, "add"), password), (url(User, "change", another.pk), {})):
        answer = root.post(address, {"email": taken, "name": "New", "is_active": "on"} | form)
        assert "Another account has this address." in answer.content.decode()
    form = {"email": "other@ours.test", "name": "New", "is_active": "on"}
    assert root.post(url(User, "change", another.pk), form).status_code == 302


def test_a_long_list_is_not_counted_to_its_end(staff: Client, ours: World, monkeypatch: pytest.MonkeyPatch):
    from tenants import scoped_admin

    monkeypatch.setattr(scoped_admin, "CAP", 3)
    with scope(tenant=ours.tenant):
        for number in range(5):
            Segment(tenant=ours.tenant, name=f"S{number}", rule={}).save()
        page = staff.get(url(Segment, "changelist"))
    assert page.context["cl"].result_count == 3
