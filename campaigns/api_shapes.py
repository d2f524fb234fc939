"""What the management API answers about campaigns."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from campaigns import summary
from campaigns.models import Campaign, Version
from tenants.api_schema import ErrorDetail

Shape = serializers.Serializer[Any]
STATES = [(name, pill.label) for name, pill in summary.PILLS.items()]


def version_number(help_text: str | None = None) -> serializers.IntegerField:
    """Return the field of a request that may name a version by its number."""
    return serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1, help_text=help_text)


class CountsShape(Shape):
    """How many people a version would reach, as counted when it was launched."""

    audience = serializers.IntegerField()
    reachable = serializers.IntegerField(help_text="Have an address and may be written to.")
    control = serializers.IntegerField()
    arms = serializers.DictField(child=serializers.IntegerField(), help_text="By the variant's key.")
    left_out = serializers.IntegerField(help_text="No variant takes them.")
    lacking = serializers.DictField(
        child=serializers.IntegerField(), help_text="People without what a message needs."
    )
    depends = serializers.IntegerField(help_text="Their variant depends on the event that sets it off.")
    languages = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="By the language they get (BCP 47); empty where each variant is written in one.",
    )


class VersionShape(Shape):
    number = serializers.IntegerField()
    when = serializers.ChoiceField(choices=Version.When.choices)
    sentence = serializers.CharField(help_text="What it does, in words.")
    clock = serializers.ChoiceField(choices=Version.Clock.choices, help_text="Whose clock its times are by.")
    schedule = serializers.JSONField(allow_null=True, help_text="How it repeats, in wall-clock time.")
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    per_minute = serializers.IntegerField(
        allow_null=True, help_text="At most so many messages a minute. Null: as fast as it can."
    )
    launched_at = serializers.DateTimeField(allow_null=True, help_text="Null: it is being drafted.")
    counts = CountsShape(allow_null=True)
    language = serializers.CharField(allow_blank=True, help_text="Of the default words: BCP 47.")
    languages = serializers.ListField(
        child=serializers.CharField(), help_text="Those that any variant is written in beside it."
    )


class CampaignShape(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=STATES)
    message_class = serializers.ChoiceField(choices=Campaign.MessageClass.choices)
    topic = serializers.CharField(allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField())
    priority = serializers.IntegerField(help_text="1 to 5; 1 goes first.")
    control_percent = serializers.IntegerField()
    audience = serializers.CharField(allow_blank=True, help_text="Whom it is for, in few words.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class CampaignDetailShape(CampaignShape):
    sentence = serializers.CharField(help_text="What its newest version does, in words.")
    versions = VersionShape(many=True, help_text="The newest first.")
    problems = ErrorDetail(many=True, help_text="What keeps its draft from being launched.")
