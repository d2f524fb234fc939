"""The admin of campaigns: drafts change by the same functions as in the editor, what was launched is shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from campaigns import channels, contents, drafts, schedules, tags, versions
from campaigns.calendar.schedule import FIRST_DATE, LAST_DATE
from campaigns.models import (
    Block,
    BlockVersion,
    Campaign,
    Content,
    Source,
    SourceAnswer,
    SourceHour,
    Variant,
    Version,
)
from tenants import access
from tenants.scoped_admin import ReadOnlyAdmin, ScopedAdmin


class DraftAdmin(ScopedAdmin):
    """Part of a version: it changes while that is a draft."""

    changed_by = "edit"
    may_add = False  # a draft is started, and its variants added, in the editor
    refusals = (drafts.Refused, versions.Frozen, contents.DefaultNeeds)

    def version_of(self, row: Any) -> Version:
        raise NotImplementedError

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_draft = obj is None or self.version_of(obj).launched_at is None
        return is_draft and super().has_change_permission(request, obj)


@admin.register(Campaign)
class CampaignAdmin(ScopedAdmin):
    changed_by = "edit"
    refusals = (drafts.Refused, versions.Frozen)
    list_display = ("name", "state", "message_class", "priority", "created_by", "created_at", "archived_at")
    list_filter = ("state", "message_class")
    search_fields = ("name",)
    ordering = ("-created_at", "-id")
    fields = (
        "name",
        "description",
        "message_class",
        "topic",
        "priority",
        "tags",
        "state",
        "control_percent",
        "created_by",
        "created_at",
        "archived_at",
    )
    readonly_fields = ("state", "control_percent", "created_by", "created_at", "archived_at")

    def store(self, request: Any, row: Campaign, form: forms.ModelForm, *, is_new: bool) -> None:
        if is_new:
            made = drafts.create(tenant=request.tenant, actor=request.user, name=row.name)
            row.pk, row.public_id, row.salt = made.pk, made.public_id, made.salt
        drafts.describe(
            campaign=row,
            actor=request.user,
            name=row.name,
            description=row.description,
            message_class=row.message_class,
            topic=row.topic,
            priority=row.priority,
            tags=tags.parse(",".join(row.tags)),
            may_launch=access.may(request, "launch"),
        )


CALENDAR = ("schedule", "date_of", "clock", "past")
TRIGGERED = (  # set in the editor, which knows what they mean together
    "trigger", "delay_minutes", "delay_from", "exceptions", "replaces_waiting", "again", "again_hours", "ends_at",
)  # fmt: skip


class VersionForm(forms.ModelForm):
    is_everyone = forms.BooleanField(required=False, label="Everyone", help_text="Instead of a segment.")

    class Meta:
        model = Version
        fields = ()  # the admin adds them in a request: out of a tenant's scope there are no segments to choose from

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["is_everyone"] = self.instance.segment_id is None and self.instance.rule is not None

    def clean_starts_at(self) -> datetime | None:
        given: datetime | None = self.cleaned_data["starts_at"]
        if given and not FIRST_DATE <= given.date() <= LAST_DATE:
            raise ValidationError(f"Choose a year from {FIRST_DATE.year} to {LAST_DATE.year}.")
        return given


@admin.register(Version)
class VersionAdmin(DraftAdmin):
    form = VersionForm
    list_display = ("campaign", "number", "segment", "when", "starts_at", "launched_at", "launched_by")
    list_select_related = ("campaign", "segment", "launched_by")
    ordering = ("-id",)
    fields = (
        "campaign",
        "number",
        "language",
        "segment",
        "is_everyone",
        "when",
        "starts_at",
        "lateness_hours",
        "is_cap_exempt",
        "when_capped",
        "per_minute",
        *CALENDAR,
        *TRIGGERED,
        "goal",
        "conversion_event",
        "conversion_hours",
        "revenue_property",
        "rule",
        "conversion_filter",
        "counts",
        "launched_at",
        "launched_by",
    )
    readonly_fields = (
        "campaign",
        "number",
        "language",
        *CALENDAR,
        *TRIGGERED,
        "rule",
        "conversion_filter",
        "counts",
        "launched_at",
        "launched_by",
    )

    def version_of(self, row: Version) -> Version:
        return row

    def store(self, request: Any, row: Version, form: forms.ModelForm, *, is_new: bool) -> None:
        given, kept = form.cleaned_data, Version.objects.select_related("campaign").get(pk=row.pk)
        drafts.set_audience(
            version=kept,
            actor=request.user,
            segment=given["segment"],
            is_everyone=given["is_everyone"],
            control_percent=kept.campaign.control_percent,
        )
        names = ("when", "starts_at", "lateness_hours", "is_cap_exempt", "when_capped", "per_minute")
        schedule = {name: given[name] for name in names}
        schedule |= {name: getattr(kept, name) for name in TRIGGERED}
        schedule |= {"schedule": schedules.of(kept), "clock": kept.clock, "past": kept.past}
        schedule["date_of"] = kept.date_of
        drafts.set_schedule(version=kept, actor=request.user, **schedule)
        goal = {
            name: given[name] for name in ("goal", "conversion_event", "conversion_hours", "revenue_property")
        }
        drafts.set_goal(version=kept, actor=request.user, **goal)


@admin.register(Variant)
class VariantAdmin(DraftAdmin):
    list_display = ("name", "key", "version", "weight", "segment", "is_default")
    list_select_related = ("version__campaign", "segment")
    ordering = ("-id",)
    fields = ("version", "key", "name", "weight", "segment", "is_default", "rule")
    readonly_fields = ("version", "key", "rule")

    def version_of(self, row: Variant) -> Version:
        return row.version

    def store(self, request: Any, row: Variant, form: forms.ModelForm, *, is_new: bool) -> None:
        names = ("name", "weight", "segment", "is_default")
        drafts.change_variant(
            variant=row, actor=request.user, **{name: form.cleaned_data[name] for name in names}
        )


class ContentForm(forms.ModelForm):
    """Words are held to the channel's own form, as in the editor."""

    class Meta:
        model = Content
        fields = ("fields",)

    def clean_fields(self) -> dict[str, Any]:
        given, content = self.cleaned_data["fields"], self.instance
        if not isinstance(given, dict) or not all(isinstance(words, str) for words in given.values()):
            raise ValidationError("Give an object of texts.")
        language = content.language or content.variant.version.language
        form: forms.Form = channels.get(content.channel).form(given, fields={}, language=language)
        wrong = [f"{name}: There is no such field." for name in sorted(set(given) - set(form.fields))]
        wrong += [f"{name}: {error}" for name, errors in form.errors.items() for error in errors]
        if wrong:
            raise ValidationError(wrong)
        return dict(form.cleaned_data)


