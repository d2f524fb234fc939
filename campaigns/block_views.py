"""The pages of blocks: everybody reads them, marketers write them, publishers put new words into what is live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import channels, contents, languages, preview
from campaigns.block_forms import BlockForm
from campaigns.blocks import editing, reading, showing
from campaigns.language_views import tag_of
from campaigns.models import Block, BlockVersion
from tenants import clock
from tenants.access import allow, may
from tenants.forms import languages as known
from tenants.http import TenantRequest
from tenants.strict import number

PER_PAGE, VERSIONS_SHOWN = 50, 10


@require_safe
@allow("view")
def block_list(request: TenantRequest) -> HttpResponse:
    asked, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    found = Block.objects.filter(archived_at__isnull=state != "archived", name__icontains=asked)
    page = Paginator(found.order_by("name"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": _rows(page),
        "q": asked,
        "state": state,
        "is_filtered": bool(asked or state),
    }
    is_part = request.htmx and not request.htmx.boosted
    response = render(request, "campaigns/_block_rows.html" if is_part else "campaigns/blocks.html", context)
    patch_vary_headers(response, ["HX-Request"])  # one URL, two bodies
    return response


def _rows(page: Any) -> list[dict[str, Any]]:
    """Each block of a page with its newest version and who renders it."""
    blocks = list(page)
    newest, uses, renderers = reading.last_of(blocks), reading.uses(), reading.renderers()
    return [
        {
            "block": block,
            "newest": newest[block.pk],
            "uses": uses.get(block.name, []),
            "rendered_by": renderers.get(block.name, []),
        }
        for block in blocks
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@allow("edit")
def block_new(request: TenantRequest) -> HttpResponse:
    form = BlockForm(request.POST or None, is_new=True, initial={"name": request.GET.get("name", "")})
    problems = list[channels.Problem]()
    if request.method == "POST" and form.is_valid():
        try:
            block = editing.add(tenant=request.tenant, actor=request.user, **form.cleaned_data)
        except editing.Refused as refused:
            form.add_error(refused.field or None, str(refused))
            problems = refused.problems
        else:
            messages.success(request, f'Saved. Messages render it by {{% render "{block.name}" %}}.')
            return redirect("block_detail", block.public_id)
    return _editor(request, form, problems)


@require_safe
@allow("view")
def block_detail(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """A block's words in a language, who uses it, and what it said before."""
    block = _block_of(public_id)
    newest, language = editing.newest_of(block), request.GET.get("language", "")
    if language not in newest.texts:
        raise Http404("It is not written in this language.")
    form = _form(request, language, initial={"text": newest.texts[language]})
    return _page(request, block, newest, language, form)


