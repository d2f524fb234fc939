"""Addresses of Segment's tracking API, below ``v1/``. Its clients end some of them with a slash."""

from django.urls import path, re_path

from audiences import tracking_api

KINDS = "|".join(tracking_api.KINDS)

urlpatterns = [
    re_path(rf"^(?P<path>{KINDS})/?$", tracking_api.call, name="tracking_call"),
    re_path(r"^(?:batch|b|import)/?$", tracking_api.batch, name="tracking_batch"),
    path("projects/<str:key>/settings", tracking_api.settings, name="tracking_settings"),
]
