"""Taking events in the way REST framework teaches it: a serializer checks them, bulk_create stores them once."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django_q.tasks import async_task
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.listeners import LEAST_PRICE
from benchmarks.peers.models import PeerEvent, PeerPerson
from tenants.authentication import KeyAuthentication

Calls = list[dict[str, Any]]


class CallSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(["track"])
    messageId = serializers.CharField(max_length=100)
    userId = serializers.CharField(max_length=255)
    event = serializers.CharField(max_length=255)
    timestamp = serializers.DateTimeField()
    properties = serializers.DictField()


class EventsAlone(APIView):
    """POST {"batch": [call, ...]}, with the same keys as ours. Nobody is looked up, seen or counted."""

    authentication_classes = [KeyAuthentication]

    def post(self, request: Request) -> Response:
        calls = self.checked(request)
        self.store(request.tenant.pk, calls)  # type: ignore[attr-defined]
        return Response({"accepted": len(calls)})

    def checked(self, request: Request) -> Calls:
        body: Any = request.data
        given = CallSerializer(data=body["batch"], many=True)
        given.is_valid(raise_exception=True)
        calls: Calls = given.validated_data
        return calls

    def store(self, tenant_id: int, calls: Calls) -> None:
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
                for call in calls
            ],
            ignore_conflicts=True,
        )


class EventThatSends(EventsAlone):
    """POST one call: it is stored, and where it calls for a mail, so is a task of django-q2 that sends it."""

    def checked(self, request: Request) -> Calls:
        given = CallSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return [given.validated_data]

    @transaction.atomic
    def store(self, tenant_id: int, calls: Calls) -> None:
        super().store(tenant_id, calls)
        for call in calls:
            if call["properties"]["price"] >= LEAST_PRICE:
                async_task("benchmarks.peers.tasks.send", tenant_id, call["userId"])


class EventsOfPeople(EventsAlone):
    """The same with what Tact keeps beside an event: who it was, and when they were last seen."""

    @transaction.atomic
    def store(self, tenant_id: int, calls: Calls) -> None:
        new = self._new(tenant_id, calls)
        super().store(tenant_id, new)
        self._see(tenant_id, new)

    def _new(self, tenant_id: int, calls: Calls) -> Calls:
        sent = [call["messageId"] for call in calls]
        known = PeerEvent.objects.filter(tenant_id=tenant_id, message_id__in=sent)
        there = set(known.values_list("message_id", flat=True))
        return [call for call in calls if call["messageId"] not in there]

    def _see(self, tenant_id: int, calls: Calls) -> None:
        seen: dict[str, Any] = {}
        for call in calls:
            seen[call["userId"]] = max(call["timestamp"], seen.get(call["userId"], call["timestamp"]))
        known = (
            PeerPerson.objects.filter(tenant_id=tenant_id, user_id__in=seen)
            .select_for_update()
            .order_by("id")
        )
        before = {person.user_id: person.last_seen_at for person in known}
        PeerPerson.objects.bulk_create(
            [
                PeerPerson(tenant_id=tenant_id, user_id=user, last_seen_at=max(at, before.get(user) or at))
                for user, at in seen.items()
            ],
            update_conflicts=True,
            unique_fields=["tenant_id", "user_id"],
            update_fields=["last_seen_at"],
        )
