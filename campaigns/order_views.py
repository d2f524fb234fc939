"""The editor's order of variants: counted, and changed by a button or by dragging."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from audiences.rules.phrases import listed
from audiences.rules.tree import InvalidRule
from audiences.segments import SegmentCycle
from campaigns import drafts, findings, order, summary, versions
from campaigns.editing import on_draft
from campaigns.models import Variant, Version
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest


@require_http_methods(["GET", "POST"])
@allow("edit")
@on_draft
def campaign_order(request: TenantRequest, draft: Version, key: str) -> HttpResponse:
    """How the variants stand to one another, counted; or another order of them, beside the variant being written."""
    variant = get_object_or_404(draft.variants.all(), key=key)
    if request.method == "POST":
        return _arranged(request, draft, variant)
    return render(request, "campaigns/_order_counts.html", shown(draft, variant) | _counted(request, draft))


def _arranged(request: TenantRequest, draft: Version, variant: Variant) -> HttpResponse:
    refused = ""
    try:
        order.arrange(version=draft, actor=request.user, keys=request.POST.get("order", "").split(","))
    except (drafts.Refused, versions.Frozen) as why:
        refused = str(why)
    if not request.htmx:  # a browser without scripts
        if refused:
            messages.error(request, refused)
        return redirect("campaign_variant", draft.campaign.public_id, variant.key)
    response = render(request, "campaigns/_order_changed.html", shown(draft, variant) | {"is_changed": True})
    return (
        trigger_client_event(response, "tact:toast", {"text": refused, "kind": "danger"})
        if refused
        else response
    )


def shown(draft: Version, variant: Variant) -> dict[str, Any]:
    """Return the order as ``_order.html`` and the tabs show it, without counts."""
    said = summary.variants(draft)
    by_key = {each.variant.key: each for each in said}
    rows = order.rows(draft)
    keys = [row.key for row in rows]
    names = [listed((each.name for each in row.variants), "and") for row in rows]
    default = next((each.variant for each in said if each.variant.is_default), None)
    return {
        "campaign": draft.campaign,
        "variant": variant,
        "variants": said,
        "may_add": len(said) < drafts.MOST_VARIANTS,
        "default": default,
        "order_said": ", then ".join([*names, *([default.name] if default else [])]),
        "rows": [
            {
                "row": row,
                "name": name,
                "whom": by_key[row.key],
                "up": ",".join(order.moved(keys, row.key, place - 1)),
                "down": ",".join(order.moved(keys, row.key, place + 1)),
            }
            for place, (row, name) in enumerate(zip(rows, names, strict=True))
        ],
    }


def _counted(request: TenantRequest, draft: Version) -> dict[str, Any]:
    try:
        found = findings.of(draft, now=clock.now(request.tenant))
    except (InvalidRule, SegmentCycle) as broken:
        return {"broken": f"This cannot be counted: {broken}"}
    rows = order.rows(draft)
    keys = [row.key for row in rows]
    lines = {}
    if found.counted:
        for group, line in zip(found.counted.groups, found.lines, strict=True):
            before = [(found.names[index], people) for index, people in line.before.items()]
            lines[_row_of(rows, group.ways[0].key)] = (line, before)
    cures = [
        one.move
        and ",".join(
            order.moved(keys, _row_of(rows, one.move.key), keys.index(_row_of(rows, one.move.before)))
        )
        for one in found.findings
    ]
    return {
        "found": found,
        "lines": [(key, *lines.get(key, (None, []))) for key in keys],
        "findings": list(zip(found.findings, cures, strict=True)),
    }


def _row_of(rows: list[order.Row], key: str) -> str:
    """The key of the row that a variant stands in."""
    return next(row.key for row in rows if key in row.keys)
