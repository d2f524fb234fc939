"""The management API's "why": for one campaign and one person, what the page of that name says."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.response import Response

from audiences.api import profile_of
from campaigns.editing import campaign_of
from delivery import explain
from delivery.api import reference
from delivery.api_shapes import GateShape
from delivery.explain import Told
from delivery.models import Delivery
from tenants.api import Api, Given
from tenants.api_schema import describes

Shape = serializers.Serializer[Any]


class WhyQuery(Given):
    profile = serializers.UUIDField(help_text="The person's id.")


class ThingShape(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField()


class RuleNodeShape(Shape):
    kind = serializers.CharField(
        help_text="`all`, `any` or `none` for a group, else what the condition is on."
    )
    verdict = serializers.BooleanField()
    sentence = serializers.CharField()
    seen = serializers.CharField(help_text="The value that decided, in words; empty for a group.")
    children = serializers.ListField(
        child=serializers.DictField(), help_text="The parts, of this same shape."
    )


class ForecastShape(Shape):
    at = serializers.DateTimeField()
    verdict = serializers.CharField(help_text="`send`, `hold_out`, `skip` or `wait`.")
    reason = serializers.CharField(help_text="A code; empty unless it is skipped or waits.")
    words = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True, help_text="Of one that waits: when it is asked again.")
    arm = serializers.CharField()
    gates = GateShape(many=True, help_text="Every gate, also those after the first no.")


class HeardShape(Shape):
    name = serializers.CharField(help_text="The source's.")
    origin = serializers.CharField(help_text="Where the answer came from, in words; empty: there was none.")
    at = serializers.DateTimeField(allow_null=True, help_text="When the server gave it.")
    status = serializers.IntegerField(help_text="Of HTTP; 0: none.")
    milliseconds = serializers.IntegerField(allow_null=True, help_text="Of one asked for this message.")
    why = serializers.CharField(help_text="Why it was not asked, or gave nothing.")
    answer = serializers.CharField(help_text="The beginning of the answer.")


class ToldShape(Shape):
    id = serializers.CharField()
    state = serializers.ChoiceField(choices=Delivery.State.choices)
    occasion = serializers.CharField()
    occasion_at = serializers.DateTimeField()
    channel = serializers.CharField()
    arm = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    verdict = serializers.CharField()
    words = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField()
    reason = serializers.CharField()
    reply = serializers.CharField(help_text="The provider's own words.")
    gates = GateShape(many=True)
    sources = HeardShape(many=True, help_text="What the sources of its words gave.")
    waits_for = serializers.CharField()
    forecast = ForecastShape(
        allow_null=True, help_text="Of one that is planned: what the gates say, if nothing changes."
    )


class ConditionShape(Shape):
    asks = serializers.CharField()
    holds = serializers.BooleanField()
    reason = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)


class OccurrenceShape(Shape):
    event = serializers.CharField()
    at = serializers.DateTimeField()
    reason = serializers.CharField(help_text="Why it did not set the campaign off.")
    filters = RuleNodeShape(allow_null=True)


class AnswerShape(Shape):
    campaign = ThingShape()
    profile = ThingShape()
    verdict = serializers.ChoiceField(choices=explain.VERDICTS)
    sentence = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True, help_text="When it came about, or will.")
    deliveries = ToldShape(many=True, help_text=f"The newest {explain.SHOWN}.")
    has_more_deliveries = serializers.BooleanField()
    conditions = ConditionShape(
        many=True, help_text="Of somebody who never had a delivery: what had to come first."
    )
    occurrences = OccurrenceShape(many=True, help_text="What might have set it off.")
    audience = RuleNodeShape(allow_null=True, help_text="The audience's rule, as it sees them now.")
    now = ForecastShape(allow_null=True, help_text="If one fell due at this moment; null: none can.")


class CampaignWhy(Api):
    @describes("explain_campaign", "Why somebody got a campaign, or did not", AnswerShape, query=WhyQuery)
    def get(self, request: Any, public_id: UUID) -> Response:
        """What became of each delivery by which gates, what may still stop what waits, or why there never was one."""
        campaign = campaign_of(public_id)
        profile = profile_of(self.asked(WhyQuery)["profile"])
        answer = explain.why(campaign, profile, now=self.now())
        told = [{"id": _reference(each)} | each.as_json() for each in answer.deliveries]
        return Response(AnswerShape(answer.as_json() | {"deliveries": told}).data)


def _reference(told: Told) -> str:
    return reference(told.delivery.pk, told.delivery.occasion_at)
