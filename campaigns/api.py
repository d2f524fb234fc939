"""The management API's campaigns: what there is, what it does, and the moments of its life."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from rest_framework import serializers
from rest_framework.response import Response

from campaigns import contents, launching, lifecycle, summary, versions
from campaigns.api_shapes import CampaignDetailShape, CampaignShape, VersionShape, version_number
from campaigns.editing import campaign_of
from campaigns.launching import Check
from campaigns.models import Campaign, Version
from tenants.api import Api, Given, PageQuery, conflict, page
from tenants.api_errors import Problem
from tenants.api_schema import describes, paged

OF_CAMPAIGN = ("name", "description", "message_class", "topic", "tags", "priority", "control_percent")
MOMENTS = ("created_at", "updated_at", "archived_at")


class CampaignQuery(PageQuery):
    state = serializers.ChoiceField(required=False, choices=Campaign.State.choices)
    is_archived = serializers.BooleanField(required=False, default=False)


class LaunchBody(Given):
    version = version_number(
        "Its number, as you read it: launches no other, should there be a newer one. Without it, the newest."
    )


class CampaignList(Api):
    @describes("list_campaigns", "Campaigns, the newest first", paged(CampaignShape), query=CampaignQuery)
    def get(self, request: Any) -> Response:
        """Those filtered as `live` may say `scheduled`: launched, and waiting for their time."""
        asked = self.asked(CampaignQuery)
        newest = Version.objects.select_related("segment").prefetch_related("variants").order_by("number")
        found = Campaign.objects.filter(archived_at__isnull=not asked["is_archived"])
        if state := asked.get("state"):
            found = found.filter(state=state)
        if cursor := asked.get("cursor"):
            found = found.filter(pk__lt=cursor.id)
        limit, now = asked["limit"], self.now()
        rows = found.prefetch_related(Prefetch("versions", newest)).order_by("-pk")[: limit + 1]
        return page(list(rows), limit=limit, shown=lambda row: CampaignShape(_short(row, now)).data)


class CampaignDetail(Api):
    @describes("get_campaign", "One campaign", CampaignDetailShape)
    def get(self, request: Any, public_id: UUID) -> Response:
        """Its state, what it does in words, its versions with the counts confirmed at launch."""
        return Response(shown(campaign_of(public_id), now=self.now()))


class Launch(Api):
    scopes = {"POST": "launch"}

    @describes("launch_campaign", "Launch its draft", CampaignDetailShape, body=LaunchBody, errors=(409, 422))
    def post(self, request: Any, public_id: UUID) -> Response:
        """Freeze the draft and set the campaign live. Doing it again answers the same, until it is stopped."""
        newest, now = versions.newest(campaign_of(public_id)), self.now()
        asked = {} if request.data is None else self.given(LaunchBody)
        if asked.get("version", newest.number) != newest.number:
            raise conflict("changed_meanwhile", f"Version {newest.number} is the newest: look at it first.")
        try:
            version = launching.launch(version=newest, actor=self.key, now=now)
        except launching.NotReady as not_ready:
            places = [(each["path"], each["message"]) for each in told(not_ready.problems)]
            raise Problem(422, "not_ready", str(not_ready), places) from not_ready
        except versions.Archived as archived:
            raise conflict("archived", archived) from archived
        except versions.Frozen as frozen:
            raise conflict("stopped", frozen) from frozen
        return Response(shown(version.campaign, now=now))


class _Move(Api):
    scopes = {"POST": "launch"}
    move: Any

    def _moved(self, public_id: UUID) -> Response:
        try:
            campaign = self.move(campaign=campaign_of(public_id), actor=self.key)
        except lifecycle.NotNow as refused:
            raise conflict("not_now", refused) from refused
        return Response(shown(campaign, now=self.now()))


class Pause(_Move):
    move = staticmethod(lifecycle.pause)

    @describes("pause_campaign", "Hold it", CampaignDetailShape, errors=(409,))
    def post(self, request: Any, public_id: UUID) -> Response:
        """From the moment this answers nothing more of it leaves. Paused already is fine."""
        return self._moved(public_id)


class Resume(_Move):
    move = staticmethod(lifecycle.resume)

    @describes("resume_campaign", "Let it go on", CampaignDetailShape, errors=(409,))
    def post(self, request: Any, public_id: UUID) -> Response:
        """What became due meanwhile goes out now, or is too late by its own rule. Live already is fine."""
        return self._moved(public_id)


class Stop(_Move):
    move = staticmethod(lifecycle.stop)

    @describes("stop_campaign", "End it for good", CampaignDetailShape, errors=(409,))
    def post(self, request: Any, public_id: UUID) -> Response:
        """Who still waits gets nothing. Stopped already is fine."""
        return self._moved(public_id)


# --- What is shown -------------------------------------------------------------------------------
def shown(campaign: Campaign, *, now: datetime) -> dict[str, Any]:
    """Return a campaign with its versions, as the API shows it."""
    found = list(campaign.versions.select_related("segment", "campaign", "tenant").order_by("-number"))
    newest = found[0]
    blockers = launching.problems(newest, now=now) if newest.launched_at is None else []
    more = {
        "sentence": summary.sentence(newest),
        "versions": [_version(version) for version in found],
        "problems": told(blockers),
    }
    return CampaignDetailShape(_short(campaign, now) | more).data


def told(problems: Iterable[Check]) -> list[dict[str, str]]:
    """Return what stands in the way of a launch, each with the editor's step and the variant it is about."""
    return [
        {
            "path": f"{check.step}.{check.variant}".rstrip("."),
            "message": f"{check.words}. {check.detail}".strip(),
        }
        for check in problems
    ]


def _short(campaign: Campaign, now: datetime) -> dict[str, Any]:
    row = summary.row(campaign, now=now)
    fields = {name: getattr(campaign, name) for name in (*OF_CAMPAIGN, *MOMENTS)}
    return fields | {"id": campaign.public_id, "state": row.state, "audience": row.audience}


def _version(version: Version) -> dict[str, Any]:
    fields = (
        "number",
        "language",
        "when",
        "clock",
        "schedule",
        "starts_at",
        "ends_at",
        "per_minute",
        "launched_at",
    )
    said = {
        "sentence": summary.sentence(version),
        "counts": version.counts or None,
        "languages": contents.languages_of(version.variants.prefetch_related("contents")),
    }
    return VersionShape({name: getattr(version, name) for name in fields} | said).data
