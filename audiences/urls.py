"""Addresses of audiences."""

from django.urls import URLPattern, URLResolver, include, path

from audiences import (
    attribute_views,
    definition_views,
    erasure_views,
    import_views,
    live_views,
    people_views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("people/", people_views.profile_list, name="profile_list"),
    path("people/<uuid:public_id>/", people_views.profile_detail, name="profile_detail"),
    path("people/<uuid:public_id>/timeline/", people_views.profile_timeline, name="profile_timeline"),
    path("people/<uuid:public_id>/segments/", people_views.profile_segments, name="profile_segments"),
    path("people/<uuid:public_id>/consent/", people_views.profile_consent, name="profile_consent"),
    path("people/<uuid:public_id>/unsuppress/", people_views.profile_unsuppress, name="profile_unsuppress"),
    path("people/<uuid:public_id>/attribute/", attribute_views.profile_attribute, name="profile_attribute"),
    path("people/<uuid:public_id>/export.json", erasure_views.profile_export, name="profile_export"),
    path("people/<uuid:public_id>/erase/", erasure_views.profile_erase, name="profile_erase"),
    path("segments/", include("audiences.segment_urls")),
    path("places/", include("audiences.place_urls")),
    path("events/", live_views.live_events, name="live_events"),
    path("events/newer/", live_views.live_newer, name="live_newer"),
    path("events/refused/", live_views.live_refused, name="live_refused"),
    path("imports/", import_views.import_list, name="import_list"),
    path("imports/upload/", import_views.import_upload, name="import_upload"),
    path("imports/<uuid:public_id>/", import_views.import_detail, name="import_detail"),
    path("imports/<uuid:public_id>/start/", import_views.import_start, name="import_start"),
    path("imports/<uuid:public_id>/progress/", import_views.import_progress, name="import_progress"),
    path("imports/<uuid:public_id>/refused.csv", import_views.import_refused, name="import_refused"),
    path("imports/<uuid:public_id>/discard/", import_views.import_discard, name="import_discard"),
    path("settings/data/", definition_views.names, name="settings_data"),
    path("settings/data/describe/", definition_views.describe, name="data_describe"),
]
