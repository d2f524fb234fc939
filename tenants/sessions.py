"""How long somebody stays signed in: a session's two weeks begin anew on each day it is worked in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

SESSION_KEY = "worked on"


def keep(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Middleware that writes a session anew on the first page of a day; what a page asks by itself is no work."""

    def answer(request: Any) -> Any:
        today = timezone.now().date().isoformat()
        if request.user.is_authenticated and not request.htmx and request.session.get(SESSION_KEY) != today:
            request.session[SESSION_KEY] = today
        return get_response(request)

    return answer
