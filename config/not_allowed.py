"""A page for whoever opens an address that only forms send to, where Django's own answer is empty.

Somebody whose session ended meets one: they sign in again, and are led to what their form was sent to.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def page(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that puts the page in place of an empty answer 405 to somebody who came to read."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_bare = response.status_code == 405 and not response.streaming and not response.content
        if not is_bare or request.method != "GET" or not request.accepts("text/html"):
            return response
        said = render(request, "405.html", status=405)
        said["Allow"] = response["Allow"]
        return said

    return answer
