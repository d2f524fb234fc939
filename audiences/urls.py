"""Addresses of audiences."""

from django.urls import path, re_path

from audiences import tracking_api

KINDS = "|".join(tracking_api.KINDS)

urlpatterns = [
    # Segment's clients end some of these with a slash
    re_path(rf"^v1/(?P<path>{KINDS})/?$", tracking_api.call, name="tracking_call"),
    re_path(r"^v1/(?:batch|b|import)/?$", tracking_api.batch, name="tracking_batch"),
    path("v1/projects/<str:key>/settings", tracking_api.settings, name="tracking_settings"),
]
