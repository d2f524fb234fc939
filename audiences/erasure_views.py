"""What somebody may ask of a brand: to see all that is kept about them, and to be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from django_q.tasks import async_task
from django_scopes import scope

from audiences import erasure, export
from audiences.models import Profile
from audiences.people_views import living
from tenants import clock
from tenants.access import allow
from tenants.http import TenantRequest


@require_http_methods(["GET", "POST"])
@allow("manage")
def profile_erase(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Say what goes and what stays; erase somebody for good."""
    profile = living(public_id)
    if request.method != "POST":
        return render(request, "audiences/erase.html", {"profile": profile})
    with transaction.atomic():
        try:
            begun = erasure.begin(profile=profile, actor=request.user, now=clock.now(request.tenant))
        except erasure.Gone as gone:
            messages.error(request, str(gone))
        else:
            async_task("audiences.tasks.erase", begun.pk)
            public_id = begun.profile.public_id
    return redirect("profile_detail", public_id)


@require_safe
@allow("view")
def profile_export(request: TenantRequest, public_id: UUID) -> HttpResponse:
    """Everything about somebody, as a JSON file."""
    profile = living(public_id)
    response = StreamingHttpResponse(
        _in_scope(profile, clock.now(request.tenant)), content_type="application/json"
    )
    response["Content-Disposition"] = f'attachment; filename="person-{profile.public_id}.json"'
    return cast(HttpResponse, response)  # a view may answer with either


def _in_scope(profile: Profile, now: datetime) -> Iterator[bytes]:
    """The request's scope is closed when the file is read."""
    with scope(tenant=profile.tenant):
        yield from export.pieces(profile, now=now)
