"""Addresses of places."""

from django.urls import URLPattern, URLResolver, include, path

from audiences import place_views

one: list[URLPattern | URLResolver] = [
    path("", place_views.place_detail, name="place_detail"),
    path("edit/", place_views.place_edit, name="place_edit"),
    path("size/", place_views.place_size, name="place_size"),
    path("delete/", place_views.place_delete, name="place_delete"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", place_views.place_list, name="place_list"),
    path("new/", place_views.place_new, name="place_new"),
    path("picture/", place_views.place_picture, name="place_picture"),
    path("<uuid:public_id>/", include(one)),
]