@admin.register(Content)
class ContentAdmin(DraftAdmin):
    """The channel's fields are compiled as they are saved, so needs and problems are always theirs."""

    form = ContentForm
    list_display = ("variant", "channel", "language", "updated_at")
    list_select_related = ("variant__version__campaign",)
    list_filter = ("channel", "language")
    ordering = ("-id",)
    fields = ("variant", "channel", "language", "fields", "needs", "problems", "updated_at")
    readonly_fields = ("variant", "channel", "language", "needs", "problems", "updated_at")

    def version_of(self, row: Content) -> Version:
        return row.variant.version

    def store(self, request: Any, row: Content, form: forms.ModelForm, *, is_new: bool) -> None:
        contents.save(
            variant=row.variant,
            channel=row.channel,
            language=row.language,
            fields=form.cleaned_data["fields"],
            actor=request.user,
        )


@admin.register(Source)
class SourceAdmin(ReadOnlyAdmin):
    """Sources change on their own page, which keeps the headers where they belong."""

    list_display = ("name", "method", "url", "on_failure", "failures", "answered_at", "failed_at")
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(SourceAnswer)
class SourceAnswerAdmin(ReadOnlyAdmin):
    list_display = ("source", "question", "status", "fetched_at", "expires_at", "failed_at", "error")
    list_select_related = ("source",)
    ordering = ("-id",)


@admin.register(SourceHour)
class SourceHourAdmin(ReadOnlyAdmin):
    list_display = ("source", "hour", "questions", "failures", "milliseconds")
    list_select_related = ("source",)
    ordering = ("-id",)


@admin.register(Block)
class BlockAdmin(ReadOnlyAdmin):
    """Blocks change on their own page, which keeps every version."""

    list_display = ("name", "created_at", "archived_at")
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(BlockVersion)
class BlockVersionAdmin(ReadOnlyAdmin):
    list_display = ("block", "number", "renders", "created_by", "created_at")
    list_select_related = ("block", "created_by")
    ordering = ("-id",)
