"""The management API's people and segments: the same questions and answers as the pages', for programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404
from django_q.tasks import async_task
from rest_framework import serializers
from rest_framework.response import Response

from audiences import attributes, erasure, people, segments, suppression, timeline
from audiences.api_shapes import (
    ErasureShape,
    EventShape,
    ProfileShape,
    SegmentCountShape,
    SegmentDetailShape,
    SegmentShape,
    ShortProfileShape,
)
from audiences.models import Erasure, Event, Profile, Segment
from audiences.rules import words
from audiences.rules.tree import InvalidRule
from tenants.api import Api, Given, PageQuery, conflict, page
from tenants.api_errors import Problem, invalid
from tenants.api_schema import describes, paged
from tenants.references import Place, write

BROKEN = (InvalidRule, segments.SegmentCycle)


class ProfileQuery(PageQuery):
    external_id = serializers.CharField(required=False, max_length=255, help_text="Exactly this one.")
    email = serializers.CharField(
        required=False, max_length=254, help_text="Exactly this address, whatever its case."
    )


class SegmentQuery(PageQuery):
    is_archived = serializers.BooleanField(required=False, default=False)


class SegmentBody(Given):
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(max_length=2_000, required=False, default="", allow_blank=True)
    rule = serializers.JSONField(help_text="What the page on the rule language describes.")


class SegmentChangeBody(SegmentBody):
    updated_at = serializers.DateTimeField(
        required=False,
        help_text="As you read it: refuses to write over what somebody saved since. Without it, the last one wins.",
    )


def profile_of(public_id: UUID) -> Profile:
    """Return the living person an id means, also one merged since; raise Http404 for any other."""
    found: Profile = get_object_or_404(Profile.objects.select_related("merged_into"), public_id=public_id)
    return get_object_or_404(Profile.objects.living(), pk=(found.merged_into or found).pk)


class ProfileList(Api):
    @describes("list_profiles", "People, the newest first", paged(ShortProfileShape), query=ProfileQuery)
    def get(self, request: Any) -> Response:
        """All of them, or those found by an external id or an address."""
        asked = self.asked(ProfileQuery)
        limit, cursor = asked.pop("limit"), asked.pop("cursor", None)
        found = people.known_as(tenant_id=self.tenant.pk, **asked)
        if cursor:
            found = found.filter(pk__lt=cursor.id)
        return page(list(found.order_by("-pk")[: limit + 1]), limit=limit, shown=_short)


class ProfileDetail(Api):
    scopes = {"GET": "read", "DELETE": "erase"}

    @describes("get_profile", "One person", ProfileShape)
    def get(self, request: Any, public_id: UUID) -> Response:
        """All that is known of somebody. The id of a profile that was merged leads to the one it was merged into."""
        profile = profile_of(public_id)
        inside, _ = segments.containing(profile, now=self.now())
        known = {
            "identities": profile.identities.order_by("kind", "created_at"),
            "attributes": attributes.flat({}, profile.attributes),
            "suppressions": suppression.of(profile),
            "segments": inside,
        }
        return Response(ProfileShape(_columns(profile) | known).data)

    @describes("erase_profile", "Erase somebody", ErasureShape, status=202)
    def delete(self, request: Any, public_id: UUID) -> Response:
        """For good: nobody finds or reaches them from now on, and all they left goes soon after. Results keep counting
        what was sent to them, without saying who it was. Asked again, it answers how far that is."""
        found: Profile = get_object_or_404(Profile.objects.select_related("merged_into"), public_id=public_id)
        person = found.merged_into or found
        person.tenant = self.tenant
        with transaction.atomic():
            try:
                begun = erasure.begin(profile=person, actor=self.key, now=self.now())
            except erasure.Gone:
                begun = get_object_or_404(Erasure.objects.select_related("profile"), profile=person)
            else:
                async_task("audiences.tasks.erase", begun.pk)
        shown = {"id": begun.profile.public_id, "erased_at": begun.asked_at, "done_at": begun.done_at}
        return Response(ErasureShape(shown).data, 202)


class ProfileEvents(Api):
    @describes("list_profile_events", "What somebody did and got", paged(EventShape), query=PageQuery)
    def get(self, request: Any, public_id: UUID) -> Response:
        """Newest first; `is_internal` ones are traces of your own messages."""
        asked, profile = self.asked(PageQuery), profile_of(public_id)
        limit, cursor = asked["limit"], asked.get("cursor")
        before = timeline.Place(cursor.at, cursor.id) if cursor else None
        events, older = timeline.of_profile(profile, before=before, limit=limit)
        next_cursor = write("cursor", Place(older.id, older.at)) if older else None
        return Response({"data": [_event(event) for event in events], "next_cursor": next_cursor})


class SegmentList(Api):
    scopes = {"GET": "read", "POST": "edit"}

    @describes("list_segments", "Segments, the newest first", paged(SegmentShape), query=SegmentQuery)
    def get(self, request: Any) -> Response:
        asked = self.asked(SegmentQuery)
        found = Segment.objects.filter(archived_at__isnull=not asked["is_archived"])
        if cursor := asked.get("cursor"):
            found = found.filter(pk__lt=cursor.id)
        limit = asked["limit"]
        rows = list(found.order_by("-pk")[: limit + 1])
        return page(rows, limit=limit, shown=lambda row: SegmentShape(row).data)

    @describes(
        "create_segment", "Make a segment", SegmentDetailShape, status=201, body=SegmentBody, errors=(409,)
    )
    def post(self, request: Any) -> Response:
        """A rule that is none is told with the path to what is wrong in it, such as `rule.all[0].value`."""
        with _refusals():
            segment = segments.create(tenant=self.tenant, actor=self.key, **self.given(SegmentBody))
        return Response(_segment(segment), 201)


class SegmentDetail(Api):
    scopes = {"GET": "read", "PUT": "edit"}

    @describes("get_segment", "One segment with its rule", SegmentDetailShape)
    def get(self, request: Any, public_id: UUID) -> Response:
        return Response(_segment(get_object_or_404(Segment, public_id=public_id)))

    @describes(
        "update_segment", "Change a segment", SegmentDetailShape, body=SegmentChangeBody, errors=(409,)
    )
    def put(self, request: Any, public_id: UUID) -> Response:
        """Campaigns launched with it keep the rule they were launched with."""
        rows = Segment.objects.select_related("tenant")
        segment: Segment = get_object_or_404(rows, public_id=public_id)
        given = self.given(SegmentChangeBody)
        seen_at = given.pop("updated_at", None)
        with _refusals():
            segments.update(segment=segment, actor=self.key, seen_at=seen_at, **given)
        return Response(_segment(segment))


class SegmentCount(Api):
    @describes("count_segment", "How many people are in it now", SegmentCountShape, errors=(409, 503))
    def get(self, request: Any, public_id: UUID) -> Response:
        segment: Segment = get_object_or_404(Segment, public_id=public_id)
        with _refusals():
            counted = segments.count(segment.rule, tenant=self.tenant, now=self.now())
        return Response({"profiles": counted})


class SegmentProfiles(Api):
    @describes(
        "list_segment_profiles",
        "Who is in it",
        paged(ShortProfileShape),
        query=PageQuery,
        errors=(409, 503),
    )
    def get(self, request: Any, public_id: UUID) -> Response:
        """The oldest first. Each page is asked anew: whoever joins or leaves meanwhile does so here too."""
        asked = self.asked(PageQuery)
        segment: Segment = get_object_or_404(Segment, public_id=public_id)
        limit, cursor = asked["limit"], asked.get("cursor")
        with _refusals():
            found = segments.members(
                segment.rule,
                tenant=self.tenant,
                now=self.now(),
                after=cursor.id if cursor else 0,
                limit=limit + 1,
            )
        return page(found, limit=limit, shown=_short)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what a segment can be refused for into the API's answers."""
    try:
        yield
    except InvalidRule as exc:
        raise invalid(f"rule.{exc.path}".rstrip("."), exc.message) from exc
    except segments.SegmentCycle as exc:
        raise invalid("rule", str(exc)) from exc
    except segments.NameTaken as exc:
        raise conflict("name_taken", exc) from exc
    except segments.ChangedMeanwhile as exc:
        raise conflict("changed_meanwhile", exc) from exc
    except segments.TooSlow as exc:
        raise Problem(503, "too_slow", str(exc)) from exc


# --- What is shown -------------------------------------------------------------------------------
def _columns(profile: Profile) -> dict[str, Any]:
    names = (*attributes.STANDARD, "located_at", "consent", "created_at", "last_seen_at")
    return {"id": profile.public_id} | {name: getattr(profile, name) for name in names}


def _short(profile: Profile) -> dict[str, Any]:
    return ShortProfileShape(_columns(profile)).data


def _event(event: Event) -> dict[str, Any]:
    id_ = write("event", Place(event.pk, event.occurred_at))
    names = ("name", "occurred_at", "received_at", "properties", "is_internal")
    return EventShape({"id": id_} | {name: getattr(event, name) for name in names}).data


def _segment(segment: Segment) -> dict[str, Any]:
    try:
        sentence, problem = words.sentence(segments.resolve(segment.rule)), None
    except BROKEN as exc:
        sentence, problem = None, str(exc)
    said = {"rule": segment.rule, "sentence": sentence, "problem": problem}
    return {**SegmentShape(segment).data, **said}
