"""Imports: upload a file, say which column is what, look at a rehearsal, then store."""

from __future__ import annotations

import csv
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_q.tasks import async_task

from audiences.attributes import STANDARD
from audiences.imports import csv_files, lifecycle, mapping, running
from audiences.imports.mapping import Mapping, Target
from audiences.models import AttributeDefinition, Import, RefusedRow
from tenants.access import allow
from tenants.http import TenantRequest

PER_PAGE = 25
REFUSED_SHOWN = 20
STOP_POLLING = 286  # htmx's own
LEFT_OUT, CUSTOM = "", "custom"


@require_safe
@allow("view")
def import_list(request: TenantRequest) -> HttpResponse:
    imports = Import.objects.select_related("created_by").order_by("-created_at", "-id")
    page = Paginator(imports, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "audiences/imports.html", {"page": page, "max_mb": csv_files.MAX_BYTES // 1024**2})


@require_POST
@allow("edit")
def import_upload(request: TenantRequest) -> HttpResponse:
    file = request.FILES.get("file")
    if file is None:
        messages.error(request, "Choose a CSV file first.")
        return redirect("import_list")
    try:
        made = lifecycle.upload(tenant=request.tenant, file=file, actor=request.user)
    except csv_files.NotCsv as error:
        messages.error(request, str(error))
        return redirect("import_list")
    return redirect("import_detail", made.public_id)


@require_safe
@allow("view")
def import_detail(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """An import as it stands: its columns while it waits for them, else how far it is and what came of it."""
    import_ = _import(public_id)
    if import_.state == Import.State.MAPPING or (request.GET.get("map") is not None and _may_map(import_)):
        return _mapping_page(request, import_, mapping.loaded(import_.mapping))
    return render(request, "audiences/import.html", _progress(import_))


@require_http_methods(["POST"])
@allow("edit")
def import_start(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Start a rehearsal with the columns of the form, or, when it was rehearsed, the import itself."""
    import_ = _import(public_id)
    is_dry_run = request.POST.get("for_good") != "yes"
    columns = _posted(request, import_) if is_dry_run else mapping.loaded(import_.mapping)
    try:
        lifecycle.start(import_=import_, columns=columns, is_dry_run=is_dry_run, actor=request.user)
    except mapping.BadMapping as error:
        return _mapping_page(request, import_, columns, str(error))
    except lifecycle.NotNow as error:
        messages.error(request, str(error))
        return redirect("import_detail", public_id)
    async_task("audiences.tasks.run_import", import_.pk)
    return redirect("import_detail", public_id)


@require_safe
@allow("view")
def import_progress(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """How far the import is; ends the page's asking once it is through."""
    import_ = _import(public_id)
    is_underway = import_.state in lifecycle.UNDERWAY
    status = 200 if is_underway else STOP_POLLING
    return render(request, "audiences/_import_progress.html", _progress(import_), status=status)


@require_safe
@allow("view")
def import_refused(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """The refused rows as they were, with the reason in the last column: correct them and upload that file."""
    import_ = _import(public_id)
    response = HttpResponse(
        "\ufeff", content_type="text/csv; charset=utf-8"
    )  # the mark of UTF-8 for spreadsheets
    response["Content-Disposition"] = f'attachment; filename="refused-{import_.public_id}.csv"'
    csv.writer(response).writerows(running.refused_lines(import_))
    return response


@require_POST
@allow("edit")
def import_discard(request: TenantRequest, public_id: UUID) -> HttpResponse:
    import_ = _import(public_id)
    try:
        lifecycle.discard(import_=import_, actor=request.user)
    except lifecycle.NotNow as error:
        messages.error(request, str(error))
        return redirect("import_detail", public_id)
    messages.success(request, f"{import_.file_name} was discarded. Nobody was stored.")
    return redirect("import_list")


def _import(public_id: UUID) -> Import:
    return get_object_or_404(Import.objects.select_related("created_by", "tenant"), public_id=public_id)


def _may_map(import_: Import) -> bool:
    return import_.state not in lifecycle.UNDERWAY and import_.is_dry_run and bool(import_.file)


def _progress(import_: Import) -> dict[str, Any]:
    percent = 100 * import_.rows_done // import_.rows_total if import_.rows_total else 0
    return {
        "import": import_,
        "is_underway": import_.state in lifecycle.UNDERWAY,
        "percent": percent,
        "accepted": import_.rows_done - import_.rows_refused,
        "known": max(0, import_.rows_done - import_.rows_refused - import_.profiles_created),
        "refused": RefusedRow.objects.filter(import_file=import_).order_by("number")[:REFUSED_SHOWN],
    }


# --- Columns -------------------------------------------------------------------------------------
def _mapping_page(request: TenantRequest, import_: Import, columns: Mapping, error: str = "") -> HttpResponse:
    try:
        table = lifecycle.table_of(import_)
    except csv_files.NotCsv as broken:
        messages.error(request, str(broken))
        return redirect("import_list")
    rows = [
        {
            "place": place,
            "column": column,
            "target": target,
            "choice": CUSTOM if target.is_custom else target.name,
            "samples": table.samples(column),
        }
        for place, (column, target) in enumerate(columns.items())
    ]
    context = {
        "import": import_,
        "rows": rows,
        "standard": list(STANDARD.values()),
        "kinds": [(kind, kind.capitalize()) for kind in mapping.KINDS],
        "known": AttributeDefinition.objects.order_by("name").values_list("name", flat=True)[:500],
        "error": error,
    }
    return render(request, "audiences/import_mapping.html", context, status=422 if error else 200)


def _posted(request: TenantRequest, import_: Import) -> Mapping:
    """Return the columns as the form says; the form's places stand for the file's columns."""
    columns = {}
    for place, column in enumerate(mapping.loaded(import_.mapping)):
        choice = request.POST.get(f"to-{place}", LEFT_OUT)
        if choice == CUSTOM:
            name = request.POST.get(f"name-{place}", "").strip()
            columns[column] = Target(name, request.POST.get(f"kind-{place}", "text"))
        else:
            columns[column] = Target(choice)
    return columns
