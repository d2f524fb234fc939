"""The admin of the installation's people and tenants, for superusers, and of a tenant's own keys and log."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet, model_to_dict
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tenants import accounts, audit, brand
from tenants.forms import MailboxField, SecureAddress, currencies, languages, zones
from tenants.models import ApiKey, AuditEntry, Invitation, Membership, Tenant, User
from tenants.roles import Role
from tenants.scoped_admin import ReadOnlyAdmin

admin.site.unregister(Group)  # what people may do follows from roles; groups would be a second answer


class ForSuperusers:
    """What spans tenants is for those who run the installation."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # people are deactivated; a tenant's records outlive the wish to be rid of it


class Team(BaseInlineFormSet):
    def clean(self) -> None:
        """Also that whoever owned the tenant leaves an owner behind, as on its own page."""
        super().clean()
        before = [form.instance.user for form in self.initial_forms if form.initial["role"] == Role.OWNER]
        kept = [
            form.cleaned_data for form in self.forms if form not in self.deleted_forms and form.is_valid()
        ]
        after = [given["user"] for given in kept if given.get("role") == Role.OWNER]
        if before and not any(user.is_active for user in after):
            raise ValidationError("Somebody has to stay an owner: make another member one first.")


class MembershipInline(ForSuperusers, TabularInline):
    model = Membership
    formset = Team
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    extra = 0

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)


CHOSEN = {
    "timezone": (zones, "Europe/Berlin"),
    "language": (languages, "pt-BR"),
    "currency": (currencies, "EUR"),
}
FOR_EVER = 100 * 365  # days: with many more, some moment would be none that a date can say


class TenantForm(forms.ModelForm):
    class Meta:
        model = Tenant
        fields = (
            "name",
            "is_sandbox",
            "timezone",
            "language",
            "currency",
            "from_name",
            "from_email",
            "reply_to",
            "postal_address",
            *brand.FIELDS,
            "trigger_age_hours",
            "retention_days",
        )
        field_classes: ClassVar[dict[str, Any]] = {
            **dict.fromkeys(("logo_url", "website"), SecureAddress),
            **dict.fromkeys(("from_email", "reply_to"), MailboxField),
        }

    def clean(self) -> Any:
        """Also that what is chosen from a list on the tenant's own page is on that list."""
        given = super().clean()
        for name, (choices, example) in CHOSEN.items():
            if name in self.changed_data and self.cleaned_data.get(name) not in dict(choices()):
                self.add_error(name, f"There is none such. What is meant is one like {example}.")
        return given

    def clean_trigger_age_hours(self) -> int:
        return _within(FOR_EVER * 24, self.cleaned_data["trigger_age_hours"])

    def clean_retention_days(self) -> int:
        return _within(FOR_EVER, self.cleaned_data["retention_days"])


def _within(most: int, number: int) -> int:
    if not 1 <= number <= most:
        raise ValidationError(f"Give a number from 1 to {most:,}.")
    return number


@admin.register(Tenant)
class TenantAdmin(ForSuperusers, ModelAdmin):
    form = TenantForm
    list_display = ("name", "is_sandbox", "timezone", "created_at")
    list_filter = ("is_sandbox",)
    search_fields = ("name",)
    fields = (*TenantForm.Meta.fields, "public_id", "clock_offset", "created_at")
    readonly_fields = ("public_id", "clock_offset", "created_at")
    inlines = (MembershipInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A sandbox stays one: what it sent never left, and its people may be made up."""
        return (*self.readonly_fields, "is_sandbox") if obj else self.readonly_fields

    # The tenant's own log says it too: its owners do not see the installation's.

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        old = model_to_dict(Tenant.objects.get(pk=obj.pk), form.changed_data) if change else {}
        super().save_model(request, obj, form, change)
        self._note(request, obj, "changed" if change else "made", old, model_to_dict(obj, form.changed_data))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        old = _roles(form.instance)
        super().save_related(request, form, formsets, change)
        self._note(request, form.instance, "changed the team", old, _roles(form.instance))

    def _note(
        self, request: HttpRequest, tenant: Tenant, action: str, old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        if old == new:
            return
        assert isinstance(request.user, User)
        audit.note(
            tenant=tenant,
            actor=request.user,
            action=f"{action} (admin)",
            thing="tenant",
            thing_id=tenant.public_id,
            name=tenant.name,
            fields={name: (old.get(name), new.get(name)) for name in old | new},
        )


def _roles(tenant: Tenant) -> dict[str, str]:
    return {member.user.email: member.role for member in tenant.memberships.select_related("user")}


class OneHolder(forms.ModelForm):
    """An address belongs to one account, also where it is not the one that is signed in with."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if accounts.holder_of(email) not in (None, self.instance):
            raise ValidationError(accounts.TAKEN)
        return email


class NewUserForm(OneHolder, UserCreationForm, AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")
        field_classes: dict[str, Any] = {}


class ChangedUserForm(OneHolder, UserChangeForm):
    class Meta:
        model = User
        fields = ("email", "name", "password", "is_active", "is_staff", "is_superuser")
        field_classes: dict[str, Any] = {}


@admin.register(User)
class PersonAdmin(ForSuperusers, UserAdmin, ModelAdmin):
    """Somebody who logs in; deactivate rather than delete, so that the log keeps who did what."""

    form = ChangedUserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("May", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "name", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change or "email" in form.changed_data:
            accounts.vouch_for(obj)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("email", "role", "invited_by", "expires_at", "accepted_at")
    exclude = ("tenant", "token_hash")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "prefix", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("kind",)
    exclude = ("tenant", "key_hash")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor_name", "action", "thing", "thing_name")
    list_filter = ("thing", "action")
    search_fields = ("thing_name", "actor_name")
    ordering = ("-at", "-id")


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_superuser
