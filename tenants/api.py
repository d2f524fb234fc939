"""What every view of the management API stands on: a secret key and what it may do, strict JSON, pages, a pace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import msgspec
from django.conf import settings
from django.http import Http404
from django.utils import timezone
from django_scopes import scope
from rest_framework import exceptions, serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from tenants import clock, json_body, keys, pace, references, strict
from tenants.api_errors import Problem
from tenants.authentication import KeyAuthentication
from tenants.json_body import MAX_BODY
from tenants.models import ApiKey, Tenant
from tenants.references import Place

LIMITS = strict.Limits(depth=64, keys=100_000, items=100_000)  # rules are nested deeper than events
MOST_A_PAGE = 100
Row = TypeVar("Row")


class StrictJSON(BaseParser):
    """Bodies that everything behind the edge can hold: no NUL, NaN, half characters, nothing too deep or too large."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, context: Any = None) -> Any:
        if int(context["request"].META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
            raise exceptions.ParseError(f"The request is larger than {MAX_BODY // 1024} KB.")
        body = stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise exceptions.ParseError(f"The request is larger than {MAX_BODY // 1024} KB.")
        try:
            values = json_body.decoded(msgspec.json.decode, body)
            strict.check(values, "", LIMITS)
        except (json_body.Unreadable, strict.Refused) as error:
            raise exceptions.ParseError(str(error)) from None
        return values


class AlwaysJSON(BaseContentNegotiation):
    """There is one form of answer, whatever a client says it takes."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        given = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == given), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class KeyMay(BasePermission):
    """A secret key that has the scope which the view asks for this method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            raise exceptions.NotAuthenticated("Send a secret key: Authorization: Bearer sk_…")
        if key.kind != ApiKey.Kind.SECRET:
            raise exceptions.PermissionDenied(
                "This is a write key, which sends data in and nothing else: use a secret key."
            )
        needed = view.scopes.get("GET" if request.method == "HEAD" else request.method)
        if needed and needed not in key.scopes:
            raise exceptions.PermissionDenied(
                f"This key lacks the scope “{needed}” ({keys.SCOPES[needed]}). Make one that has it."
            )
        return True


class KeyThrottle(BaseThrottle):
    """So many requests of a key a minute."""

    def allow_request(self, request: Request, view: Any) -> bool:
        self._seconds = pace.take(view.pace, request.auth.pk, a_minute=settings.API_PACE[view.pace])
        return not self._seconds

    def wait(self) -> float:
        return self._seconds


class Api(APIView):
    """A view for programs: in the scope of its key's tenant, times in UTC."""

    authentication_classes = [KeyAuthentication]
    permission_classes = [KeyMay]
    throttle_classes = [KeyThrottle]
    parser_classes = [StrictJSON]
    content_negotiation_class = AlwaysJSON

    scopes: ClassVar[dict[str, str]] = {"GET": "read"}  # what a key needs, by method
    pace: ClassVar[str] = "manage"  # which of settings.API_PACE counts its requests

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as self._open:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.key: ApiKey = request.auth  # type: ignore[assignment]
        self.tenant: Tenant = self.key.tenant
        self._open.enter_context(scope(tenant=self.tenant))
        self._open.enter_context(timezone.override(UTC))
        if any("\x00" in str(word) for word in kwargs.values()):
            raise Http404  # the database knows no such character, so nothing is called that

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return Response(status=204, headers={"Allow": ", ".join(self.allowed_methods)})

    def now(self) -> datetime:
        """Return the tenant's time; ask once a request."""
        return clock.now(self.tenant)

    def asked(self, query: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Return what the address asks after its question mark. Raises ValidationError."""
        given = query(data=self.request.query_params.dict())
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)

    def given(self, body: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Return what the body says. Raises ValidationError."""
        given = body(data=self.request.data)
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)


class Given(serializers.Serializer[Any]):
    """What a caller sends; a field we do not have is a mistake that is told, not one that is passed over."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unheard := set(data) - set(self.fields)):
            raise serializers.ValidationError(
                {str(name): ["There is no such field."] for name in sorted(unheard)}
            )
        return super().to_internal_value(data)


class CursorField(serializers.CharField):
    """Where the page before ended."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return references.read("cursor", super().to_internal_value(data))
        except references.NotOurs:
            raise serializers.ValidationError("This is no cursor of ours: begin again without one.") from None


class PageQuery(Given):
    limit = serializers.IntegerField(
        required=False, default=50, min_value=1, max_value=MOST_A_PAGE, help_text="How many at once."
    )
    cursor = CursorField(required=False, help_text="The `next_cursor` of the page before.")


def page(
    found: Sequence[Row],
    *,
    limit: int,
    shown: Callable[[Row], Any],
    place: Callable[[Row], Place] = lambda row: Place(row.pk),  # type: ignore[attr-defined]
) -> Response:
    """Return a page of ``found``, which holds one row more than ``limit`` where there are more."""
    last = found[limit - 1] if len(found) > limit else None
    cursor = references.write("cursor", place(last)) if last is not None else None
    return Response({"data": [shown(row) for row in found[:limit]], "next_cursor": cursor})


def conflict(code: str, exc: Exception | str) -> Problem:
    """Return what is raised where the thing is in no state for it."""
    return Problem(409, code, str(exc))
