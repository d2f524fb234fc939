"""The header that says what a page may load: one policy for our pages, one for the admin, which is not our own."""

from __future__ import annotations

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

# Its Alpine makes functions of its attributes' text, and its colours stand in a style element. Still: no script but in
# our files, and no other host.
ADMIN = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


class ContentPolicyMiddleware(CSPMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        # What is no page loads nothing, and events come in by thousands.
        if response.get("Content-Type") == "application/json":
            return response
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        found = request.resolver_match
        if found and "admin" in found.app_names and parts.config is None:
            parts.replace = ADMIN
        return parts
