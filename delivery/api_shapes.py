"""What the management API answers about deliveries and results."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from audiences.api_shapes import NamedShape
from delivery.models import Delivery
from tenants.api_schema import ErrorBody

Shape = serializers.Serializer[Any]


class WhyShape(Shape):
    """A reason, for programs and for people."""

    code = serializers.CharField()
    words = serializers.CharField()


class RecipientShape(Shape):
    id = serializers.UUIDField(source="public_id")
    external_id = serializers.CharField(allow_null=True)


class DeliveryShape(Shape):
    id = serializers.CharField()
    campaign = NamedShape()
    profile = RecipientShape()
    version = serializers.IntegerField(allow_null=True, help_text="Which version decided; null: not decided.")
    arm = serializers.CharField(allow_null=True, help_text="A variant's key, or `control`.")
    channel = serializers.CharField()
    state = serializers.ChoiceField(choices=Delivery.State.choices)
    why = WhyShape(allow_null=True, help_text="Why it was not sent, or what it waits for.")
    occasion_at = serializers.DateTimeField(
        help_text="What it answers: a time, or when somebody did something."
    )
    due_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    exposed_at = serializers.DateTimeField(allow_null=True, help_text="Reached, or held out.")
    sent_at = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField(allow_null=True)
    clicked_at = serializers.DateTimeField(allow_null=True)
    unsubscribed_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)


class GateShape(Shape):
    """One gate of a decision, in the order they were asked."""

    gate = serializers.CharField()
    asks = serializers.CharField(help_text="What it asks, in words.")
    passed = serializers.BooleanField()
    saw = serializers.DictField(child=serializers.JSONField(), help_text="The values at that moment.")


class DecisionShape(Shape):
    verdict = serializers.CharField(help_text="`send`, `hold_out`, `skip`, `wait` or `cancel`.")
    gates = GateShape(many=True)


class DeliveryDetailShape(DeliveryShape):
    address = serializers.CharField(allow_null=True)
    reply = serializers.CharField(allow_null=True, help_text="The provider's own words.")
    decision = DecisionShape(allow_null=True, help_text="Null: not decided yet.")


class SendShape(Shape):
    delivery = serializers.CharField(help_text="The message owed: ask for it at `deliveries/{id}`.")


class SentShape(Shape):
    """What became of one message of a batch: a delivery, or an error."""

    delivery = serializers.CharField(allow_null=True)
    error = ErrorBody(required=False)


class SendBatchShape(Shape):
    messages = SentShape(many=True, help_text="In the order they were sent in.")


class IntervalShape(Shape):
    low = serializers.FloatField()
    high = serializers.FloatField()


class LiftShape(Shape):
    """How much better than control, as a share of control's rate: 0.1 is 10 % better."""

    estimate = serializers.FloatField(allow_null=True)
    interval = IntervalShape(allow_null=True, help_text="95 %, valid however often it is looked at.")
    is_decided = serializers.BooleanField(help_text="Whether “no difference” can be ruled out.")


class ComparedShape(Shape):
    """People, each once from their first exposure, and how many of them converted."""

    exposed = serializers.IntegerField()
    converted = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    interval = IntervalShape()
    revenue = serializers.DecimalField(max_digits=None, decimal_places=4)


class ReasonShape(WhyShape):
    count = serializers.IntegerField()


class ArmShape(Shape):
    key = serializers.CharField(
        allow_null=True, help_text="A variant's key or `control`; null: no arm was chosen."
    )
    name = serializers.CharField()
    is_default = serializers.BooleanField()
    audience = serializers.IntegerField()
    states = serializers.DictField(child=serializers.IntegerField(), help_text="Deliveries by state.")
    reasons = ReasonShape(many=True, help_text="Why some were skipped or cancelled.")
    opened = serializers.IntegerField()
    clicked = serializers.IntegerField()
    unsubscribed = serializers.IntegerField()
    compared = ComparedShape()
    lift = LiftShape(help_text="Against those of the control group who could have got this arm.")


class VersionResultsShape(Shape):
    number = serializers.IntegerField()
    launched_at = serializers.DateTimeField()
    goal = serializers.CharField(allow_null=True)
    verdict = serializers.CharField(help_text="What may be believed so far, in a sentence.")
    is_split_off = serializers.BooleanField(help_text="An arm got numbers that its share cannot explain.")
    lift = LiftShape(help_text="Hearing anything against hearing nothing.")
    arms = ArmShape(many=True)


class ResultsShape(Shape):
    campaign = NamedShape()
    is_finished = serializers.BooleanField(help_text="Nothing is owed any more.")
    audience = serializers.IntegerField()
    states = serializers.DictField(child=serializers.IntegerField(), help_text="Deliveries by state.")
    reasons = ReasonShape(many=True)
    versions = VersionResultsShape(many=True, help_text="The newest first.")
