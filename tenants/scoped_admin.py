"""The admin of tenants' tables: one tenant at a time, the one the person works in, with their role there.

Being staff opens the admin; what somebody sees and does in it is decided by their membership, as everywhere else.
Without a tenant these tables are not there at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.forms.fields import InvalidJSONInput
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from tenants import access, audit, json_body, meanwhile, strict
from tenants.api import LIMITS
from tenants.models import Tenant, User

CAP = 10_000


class CappedPaginator(Paginator):
    """Counts no further than CAP: a full count of a partitioned table takes longer than reading it."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:CAP].count())


class StrictJSONField(forms.JSONField):
    """What is typed as JSON, held to what is sent as JSON, and shown again as it was typed."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip():
            try:
                strict.check(json_body.decoded(msgspec.json.decode, value.encode()), "", LIMITS)
            except (json_body.Unreadable, strict.Refused) as wrong:
                raise ValidationError(str(wrong)) from wrong
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return InvalidJSONInput(data or "")


class ScopedAdmin(ModelAdmin):
    """Rows of the request's tenant. What is stored goes through ``store``, and into the audit log."""

    changed_by = "manage"  # what a role must be allowed for adding and changing
    may_add = True
    may_delete = False  # most things are archived, revoked or erased by their own pages
    refusals: ClassVar[tuple[type[Exception], ...]] = ()  # what the domain may answer, in words
    validators: ClassVar[dict[str, Callable[[Any], None]]] = {}  # field -> what raises ValidationError

    exclude: Any = ("tenant",)
    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    compressed_fields = True
    formfield_overrides: ClassVar[dict[Any, Any]] = {models.JSONField: {"form_class": StrictJSONField}}
    change_form_before_template = "tenants/_admin_seen.html"

    def store(self, request: HttpRequest, row: Any, form: forms.ModelForm, *, is_new: bool) -> None:
        """Write a valid form's row. A subclass makes its one domain call here, which notes the change itself."""
        old = {} if is_new else model_to_dict(type(row)._default_manager.get(pk=row.pk), form.changed_data)
        # Others may have changed the rest since it was read.
        row.save(update_fields=None if is_new else form.changed_data)
        new = model_to_dict(row, form.changed_data)
        self.note(
            request,
            row,
            "created" if is_new else "changed",
            {name: (old.get(name), new[name]) for name in new},
        )

    def note(self, request: HttpRequest, row: Any, action: str, changes: dict[str, tuple[Any, Any]]) -> None:
        audit.note(
            tenant=_tenant(request),
            actor=_user(request),
            action=f"{action} (admin)",
            thing=str(row._meta.verbose_name),
            thing_id=getattr(row, "public_id", row.pk),
            name=str(row),
            fields={name: (_plain(old), _plain(new)) for name, (old, new) in changes.items()},
        )

    # --- who ---------------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(request, "view")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_add and access.may(request, self.changed_by)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(request, self.changed_by)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_delete and access.may(request, self.changed_by)

    # --- which rows --------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(tenant=_tenant(request))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = _choices(db_field.related_model, _tenant(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and (validator := self.validators.get(db_field.name)):
            field.validators.append(validator)
        return field

    # --- writing -----------------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The row has its tenant before it is validated: what is unique is so within it."""
        form = super().get_form(request, obj, change, **kwargs)
        tenant = _tenant(request)

        class InTenant(form):  # type: ignore[misc, valid-type]
            def __init__(self, *args: Any, **kw: Any) -> None:
                super().__init__(*args, **kw)
                self.instance.tenant = tenant
                self.seen = meanwhile.digest({name: self.initial.get(name) for name in self.fields})

            def clean(self) -> Any:
                """Also that what is stored is what its author saw; told that it is not, they may save over it."""
                given = super().clean()
                if change and self.data.get("seen", self.seen) != self.seen and self.has_changed():
                    self.add_error(None, str(meanwhile.ChangedMeanwhile(meanwhile.SAVE_AGAIN)))
                return given

            def validate_unique(self) -> None:
                """Also what the form cannot check by itself, as it does not offer every field that counts."""
                super().validate_unique()
                try:
                    self.instance.validate_constraints()
                except ValidationError as broken:
                    self._update_errors(broken)

        return InTenant

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        self.store(request, obj, form, is_new=not change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.note(request, obj, "deleted", {})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except self.refusals as refusal:
            messages.error(request, str(refusal))
            return redirect(request.get_full_path())

    # The audit log is the history: Django's own knows no tenants and no old values.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return None

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return redirect(reverse("settings_audit"))


class ReadOnlyAdmin(ScopedAdmin):
    """Rows that only the product itself writes."""

    may_add = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _tenant(request: HttpRequest) -> Tenant:
    tenant: Tenant = request.tenant  # type: ignore[attr-defined]
    return tenant


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _choices(model: type[models.Model], tenant: Tenant) -> QuerySet[Any]:
    """Whom or what a row of this tenant may refer to: its own things, and its members."""
    if model is User:
        return User.objects.filter(memberships__tenant=tenant)
    return model._default_manager.filter(tenant=tenant)


def _plain(value: Any) -> Any:
    """The value as the log's JSON takes it."""
    if isinstance(value, models.Model):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
