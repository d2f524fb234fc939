"""Taking events in the way REST framework teaches it: a serializer checks them, bulk_create stores them once.

It does less than Tact: nobody is looked up, told apart or marked as seen, nothing is counted, no month is kept apart.
"""

from __future__ import annotations

from typing import Any

from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.peers.models import PeerEvent


class CallSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(["track"])
    messageId = serializers.CharField(max_length=100)
    userId = serializers.CharField(max_length=255)
    event = serializers.CharField(max_length=255)
    timestamp = serializers.DateTimeField()
    properties = serializers.DictField()


class Batch(APIView):
    """POST {"batch": [call, ...]}, with the same keys as ours."""

    def post(self, request: Request) -> Response:
        body: Any = request.data
        calls = CallSerializer(data=body["batch"], many=True)
        calls.is_valid(raise_exception=True)
        tenant_id = request.tenant.pk  # type: ignore[attr-defined]
        PeerEvent.objects.bulk_create(
            [
                PeerEvent(
                    tenant_id=tenant_id,
                    message_id=call["messageId"],
                    user_id=call["userId"],
                    name=call["event"],
                    occurred_at=call["timestamp"],
                    properties=call["properties"],
                )
                for call in calls.validated_data
            ],
            ignore_conflicts=True,
        )
        return Response({"accepted": len(calls.validated_data)})


urlpatterns = [path("v1/batch", Batch.as_view())]
