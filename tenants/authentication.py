"""How programs prove who they are: a key as bearer token, or as the user name of basic auth."""

from __future__ import annotations

import base64

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tenants import keys
from tenants.models import ApiKey


class KeyUser:
    """The key, in the shape REST framework expects of a user."""

    is_authenticated = True
    is_active = True

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.pk = key.pk

    def __str__(self) -> str:
        return str(self.key)


def key_of(header: str) -> str:
    """Return the key an Authorization header carries, or an empty string."""
    kind, _, value = header.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except ValueError:  # not base64, not UTF-8, or not even ASCII
        return ""


class KeyAuthentication(BaseAuthentication):
    """Sets ``request.tenant``; a missing key is nobody, a wrong one is refused (401)."""

    def authenticate(self, request: Request) -> tuple[KeyUser, ApiKey] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        key = keys.find(key_of(header))
        if key is None:
            raise AuthenticationFailed("This key does not exist, has expired or was revoked.")
        request.tenant = request._request.tenant = key.tenant  # type: ignore[attr-defined]
        return KeyUser(key), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Tact"'
