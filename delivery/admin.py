"""The admin of deliveries and what came of them: the product writes these rows, people read them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from delivery.models import Beat, CapUse, Conversion, Delivery, Entry, FrequencyCap, Pace, Plan, Provider
from tenants.admin import ForSuperusers
from tenants.scoped_admin import ReadOnlyAdmin


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("campaign", "profile", "channel", "state", "reason", "due_at", "sent_at")
    list_select_related = ("campaign", "profile")
    list_filter = ("state", "channel")
    ordering = ("-id",)


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ("campaign", "profile", "is_control", "count", "first_at", "last_at")
    list_select_related = ("campaign", "profile")
    list_filter = ("is_control",)
    ordering = ("-id",)


@admin.register(Plan)
class PlanAdmin(ReadOnlyAdmin):
    list_display = ("campaign", "version", "occasion", "opens_at", "opened_at", "audience", "done_at")
    list_select_related = ("campaign", "version__campaign")
    ordering = ("-id",)


@admin.register(Provider)
class ProviderAdmin(ReadOnlyAdmin):
    """Settings change on their own pages, which keep the secret where it belongs and limits whole."""

    list_display = ("name", "channel", "is_active", "per_minute", "warm_up_date", "created_at")


@admin.register(Pace)
class PaceAdmin(ReadOnlyAdmin):
    list_display = ("campaign", "provider", "minute", "used", "day", "used_today")
    list_select_related = ("campaign", "provider")
    ordering = ("-id",)


@admin.register(FrequencyCap)
class FrequencyCapAdmin(ReadOnlyAdmin):
    """Caps change on their own page, where they also count anew."""

    list_display = ("limit", "scope", "value", "kind", "hours", "archived_at")
    ordering = ("-id",)


@admin.register(CapUse)
class CapUseAdmin(ReadOnlyAdmin):
    list_display = ("cap", "profile", "times")
    list_select_related = ("cap", "profile")
    ordering = ("-id",)


@admin.register(Conversion)
class ConversionAdmin(ReadOnlyAdmin):
    list_display = ("campaign", "profile", "arm", "goal", "converted_at", "revenue")
    list_select_related = ("campaign", "profile")
    ordering = ("-id",)


@admin.register(Beat)
class BeatAdmin(ForSuperusers, ModelAdmin):
    list_display = ("part", "at", "detail")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
