"""Addresses of the management API, its description and its pages."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from tenants import api_errors

version_1: list[URLPattern | URLResolver] = [
    path("", include("audiences.api_urls")),
    path("", include("campaigns.api_urls")),
    path("", include("delivery.api_urls")),
    path("schema", SpectacularAPIView.as_view(), name="api_schema"),
    re_path("", api_errors.nothing_here, name="api_nothing"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api_schema", template_name="api_docs.html"),
        name="api_docs",
    ),
    path("v1/", include(version_1)),
]
