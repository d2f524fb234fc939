"""A draft's texts for translators: given out as a file, taken back after a look at what will change."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import contents, languages, versions
from campaigns.editing import frame, on_draft
from campaigns.language_views import tag_of
from campaigns.models import Version
from campaigns.texts import exchange, sheet, xliff
from campaigns.texts.exchange import File, Row
from tenants import clock
from tenants.access import allow
from tenants.forms import languages as known
from tenants.http import TenantRequest

MAX_BYTES = 2 * 1024 * 1024
SALT = "campaigns.texts"
TYPES = {"csv": "text/csv; charset=utf-8", "xlf": "application/xliff+xml"}


class FileForm(forms.Form):
    """A translated file."""

    file = forms.FileField(
        label="Translated file",
        help_text="The CSV or XLIFF as it was exported, with the translations filled in.",
        widget=forms.ClearableFileInput({"accept": ".csv,.xlf,.xliff,.xml"}),
    )

    def clean_file(self) -> File:
        given: UploadedFile = self.cleaned_data["file"]
        if given.size is None or given.size > MAX_BYTES:
            raise forms.ValidationError(f"The file is larger than {MAX_BYTES // 1024**2} MB.")
        data = given.read()
        try:
            is_xml = data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")
            return xliff.read(data) if is_xml else sheet.read(BytesIO(data))
        except sheet.Unreadable as wrong:
            raise forms.ValidationError(str(wrong)) from wrong


@require_http_methods(["GET", "POST"])
@allow("edit")
@on_draft
def campaign_texts(request: TenantRequest, draft: Version) -> HttpResponse:
    """Export and import on one page; a posted file is read and shown, and not stored yet."""
    form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
    context: dict[str, Any] = {"form": form}
    if form.is_bound and form.is_valid():
        context |= _looked_at(draft, form.cleaned_data["file"])
    return _page(request, draft, context, status=422 if form.errors or context.get("problems") else 200)


def _page(
    request: TenantRequest, draft: Version, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    written = contents.languages_of(draft.variants.prefetch_related("contents"))
    context |= {
        "written": [languages.name(tag) for tag in written],
        "known": [name for tag, name in known() if tag != draft.language],
        "default": languages.name(draft.language),
    }
    around = frame(draft, "message", now=clock.now(request.tenant))
    return render(request, "campaigns/texts.html", around | context, status=status)


def _looked_at(draft: Version, file: File) -> dict[str, Any]:
    """What a file would change, and the file itself to be handed in again; or what is wrong with it."""
    try:
        changes = exchange.changes(draft, file)
    except exchange.Mismatch as mismatch:
        return {"problems": mismatch.problems}
    return {
        "changes": changes,
        "language": languages.name(file.language),
        "again": signing.dumps(file, salt=SALT, compress=True),
        "is_looked_at": True,
    }


@require_safe
@allow("edit")
@on_draft
def campaign_texts_export(request: TenantRequest, draft: Version) -> HttpResponse:
    """The texts with their translations so far, as a CSV (``?form=csv``) or XLIFF 1.2 (``?form=xlf``)."""
    form = request.GET.get("form", "xlf")
    try:
        tag = languages.normal(tag_of(request.GET.get("language", "")))
    except languages.NotALanguage:
        messages.error(request, "Choose a language from the list, or give its tag, such as de or pt-BR.")
        return redirect("campaign_texts", draft.campaign.public_id)
    file = exchange.export(draft, tag)
    name = re.sub(r"[^a-z0-9]+", "-", draft.campaign.name.lower()).strip("-") or "campaign"
    data = sheet.write(file) if form == "csv" else xliff.write(file)
    response = HttpResponse(data, content_type=TYPES["csv" if form == "csv" else "xlf"])
    ending = "csv" if form == "csv" else "xlf"
    response["Content-Disposition"] = f'attachment; filename="{name}-{tag}.{ending}"'
    return response


@require_POST
@allow("edit")
@on_draft
def campaign_texts_import(request: TenantRequest, draft: Version) -> HttpResponse:
    """Store what was looked at, if it still fits what is written."""
    try:
        campaign, version, language, rows, source_language = signing.loads(
            request.POST.get("again", ""), salt=SALT
        )
    except signing.BadSignature:
        messages.error(request, "Choose the file again.")
        return redirect("campaign_texts", draft.campaign.public_id)
    file = File(campaign, version, language, [Row(*row) for row in rows], source_language)
    try:
        changes = exchange.store(draft, file, actor=request.user)
    except exchange.Mismatch as mismatch:
        return _page(request, draft, {"form": FileForm(), "problems": mismatch.problems}, status=422)
    except versions.Frozen as frozen:
        messages.error(request, str(frozen))
        return redirect("campaign_detail", draft.campaign.public_id)
    names = ", ".join(change.variant.name for change in changes)
    messages.success(
        request, f"Stored in {languages.name(language)}: {names}." if names else "Nothing to store."
    )
    return redirect("campaign_message", draft.campaign.public_id)
