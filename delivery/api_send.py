"""The management API's way to send: a campaign that waits for a server's word, to one person or to a hundred."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, serializers
from rest_framework.request import Request as Call
from rest_framework.response import Response

from audiences import ingest, people
from audiences.models import Profile
from campaigns.editing import campaign_of
from campaigns.models import Campaign
from delivery import requests
from delivery.api import reference
from delivery.api_shapes import SendBatchShape, SendShape
from delivery.requests import LONGEST_KEY, MOST_AT_ONCE, NotAskable, Owed, Request
from tenants import strict
from tenants.api import Api, Given, conflict
from tenants.api_errors import Problem, body, invalid
from tenants.api_schema import describes

LARGEST = 32 * 1024  # bytes of one message's properties, as of any event's
HEADER = "Idempotency-Key"
KEY = OpenApiParameter(
    HEADER, str, OpenApiParameter.HEADER, description="Instead of the field `idempotency_key`."
)


class ToBody(Given):
    external_id = serializers.CharField(required=False, max_length=255)
    email = serializers.CharField(required=False, max_length=254)
    profile = serializers.UUIDField(required=False, help_text="The id this API gave.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Say who: by external_id, email or profile.")
        if "profile" in attrs and len(attrs) > 1:
            raise serializers.ValidationError("A profile says alone who is meant: leave the others out.")
        return attrs


class MessageBody(Given):
    """A message to one person."""

    to = ToBody(help_text="The external id decides, if there are both it and an address.")
    properties = serializers.DictField(
        child=serializers.JSONField(allow_null=True),
        required=False,
        default=dict,
        help_text="What the message may use as `event`; the name `campaign` is taken.",
    )
    idempotency_key = serializers.CharField(
        required=False,
        max_length=LONGEST_KEY,
        help_text="Yours for this message: the same one again, within 30 days, sends nothing twice.",
    )
    create = serializers.BooleanField(  # type: ignore[assignment]
        required=False,
        default=False,
        help_text="Make the person, if nobody is known by this. Needs the scope `ingest` too.",
    )

    def validate_properties(self, value: dict[str, Any]) -> dict[str, Any]:
        try:
            strict.check(value, "")
        except strict.Refused as refused:
            raise serializers.ValidationError(str(refused)) from None
        if len(msgspec.json.encode(value)) > LARGEST:
            raise serializers.ValidationError(f"Is larger than {LARGEST // 1024} KB.")
        if requests.CAMPAIGN in value:
            words = "Stands for the campaign that was asked for: give yours another name."
            raise serializers.ValidationError({requests.CAMPAIGN: [words]})
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "idempotency_key" not in attrs:
            words = f"Send one with each message, here or as the header {HEADER}: sent again, it sends nothing twice."
            raise serializers.ValidationError({"idempotency_key": [words]})
        return attrs


class BatchBody(Given):
    messages = MessageBody(many=True, allow_empty=False, max_length=MOST_AT_ONCE)  # type: ignore[call-arg]


class _Sending(Api):
    scopes = {"POST": "send"}
    pace = "send"

    def _owed(self, campaign: Campaign, messages: list[dict[str, Any]]) -> list[Owed | Problem]:
        """Return the delivery that answers each message, or why there is none."""
        now = self.now()
        try:
            requests.check(campaign)
            met = [self._met(message, now) for message in messages]
            asked = [
                Request(who.pk, message["idempotency_key"], message["properties"])
                for who, message in zip(met, messages, strict=True)
                if isinstance(who, Profile)
            ]
            owed = iter(requests.ask(campaign=campaign, requests=asked, now=now))
        except NotAskable as refused:
            raise conflict("not_askable", refused) from refused
        return [who if isinstance(who, Problem) else next(owed) or _used() for who in met]

    def _met(self, message: dict[str, Any], now: datetime) -> Profile | Problem:
        try:
            return self._person(message["to"], is_made=message["create"], now=now)
        except Problem as problem:
            return problem

    def _person(self, to: dict[str, Any], *, is_made: bool, now: datetime) -> Profile:
        found = _known(to, self.tenant.pk)
        if not found and is_made and "profile" not in to:
            self._make(to, now)
            found = _known(to, self.tenant.pk)
        path = f"to.{_by(to)}"
        if not found:
            raise Problem(
                404, "no_such_person", "Nobody is known by this.", [(path, "Nobody is known by this.")]
            )
        if len(found) > 1:
            words = "Several people have this address: say which one by external_id or profile."
            raise Problem(409, "several_people", words, [(path, words)])
        return found[0]

    def _make(self, to: dict[str, Any], now: datetime) -> None:
        if "ingest" not in self.key.scopes:
            raise exceptions.PermissionDenied("To create people this key needs the scope “ingest” too.")
        who: dict[str, Any] = {"userId": to["external_id"]} if "external_id" in to else {}
        if "email" in to:
            who |= {"traits": {"email": to["email"]}}
            who |= (
                {"context": {"externalIds": [{"type": "email", "id": to["email"]}]}}
                if "userId" not in who
                else {}
            )
        try:
            stored = ingest.store(tenant=self.tenant, calls=[{"type": "identify", **who}], now=now)
        except ingest.TooMuchAtOnce as busy:
            raise Problem(503, "busy", str(busy)) from busy
        for refusal in stored.refused:
            raise invalid(f"to.{'email' if 'email' in to else 'external_id'}", refusal.reason)


class Send(_Sending):
    @describes(
        "send_campaign",
        "Send it to one person",
        SendShape,
        status=202,
        body=MessageBody,
        parameters=[KEY],
        errors=(409, 503),
    )
    def post(self, request: Call, public_id: UUID) -> Response:
        """For a campaign whose schedule says “When your server asks”.

        Answered 202, the message is owed: it goes out at once, through every gate a campaign's messages pass. What
        became of it is told under the answer's `delivery`. The same idempotency key again gets the first answer, with
        the header `Idempotency-Replayed`.
        """
        campaign = campaign_of(public_id)
        (owed,) = self._owed(campaign, [self._message(request)])
        if isinstance(owed, Problem):
            raise owed
        shown = _shown(owed)
        headers = {"Location": reverse("api_delivery", args=[shown["delivery"]])}
        return Response(
            shown, 202, headers=headers | ({} if owed.is_new else {"Idempotency-Replayed": "true"})
        )

    def _message(self, request: Call) -> dict[str, Any]:
        data = request.data
        header = request.headers.get(HEADER)
        if header is not None and isinstance(data, Mapping):
            if data.get("idempotency_key", header) != header:
                raise invalid("idempotency_key", f"Says something else than the header {HEADER}.")
            data = {**data, "idempotency_key": header}
        message = MessageBody(data=data)
        message.is_valid(raise_exception=True)
        return dict(message.validated_data)


class SendBatch(_Sending):
    @describes(
        "send_campaign_batch",
        "Send it to up to 100 people",
        SendBatchShape,
        status=202,
        body=BatchBody,
        errors=(409, 503),
    )
    def post(self, request: Call, public_id: UUID) -> Response:
        """Each with an idempotency key of its own, answered in order.

        A message that is malformed refuses the whole request, and nothing is sent; one whose person is not known is
        refused alone.
        """
        campaign = campaign_of(public_id)
        answers = self._owed(campaign, self.given(BatchBody)["messages"])
        return Response({"messages": [_shown(each) for each in answers]}, 202)


def _by(to: dict[str, Any]) -> str:
    return next(name for name in ("profile", "external_id", "email") if name in to)


def _known(to: dict[str, Any], tenant_id: int) -> list[Profile]:
    """Return the living people who may be meant, two at the most."""
    if "profile" in to:
        rows = Profile.objects.select_related("merged_into").filter(public_id=to["profile"])
        living = [row.merged_into or row for row in rows]
        return [row for row in living if row.merged_into_id is None and row.erased_at is None]
    by = _by(to)
    return list(people.known_as(tenant_id=tenant_id, **{by: to[by]})[:2])


def _used() -> Problem:
    words = "This key was used before, for a message to somebody else."
    return Problem(409, "key_used", words, [("idempotency_key", words)])


def _shown(owed: Owed | Problem) -> dict[str, Any]:
    if isinstance(owed, Problem):
        return {"delivery": None, **body(str(owed.detail.code), str(owed.detail), owed.details)}  # type: ignore[union-attr]
    return {"delivery": reference(owed.id, owed.occasion_at)}
