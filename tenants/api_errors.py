"""What the management API answers when it cannot do what it was asked: one shape, whatever went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

CODES = {  # REST framework's name -> ours, where ours says more
    "parse_error": "unreadable",
    "not_authenticated": "no_key",
    "authentication_failed": "no_such_key",
    "permission_denied": "not_allowed",
    "throttled": "too_many_requests",
}


class Problem(exceptions.APIException):
    """Something of ours stands in the way: a status, a code for programs, words for people, and where."""

    def __init__(
        self, status: int, code: str, message: str, details: list[tuple[str, str]] | None = None
    ) -> None:
        super().__init__(message, code)
        self.status_code = status
        self.details = details or []


def invalid(path: str, message: str) -> Problem:
    """Return what is raised for one field that is wrong."""
    return Problem(400, "invalid", _said([(path, message)]), [(path, message)])


def answer(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to an exception in a view; None for one that is a fault of ours. REST framework calls it."""
    if isinstance(exc, Http404):
        exc = exceptions.NotFound("There is no such thing.")
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied(str(exc) or None)
    if not isinstance(exc, exceptions.APIException):
        return None
    set_rollback()
    details = exc.details if isinstance(exc, Problem) else []
    if isinstance(exc, exceptions.ValidationError):
        code, details = "invalid", list(_places(exc.detail, ""))
        message = _said(details)
    else:
        code, message = str(exc.detail.code), str(exc.detail)  # type: ignore[union-attr]
    headers = {}
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    return Response(body(CODES.get(code, code), message, details), exc.status_code, headers=headers)


def body(code: str, message: str, details: list[tuple[str, str]] | None = None) -> dict[str, Any]:
    """Return an error as it is sent."""
    places = [{"path": path, "message": said} for path, said in details or []]
    return {"error": {"code": code, "message": message, "details": places}}


@csrf_exempt
def nothing_here(request: HttpRequest, **_: Any) -> JsonResponse:
    """Answer an address of the API that does not exist."""
    hint = " Addresses have no slash at the end." if request.path.endswith("/") else ""
    return JsonResponse(body("not_found", f"There is nothing at {request.path}.{hint}"), status=404)


def _said(details: list[tuple[str, str]]) -> str:
    path, message = details[0]
    more = f" And {len(details) - 1} more." if len(details) > 1 else ""
    return f"{path}: {message}{more}" if path else f"{message}{more}"


def _places(detail: Any, path: str) -> Iterator[tuple[str, str]]:
    """Walk what REST framework says is wrong, as a path and a message each."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = f"[{name}]" if isinstance(name, int) else f".{name}"
            yield from _places(inner, path if name == "non_field_errors" else f"{path}{step}".lstrip("."))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            is_nested = isinstance(inner, dict | list)
            yield from _places(inner, f"{path}[{number}]" if is_nested else path)
    else:
        yield path, str(detail)
