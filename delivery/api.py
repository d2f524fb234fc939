"""The management API's deliveries, each with its decision, and a campaign's results."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from audiences.api import profile_of
from campaigns.api_shapes import version_number
from campaigns.editing import campaign_of
from delivery import explaining, results
from delivery.api_shapes import DeliveryDetailShape, DeliveryShape, ResultsShape
from delivery.models import Delivery
from delivery.results import Arm, VersionResults
from delivery.statistics import Lift
from tenants import references
from tenants.api import Api, PageQuery, page
from tenants.api_schema import describes, paged
from tenants.references import Place

MOMENTS = (
    "occasion_at", "due_at", "decided_at", "exposed_at", "sent_at", "opened_at", "clicked_at", "unsubscribed_at",
    "settled_at",
)  # fmt: skip


class DeliveryQuery(PageQuery):
    state = serializers.ChoiceField(required=False, choices=Delivery.State.choices)
    reason = serializers.CharField(required=False, max_length=40, help_text="A code, as `why` has it.")
    arm = serializers.CharField(
        required=False, max_length=12, help_text="A variant's key, `control`, or `none` for no arm."
    )
    version = version_number()


class CampaignDeliveries(Api):
    @describes(
        "list_campaign_deliveries", "A campaign's deliveries", paged(DeliveryShape), query=DeliveryQuery
    )
    def get(self, request: Any, public_id: UUID) -> Response:
        """The newest first: who got it, who will, and who did not and why."""
        asked, rows = self.asked(DeliveryQuery), Delivery.objects.filter(campaign=campaign_of(public_id))
        for name in ("state", "reason"):
            if name in asked:
                rows = rows.filter(**{name: asked[name]})
        if "arm" in asked:
            rows = rows.filter(arm="" if asked["arm"] == "none" else asked["arm"])
        if "version" in asked:
            rows = rows.filter(version__number=asked["version"])
        return _page(rows, asked)


class ProfileDeliveries(Api):
    @describes("list_profile_deliveries", "Somebody's deliveries", paged(DeliveryShape), query=PageQuery)
    def get(self, request: Any, public_id: UUID) -> Response:
        """The newest first, of all campaigns."""
        asked = self.asked(PageQuery)
        return _page(Delivery.objects.filter(profile=profile_of(public_id)), asked)


class DeliveryDetail(Api):
    @describes("get_delivery", "One delivery with its decision", DeliveryDetailShape)
    def get(self, request: Any, reference: str) -> Response:
        """What became of it, and why: each gate in order, what it asked and what it saw."""
        row = delivery_of(reference)
        gates = [step.as_json() for step in explaining.steps(row)]
        decision = {"verdict": row.decision["verdict"], "gates": gates} if row.decision else None
        more = {"address": row.address or None, "reply": row.reply or None, "decision": decision}
        return Response(DeliveryDetailShape(_delivery(row) | more).data)


class CampaignResults(Api):
    @describes("get_campaign_results", "What came of a campaign", ResultsShape)
    def get(self, request: Any, public_id: UUID) -> Response:
        """Per version and arm, as on the campaign's page; the numbers add up to the audience."""
        campaign = campaign_of(public_id)
        found = results.of(campaign)
        shown = {
            "campaign": campaign,
            "is_finished": found.is_finished,
            "audience": found.audience,
            "states": dict(found.progress),
            "reasons": _reasons(found.reasons),
            "versions": [_version(version) for version in found.versions],
        }
        return Response(ResultsShape(shown).data)


def delivery_of(reference: str) -> Delivery:
    """Return the delivery of the request's tenant that a reference names, or raise Http404."""
    try:
        place = references.read("delivery", reference)
    except references.NotOurs as none:
        raise Http404 from none
    rows = Delivery.objects.select_related("campaign", "profile", "version")
    row = rows.filter(pk=place.id, occasion_at=place.at).first()
    if row is None:
        raise Http404
    return row


def reference(id_: int, occasion_at: Any) -> str:
    """Return how outsiders name a delivery."""
    return references.write("delivery", Place(id_, occasion_at))


# --- What is shown -------------------------------------------------------------------------------
def _page(rows: QuerySet[Delivery], asked: dict[str, Any]) -> Response:
    if cursor := asked.get("cursor"):
        rows = rows.filter(pk__lt=cursor.id)
    found = rows.select_related("campaign", "profile", "version").order_by("-pk")[: asked["limit"] + 1]
    return page(list(found), limit=asked["limit"], shown=lambda row: DeliveryShape(_delivery(row)).data)


def _delivery(row: Delivery) -> dict[str, Any]:
    words = results.why(row)
    code = row.reason or (row.decision or {}).get("reason", "")
    return {name: getattr(row, name) for name in ("campaign", "profile", "channel", "state", *MOMENTS)} | {
        "id": reference(row.pk, row.occasion_at),
        "version": row.version.number if row.version else None,
        "arm": row.arm or None,
        "why": {"code": code, "words": words} if words else None,
    }


def _version(found: VersionResults) -> dict[str, Any]:
    version = found.version
    return {
        "number": version.number,
        "launched_at": version.launched_at,
        "goal": version.goal or version.conversion_event or None,
        "verdict": results.verdict(found),
        "is_split_off": found.is_split_off,
        "lift": _lift(found.lift),
        "arms": [_arm(arm) for arm in found.everyone],
    }


def _arm(arm: Arm) -> dict[str, Any]:
    same = ("name", "is_default", "audience", "opened", "clicked", "unsubscribed", "compared")
    return {name: getattr(arm, name) for name in same} | {
        "key": arm.key or None,
        "states": dict(arm.states),
        "reasons": _reasons(arm.reasons),
        "lift": _lift(arm.lift),
    }


def _lift(lift: Lift) -> dict[str, Any]:
    return {"estimate": lift.estimate, "interval": lift.interval, "is_decided": lift.is_decided}


def _reasons(counted: Counter[str]) -> list[dict[str, Any]]:
    return [
        {"code": reason, "words": results.reason_words(reason), "count": count}
        for reason, count in counted.most_common()
    ]
