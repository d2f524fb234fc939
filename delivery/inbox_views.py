"""The inbox of a sandbox: every mail it sent, as its recipient would see it. Tenants who send for real have none."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from delivery.sandbox import inbox
from delivery.sandbox.inbox import Mail
from delivery.sandbox.keeping import INBOX_NAME
from delivery.sandbox.reading import opened, with_links_outside
from tenants.access import allow
from tenants.http import TenantRequest
from tenants.strict import number

PAGE = 50
SHOWN = ("html", "text", "headers", "source")
# A mail may style itself and load pictures, nothing more; its links open outside the frame, when a person clicks.
FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; img-src * data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
)


@require_safe
@allow("view")
def mail_list(request: TenantRequest) -> HttpResponse:
    """The newest mails, or those whose recipient or subject holds ``q``; htmx gets the rows alone."""
    tenant = _sandbox(request)
    search = request.GET.get("q", "").strip()[:200]
    mails = inbox.newest(
        settings.SANDBOX_INBOX / INBOX_NAME,
        tenant=tenant,
        search=search,
        before=number(request.GET.get("before")),
        limit=PAGE + 1,
    )
    context = {"mails": mails[:PAGE], "has_more": len(mails) > PAGE, "search": search}
    is_rows_alone = (
        request.htmx and not request.htmx.history_restore_request
    )  # going back needs the whole page
    template = "delivery/_inbox_rows.html" if is_rows_alone else "delivery/inbox.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])  # one URL, two bodies
    return response


@require_safe
@allow("view")
def mail_detail(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """One mail, shown as HTML, text, headers or source."""
    mail, data = _mail(request, public_id)
    parts = opened(data)
    shown = request.GET.get("show", "")
    if shown not in SHOWN:
        shown = "html" if parts.html else "text"
    return render(request, "delivery/inbox_mail.html", {"mail": mail, "parts": parts, "shown": shown})


@require_safe
@xframe_options_sameorigin
@allow("view")
def mail_frame(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """A mail's HTML alone, for the frame that shows it; it runs no script and reaches nothing of ours."""
    _, data = _mail(request, public_id)
    response = HttpResponse(with_links_outside(opened(data).html))
    response["Content-Security-Policy"] = FRAME_POLICY
    response["Referrer-Policy"] = "no-referrer"
    return response


def _sandbox(request: TenantRequest) -> str:
    if not request.tenant.is_sandbox:
        raise Http404
    return request.tenant.public_id.hex


def _mail(request: TenantRequest, public_id: UUID) -> tuple[Mail, bytes]:
    found = inbox.find(settings.SANDBOX_INBOX / INBOX_NAME, tenant=_sandbox(request), public_id=public_id)
    if found is None:
        raise Http404
    return found
