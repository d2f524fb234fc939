"""The management API's sources: what there is, and how each does. They are set up on their page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.response import Response

from campaigns.models import Source
from campaigns.sources import health
from tenants import clock
from tenants.api import Api, PageQuery, page
from tenants.api_schema import describes, paged

CONFIGURED = (
    "name", "method", "url", "body", "header_names", "timeout_seconds", "cache_minutes", "last_good_hours",
    "on_failure", "needs", "created_at", "updated_at",
)  # fmt: skip


class SourceShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(help_text="As messages say it.")
    method = serializers.ChoiceField(choices=Source.Method.choices)
    url = serializers.CharField(help_text="Liquid, but for the server.")
    body = serializers.CharField()
    header_names = serializers.ListField(
        child=serializers.CharField(), help_text="Their values are shown nowhere."
    )
    timeout_seconds = serializers.IntegerField()
    cache_minutes = serializers.IntegerField()
    last_good_hours = serializers.IntegerField(
        help_text="How old an answer may be to stand in for one that failed."
    )
    on_failure = serializers.ChoiceField(choices=Source.OnFailure.choices)
    default = serializers.JSONField(allow_null=True)
    needs = serializers.ListField(
        child=serializers.CharField(), help_text="What its question needs of a person."
    )
    state = serializers.ChoiceField(choices=[(name, words) for name, (words, _) in health.WORDS.items()])
    questions = serializers.IntegerField(help_text="Of the last day, as are the next two.")
    failures = serializers.IntegerField()
    milliseconds = serializers.IntegerField(allow_null=True, help_text="The mean of an answer.")
    answered_at = serializers.DateTimeField(allow_null=True)
    failed_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(help_text="The last failure's words.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class SourceList(Api):
    @describes("list_sources", "Sources, the newest first", paged(SourceShape), query=PageQuery)
    def get(self, request: Any) -> Response:
        asked = self.asked(PageQuery)
        found = Source.objects.select_related("tenant").order_by("-pk")
        if cursor := asked.get("cursor"):
            found = found.filter(pk__lt=cursor.id)
        limit = asked["limit"]
        return page(list(found[: limit + 1]), limit=limit, shown=_shown)


class SourceDetail(Api):
    @describes("get_source", "One source", SourceShape)
    def get(self, request: Any, public_id: UUID) -> Response:
        """Its settings but for the headers' values, and how it does."""
        source: Source = get_object_or_404(Source.objects.select_related("tenant"), public_id=public_id)
        return Response(_shown(source))


def _shown(source: Source) -> dict[str, Any]:
    (doing,) = health.of([source], raw_now=clock.raw_now())
    fields = {name: getattr(source, name) for name in (*CONFIGURED, "default", "error")}
    now = {
        name: getattr(doing, name)
        for name in ("state", "questions", "failures", "milliseconds", "answered_at", "failed_at")
    }
    return SourceShape(fields | now | {"id": source.public_id}).data
