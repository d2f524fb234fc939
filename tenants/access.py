"""Views for members: sign in first, then a tenant, then a role that may."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from tenants import roles
from tenants.http import TenantRequest

P = ParamSpec("P")
View = Callable[Concatenate[TenantRequest, P], HttpResponse]
AnyView = TypeVar("AnyView", bound=Callable[..., Any])


def allow(action: str) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """Let only members whose role may do ``action`` reach the view; others are asked to sign in, or refused (403).

    The wrapped view runs in the scope of ``request.tenant``, opened by the middleware.
    """

    def decorate(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        readable = without_nul(view)

        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            membership = getattr(request, "membership", None)
            if membership is None:
                return redirect("no_tenant")
            if not roles.may(membership.role, action):
                raise PermissionDenied(
                    f"Your role here is {membership.get_role_display()}; "
                    f"this needs {roles.LEAST[action].label} or more."
                )
            return readable(cast(TenantRequest, request), *args, **kwargs)

        guarded.allows = action  # type: ignore[attr-defined]  # the walk test reads which views are guarded
        return guarded

    return decorate


def without_nul(view: AnyView) -> AnyView:
    """What the view asked the database for in vain, because the request holds NUL, is the request's fault (400)."""

    @wraps(view)
    def readable(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(request, *args, **kwargs)
        except DataError:
            if _holds_nul(request):
                raise BadRequest("The request holds the character NUL.") from None
            raise

    return cast(AnyView, readable)


def _holds_nul(request: HttpRequest) -> bool:
    """Whether something sent holds the one character that PostgreSQL cannot store, and so finds nowhere either."""
    told = [*request.GET.lists(), *request.POST.lists(), ("", [request.path])]
    return any("\x00" in text for name, values in told for text in (name, *map(str, values)))


def may(request: Any, action: str) -> bool:
    """Whether the request's member may do ``action``; for templates that hide what would be refused."""
    membership = getattr(request, "membership", None)
    return membership is not None and roles.may(membership.role, action)
