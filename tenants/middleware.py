"""Each signed-in request happens in one tenant: its scope is open around the view, and only around it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.utils import timezone
from django_scopes import scope

from tenants.models import Membership

SESSION_KEY = "tenant"


def enter(request: HttpRequest, tenant_id: int) -> None:
    """Work in a tenant from now on. Forms that were opened in another one are refused, and make nothing in this."""
    request.session[SESSION_KEY] = tenant_id
    rotate_token(request)


class TenantMiddleware:
    """Set ``request.tenant`` and ``request.membership`` from the session's choice, else the oldest membership.

    Without a membership neither is set and no scope is open, so every query on a tenant's table raises.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        membership = self._membership(request)
        if membership is None:
            return self.get_response(request)
        request.membership = membership  # type: ignore[attr-defined]
        request.tenant = membership.tenant  # type: ignore[attr-defined]
        # Times on pages and in forms are the tenant's wall clock.
        with scope(tenant=membership.tenant), timezone.override(membership.tenant.timezone):
            return self.get_response(request)

    @staticmethod
    def _membership(request: HttpRequest) -> Membership | None:
        if not request.user.is_authenticated:
            return None
        memberships = Membership.objects.filter(user=request.user).select_related("tenant").order_by("id")
        chosen = request.session.get(SESSION_KEY)
        membership = (memberships.filter(tenant_id=chosen).first() if chosen else None) or memberships.first()
        # Kept also where nobody chose, so that a removal is noticed.
        if (
            membership is None
            or request.session.setdefault(SESSION_KEY, membership.tenant_id) == membership.tenant_id
        ):
            return membership
        # They were removed from where they worked: what is sent from a page still open there is for nowhere else.
        enter(request, membership.tenant_id)
        return membership if request.method in ("GET", "HEAD", "OPTIONS", "TRACE") else None
