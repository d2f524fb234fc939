"""Addresses of the management API's people and segments."""

from django.urls import path

from audiences import api

urlpatterns = [
    path("profiles", api.ProfileList.as_view(), name="api_profiles"),
    path("profiles/<uuid:public_id>", api.ProfileDetail.as_view(), name="api_profile"),
    path("profiles/<uuid:public_id>/events", api.ProfileEvents.as_view(), name="api_profile_events"),
    path("segments", api.SegmentList.as_view(), name="api_segments"),
    path("segments/<uuid:public_id>", api.SegmentDetail.as_view(), name="api_segment"),
    path("segments/<uuid:public_id>/count", api.SegmentCount.as_view(), name="api_segment_count"),
    path("segments/<uuid:public_id>/profiles", api.SegmentProfiles.as_view(), name="api_segment_profiles"),
]
