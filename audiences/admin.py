"""The admin of people and what is known of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from audiences import attributes, erasure, segments, tombstones
from audiences.models import (
    AttributeDefinition,
    ConsentChange,
    ErasedAddress,
    Erasure,
    Event,
    EventDefinition,
    EventTotal,
    Identity,
    Import,
    Place,
    PlacePresence,
    Profile,
    RefusedCall,
    RefusedRow,
    Segment,
    SegmentMember,
    Suppression,
    WatchedSegment,
)
from audiences.rules import schema
from audiences.rules.tree import InvalidRule
from tenants.scoped_admin import ReadOnlyAdmin, ScopedAdmin


class ProfileForm(forms.ModelForm):
    """Each standard attribute is held to what the same attribute must be when data brings it."""

    class Meta:
        model = Profile
        fields = (
            "first_name",
            "last_name",
            "language",
            "timezone",
            "country",
            "region",
            "city",
            "latitude",
            "longitude",
        )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for name in self.Meta.fields:
            if name in given:
                given[name] = self._clean_attribute(name, given[name])
        return given

    def _clean_attribute(self, name: str, value: Any) -> Any:
        try:
            return attributes.clean(name, value)
        except attributes.Unfit as unfit:
            self.add_error(name, ValidationError(str(unfit.args[0])))
            return value


@admin.register(Profile)
class ProfileAdmin(ScopedAdmin):
    """Identities and consent have pages and calls of their own, which keep proofs; here they are shown."""

    form = ProfileForm
    refusals = (erasure.Gone,)
    may_add = False
    list_display = ("__str__", "external_id", "email", "country", "created_at", "last_seen_at")
    search_fields = ("email__iexact", "external_id__exact")
    ordering = ("-id",)
    fields = (
        *ProfileForm.Meta.fields,
        "public_id",
        "external_id",
        "email",
        "phone",
        "attributes",
        "consent",
        "created_at",
        "last_seen_at",
        "merged_into",
        "erased_at",
    )
    readonly_fields = tuple(name for name in fields if name not in ProfileForm.Meta.fields)

    def store(self, request: Any, row: Profile, form: forms.ModelForm, *, is_new: bool) -> None:
        if tombstones.lock_living(request.tenant.pk, [row.pk]).get(row.pk) != row.pk:
            raise erasure.Gone("This person was merged into another or erased meanwhile.")
        super().store(request, row, form, is_new=is_new)


def _is_rule(value: Any) -> None:
    try:
        schema.check(value)
    except InvalidRule as wrong:
        raise ValidationError(str(wrong)) from wrong


@admin.register(Segment)
class SegmentAdmin(ScopedAdmin):
    changed_by = "edit"
    refusals = (InvalidRule, segments.SegmentCycle, segments.NameTaken)
    validators = {"rule": _is_rule}
    list_display = ("name", "created_by", "updated_at", "archived_at")
    search_fields = ("name",)
    fields = ("name", "description", "rule", "created_by", "created_at", "updated_at", "archived_at")
    readonly_fields = ("created_by", "created_at", "updated_at", "archived_at")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"rule": {"all": []}}

    def store(self, request: Any, row: Segment, form: forms.ModelForm, *, is_new: bool) -> None:
        words = {name: form.cleaned_data[name] for name in ("name", "description", "rule")}
        if is_new:
            row.pk = segments.create(tenant=request.tenant, actor=request.user, **words).pk
        else:
            segments.update(segment=row, actor=request.user, **words)


@admin.register(Place)
class PlaceAdmin(ReadOnlyAdmin):
    list_display = ("name", "latitude", "longitude", "radius_m", "updated_at")
    search_fields = ("name",)


@admin.register(PlacePresence)
class PlacePresenceAdmin(ReadOnlyAdmin):
    list_display = ("place", "profile", "arrived_at", "entered_at", "left_at")
    list_select_related = ("place", "profile")
    ordering = ("-id",)


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin):
    list_display = ("address", "channel", "reason", "at")
    list_filter = ("channel", "reason")
    search_fields = ("address__exact",)


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    list_display = ("profile", "asked_at", "done_at")
    list_select_related = ("profile",)
    ordering = ("-id",)


@admin.register(ErasedAddress)
class ErasedAddressAdmin(ReadOnlyAdmin):
    list_display = ("kind", "digest", "refused", "reason", "at")
    list_filter = ("kind", "reason")
    search_fields = ("digest__exact",)


@admin.register(AttributeDefinition, EventDefinition)
class DefinitionAdmin(ScopedAdmin):
    """Names appear as data brings them; people say what they mean."""

    changed_by = "edit"
    may_add = False
    list_display = ("name", "label", "provenance", "sensitivity", "first_seen_at")
    list_filter = ("provenance", "sensitivity")
    search_fields = ("name", "label")
    fields = ("name", "label", "provenance", "sensitivity", "first_seen_at")
    readonly_fields = ("name", "first_seen_at")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("name", "profile", "occurred_at", "is_internal")
    list_select_related = ("profile",)
    ordering = ("-id",)


@admin.register(EventTotal)
class EventTotalAdmin(ReadOnlyAdmin):
    list_display = ("name", "profile", "count", "first_at", "last_at")
    list_select_related = ("profile",)
    ordering = ("-id",)


@admin.register(WatchedSegment)
class WatchedSegmentAdmin(ReadOnlyAdmin):
    list_display = ("segment", "rests_until")
    list_select_related = ("segment",)


@admin.register(SegmentMember)
class SegmentMemberAdmin(ReadOnlyAdmin):
    list_display = ("segment", "profile")
    list_select_related = ("segment", "profile")
    ordering = ("-id",)


@admin.register(Identity)
class IdentityAdmin(ReadOnlyAdmin):
    list_display = ("kind", "value", "profile", "created_at")
    list_select_related = ("profile",)
    list_filter = ("kind",)
    search_fields = ("value__exact",)
    ordering = ("-id",)


@admin.register(ConsentChange)
class ConsentChangeAdmin(ReadOnlyAdmin):
    list_display = ("profile", "subject", "standing", "at", "origin")
    list_select_related = ("profile",)
    list_filter = ("standing",)
    ordering = ("-id",)


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    list_display = ("file_name", "state", "rows_total", "rows_refused", "created_by", "created_at")
    list_filter = ("state",)
    exclude = ("tenant", "file")  # people's data: it has no address of its own


@admin.register(RefusedRow)
class RefusedRowAdmin(ReadOnlyAdmin):
    list_display = ("import_file", "number", "reason")
    list_select_related = ("import_file",)
    ordering = ("-id",)


@admin.register(RefusedCall)
class RefusedCallAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "path", "reason")
    ordering = ("-id",)
