"""How the management API describes itself: each operation with its scope, its answer and every error it may give."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

ERRORS = {
    400: "What was sent cannot be read, or a field is wrong.",
    401: "There is no key, or none such.",
    403: "The key may not do this.",
    404: "There is no such thing in this tenant.",
    409: "The thing is in no state for this.",
    415: "The body is not `application/json`.",
    422: "The campaign is not ready; `details` say what stands in the way.",
    429: "Too many requests; `Retry-After` says for how many seconds to wait.",
    503: "It took too long, or others were at it; try again.",
}


class ErrorDetail(serializers.Serializer[Any]):
    path = serializers.CharField(
        allow_blank=True, help_text="Where in what was sent, such as `rule.all[0].value`."
    )
    message = serializers.CharField()


class ErrorBody(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="For programs: does not change.")
    message = serializers.CharField(help_text="For people: may change.")
    details = ErrorDetail(many=True)


class ErrorAnswer(serializers.Serializer[Any]):
    error = ErrorBody()


class Schema(AutoSchema):
    """REST framework's, with the scope an operation needs."""

    def get_description(self) -> str:  # type: ignore[override]
        scope = getattr(self.view, "scopes", {}).get(self.method, "")
        return "\n\n".join(
            part for part in (super().get_description(), f"Needs the scope `{scope}`.") if part
        )

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return str(super().get_serializer_name(serializer, direction)).removesuffix("Shape")

    def get_tags(self) -> list[str]:
        return [super().get_tags()[0].capitalize()]


class SecretKey(OpenApiAuthenticationExtension):
    target_class = "tenants.authentication.KeyAuthentication"
    name = "secretKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A secret key, made under Settings, API keys.",
        }


def describes(
    operation_id: str,
    summary: str,
    answer: Any,
    *,
    status: int = 200,
    query: type[serializers.Serializer[Any]] | None = None,
    body: type[serializers.Serializer[Any]] | None = None,
    parameters: list[Any] | None = None,
    errors: tuple[int, ...] = (),
) -> Callable[[Any], Any]:
    """Describe a view's method; the errors that any may give need no mention."""
    told = {400, 401, 403, 404, 429, *errors, *([415] if body else [])}
    responses: dict[int, Any] = {
        error: OpenApiResponse(ErrorAnswer, description=ERRORS[error]) for error in sorted(told)
    }
    described: Callable[[Any], Any] = extend_schema(
        operation_id=operation_id,
        summary=summary,
        request=body,
        parameters=[*([query] if query else []), *(parameters or [])],
        responses={status: answer} | responses,
    )
    return described


@cache
def paged(of: type[serializers.Serializer[Any]]) -> Any:
    """Return the shape of a page."""
    return inline_serializer(
        f"{of.__name__.removesuffix('Shape')}Page",
        {
            "data": of(many=True),
            "next_cursor": serializers.CharField(
                allow_null=True, help_text="Send it as `cursor` for the next page; null: there is none."
            ),
        },
    )
