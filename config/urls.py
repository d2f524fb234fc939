"""Every address of Tact."""

from django.contrib import admin
from django.urls import include, path

from config import views

handler400 = views.unreadable
handler500 = views.broken

urlpatterns = [
    path("v1/", include("audiences.tracking_urls")),  # first: asked for more often than all else together
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("config.api_urls")),
    path("", include("tenants.urls")),
    path("", include("audiences.urls")),
    path("", include("campaigns.urls")),
    path("", include("delivery.urls")),
]
