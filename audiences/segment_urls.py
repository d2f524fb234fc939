"""Addresses of segments."""

from django.urls import URLPattern, URLResolver, include, path

from audiences import segment_views

one: list[URLPattern | URLResolver] = [
    path("", segment_views.segment_detail, name="segment_detail"),
    path("edit/", segment_views.segment_edit, name="segment_edit"),
    path("size/", segment_views.segment_size, name="segment_size"),
    path("duplicate/", segment_views.segment_duplicate, name="segment_duplicate"),
    path("archive/", segment_views.segment_archive, name="segment_archive"),
    path("restore/", segment_views.segment_restore, name="segment_restore"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", segment_views.segment_list, name="segment_list"),
    path("new/", segment_views.segment_new, name="segment_new"),
    path("count/", segment_views.segment_count, name="segment_count"),
    path("why/", segment_views.segment_why, name="segment_why"),
    path("values/", segment_views.segment_values, name="segment_values"),
    path("<uuid:public_id>/", include(one)),
]
