"""A program that calls the management API with a key."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client
from django_scopes import scope

from tenants import keys
from tenants.models import Tenant


class Caller:
    """Calls of one key; ``scopes`` None are all there are."""

    def __init__(self, tenant: Tenant, *, scopes: list[str] | None = None, kind: str = "secret") -> None:
        with scope(tenant=tenant):
            self.row, self.key = keys.create(
                tenant=tenant,
                kind=kind,
                name="Nightly",
                scopes=list(keys.SCOPES) if scopes is None else scopes,
                created_by=None,
            )
        self.client = Client(
            enforce_csrf_checks=True,
            raise_request_exception=False,
            headers={"Authorization": f"Bearer {self.key}"},
        )

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", query)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.client.generic(
            method, f"/api/v1/{path}", data, content_type="application/json", headers=headers
        )

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def all(self, path: str, **query: Any) -> list[Any]:
        """Follow the pages of a listing to its end."""
        found: list[Any] = []
        cursor: dict[str, str] = {}
        for _ in range(100):
            answer = self.get(path, **query, **cursor).json()
            found += answer["data"]
            if answer["next_cursor"] is None:
                return found
            cursor = {"cursor": answer["next_cursor"]}
        raise AssertionError("The pages do not end.")


def shaped(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Hold that an answer is an error as all are, and return it."""
    assert answer.status_code == status, answer.content
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "details"}
    assert error["code"] == code
    assert error["message"]
    return error