@require_POST
@allow("edit")
def block_save(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Let a block say in a language what was typed."""
    block, language, seen = (
        _block_of(public_id),
        request.POST.get("language", ""),
        request.POST.get("seen", ""),
    )
    newest = editing.newest_of(block)
    if language not in newest.texts or block.archived_at:
        raise Http404("There are no words of it to be changed.")
    form, problems = _form(request, language, request.POST), list[channels.Problem]()
    if form.is_valid():
        try:
            version = editing.change(
                block=block,
                actor=request.user,
                texts={language: form.cleaned_data["text"]},
                seen=number(seen),
            )
        except editing.Refused as refused:
            form.add_error(refused.field or None, str(refused))
            problems = refused.problems
        except contents.ChangedMeanwhile as changed:
            form.add_error(None, str(changed))
        else:
            messages.success(request, f"Saved as version {version.number}. Drafts have these words now.")
            return redirect(_address(block, language))
    return _page(request, block, newest, language, form, problems)


def _form(request: TenantRequest, language: str, *args: Any, **kwargs: Any) -> BlockForm:
    return BlockForm(*args, is_new=False, language=language or request.tenant.language, **kwargs)


def _page(
    request: TenantRequest,
    block: Block,
    newest: BlockVersion,
    language: str,
    form: BlockForm,
    problems: Sequence[channels.Problem] = (),
) -> HttpResponse:
    is_editable = may(request, "edit") and block.archived_at is None
    form.fields["text"].widget.attrs["readonly"] = not is_editable
    now, behind = clock.now(request.tenant), editing.behind(block)
    versions = Paginator(block.versions.select_related("created_by").order_by("-number"), VERSIONS_SHOWN)
    return _editor(
        request,
        form,
        problems,
        the_block=block,  # a page's blocks take the shorter name
        newest=newest,
        language=language,
        tabs=[(tag, languages.name(tag or request.tenant.language)) for tag in sorted(newest.texts)],
        known=[name for _, name in known()],
        uses=reading.uses().get(block.name, []),
        rendered_by=reading.rendered_by(block.name),
        behind=behind,
        renewable=[use for use in behind if editing.may_renew(use, now=now)],
        versions=versions.get_page(request.GET.get("page")),
        is_editable=is_editable,
    )


def _editor(
    request: TenantRequest, form: BlockForm, problems: Sequence[channels.Problem], **context: Any
) -> HttpResponse:
    offered = preview.offered_anywhere(request.tenant)
    context |= {
        "form": form,
        "problems": [problem.as_json() for problem in problems if problem.line],
        "offered": offered,
        "names": preview.names(offered),
    }
    return render(request, "campaigns/block.html", context, status=422 if form.errors else 200)


@require_POST
@allow("edit")
def block_preview(request: TenantRequest) -> HttpResponse:
    """The words in the form, saved or not, as a person would see them in a message."""
    found = preview.people(request.POST.get("who", ""))
    person = found[0] if found else None
    language = request.POST.get("language", "") or request.tenant.language
    shown = showing.shown(
        request.POST.get("text", ""),
        name=request.POST.get("name", "").strip(),
        tenant=request.tenant,
        language=language,
        profile=person,
        now=clock.now(request.tenant),
    )
    channel = channels.get(shown.channel)
    context = {
        "preview": shown,
        "person": person,
        "is_nobody": bool(request.POST.get("who", "").strip()) and person is None,
        "page": shown.message and channel.page(shown.message, is_dark="dark" in request.POST),
        "problems": [problem.as_json() for problem in shown.problems if problem.line],
    }
    return render(request, "campaigns/_block_preview.html", context)


@require_POST
@allow("edit")
def block_bring_back(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Say again what an earlier version said, in a version of its own."""
    block = _block_of(public_id)
    old = get_object_or_404(block.versions, number=number(request.POST.get("number")) or 0)
    newest = editing.newest_of(block)
    texts = dict.fromkeys(newest.texts) | old.texts
    try:
        version = editing.change(block=block, actor=request.user, texts=texts)
    except editing.Refused as refused:
        messages.error(request, f"Not brought back. {refused}")
    else:
        messages.success(request, f"Version {version.number} says what version {old.number} said.")
    return redirect("block_detail", block.public_id)


@require_POST
@allow("edit")
def block_language(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Write a block in one more language, beginning with its first words; or no longer in one."""
    block = _block_of(public_id)
    newest, gone = editing.newest_of(block), request.POST.get("remove", "")
    try:
        tag = "" if gone else languages.normal(tag_of(request.POST.get("language", "")))
    except languages.NotALanguage:
        messages.error(request, "Choose a language from the list, or give its tag, such as de or pt-BR.")
        return redirect("block_detail", block.public_id)
    texts: dict[str, str | None] = {}
    if gone and gone in newest.texts:
        texts = {gone: None}
    elif tag and tag != request.tenant.language and tag not in newest.texts:
        texts = {tag: newest.texts[""]}
    try:
        editing.change(block=block, actor=request.user, texts=texts)
    except editing.Refused as refused:
        messages.error(request, str(refused))
        return redirect("block_detail", block.public_id)
    return redirect(_address(block, tag if tag in {**newest.texts, **texts} else ""))


@require_POST
@allow("launch")
def block_renew(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Put the newest words into what is live."""
    done = editing.renew(block=_block_of(public_id), actor=request.user, now=clock.now(request.tenant))
    for campaign, why in done.refused:
        messages.error(request, f"“{campaign}” goes on as it was: {why} Its draft has the new words.")
    if done.campaigns:
        names = ", ".join(f"“{campaign}”" for campaign in done.campaigns)
        messages.success(request, f"New versions with the new words are live: {names}.")
    return redirect("block_detail", public_id)


@require_POST
@allow("edit")
def block_archive(request: TenantRequest, public_id: UUID) -> HttpResponse:
    block = _block_of(public_id)
    try:
        editing.archive(block=block, actor=request.user, now=clock.now(request.tenant))
    except editing.InUse as in_use:
        messages.error(request, f"Not archived. {in_use}")
        return redirect("block_detail", block.public_id)
    messages.success(request, f"Archived: {block}.")
    return redirect("block_list")


@require_POST
@allow("edit")
def block_restore(request: TenantRequest, public_id: UUID) -> HttpResponse:
    block = _block_of(public_id)
    try:
        editing.restore(block=block, actor=request.user)
    except editing.Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{block} is back.")
    return redirect("block_detail", block.public_id)


def _address(block: Block, language: str) -> str:
    address = reverse("block_detail", args=[block.public_id])
    return f"{address}?{urlencode({'language': language})}" if language else address


def _block_of(public_id: UUID) -> Block:
    """Return a block of the request's tenant, or raise Http404."""
    return get_object_or_404(Block.objects.select_related("tenant"), public_id=public_id)
