"""What the management API answers about people and segments."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from audiences.models import Identity, Profile, Suppression

Shape = serializers.Serializer[Any]


class IdentityShape(Shape):
    kind = serializers.ChoiceField(choices=Identity.Kind.choices)
    value = serializers.CharField()
    created_at = serializers.DateTimeField()


class SuppressionShape(Shape):
    channel = serializers.CharField()
    address = serializers.CharField()
    reason = serializers.ChoiceField(choices=Suppression.Reason.choices)
    at = serializers.DateTimeField()


class SegmentShape(Shape):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class SegmentDetailShape(SegmentShape):
    rule = serializers.JSONField()
    sentence = serializers.CharField(allow_null=True, help_text="The rule in words.")
    problem = serializers.CharField(
        allow_null=True, help_text="Why the rule cannot be used any more; null: it can."
    )


class SegmentCountShape(Shape):
    profiles = serializers.IntegerField()


class NamedShape(Shape):
    """A thing by its id, with its name."""

    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class ShortProfileShape(Shape):
    id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    first_name = serializers.CharField(allow_null=True)
    last_name = serializers.CharField(allow_null=True)
    language = serializers.CharField(allow_null=True)
    timezone = serializers.CharField(allow_null=True)
    country = serializers.CharField(allow_null=True)
    region = serializers.CharField(allow_null=True)
    city = serializers.CharField(allow_null=True)
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    located_at = serializers.DateTimeField(allow_null=True)
    consent = serializers.DictField(
        child=serializers.ChoiceField(choices=Profile.Standing.choices),
        help_text="By channel, or `topic:` and its name; what nobody stated is not here.",
    )
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(allow_null=True)


class ProfileShape(ShortProfileShape):
    attributes = serializers.DictField(
        child=serializers.JSONField(), help_text="Everything else that is known, by name."
    )
    identities = IdentityShape(many=True)
    suppressions = SuppressionShape(many=True)
    segments = NamedShape(many=True, help_text="Those they are in at this moment; of the first 200 by name.")


class ErasureShape(Shape):
    id = serializers.UUIDField()
    erased_at = serializers.DateTimeField()
    done_at = serializers.DateTimeField(
        allow_null=True, help_text="When all they left was gone; null: under way."
    )


class EventShape(Shape):
    id = serializers.CharField()
    name = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    properties = serializers.DictField(child=serializers.JSONField())
    is_internal = serializers.BooleanField(help_text="Written by Tact about its own messages.")
