"""Addresses of the management API's campaigns."""

from django.urls import path

from campaigns import api, source_api

urlpatterns = [
    path("campaigns", api.CampaignList.as_view(), name="api_campaigns"),
    path("campaigns/<uuid:public_id>", api.CampaignDetail.as_view(), name="api_campaign"),
    path("campaigns/<uuid:public_id>/launch", api.Launch.as_view(), name="api_campaign_launch"),
    path("campaigns/<uuid:public_id>/pause", api.Pause.as_view(), name="api_campaign_pause"),
    path("campaigns/<uuid:public_id>/resume", api.Resume.as_view(), name="api_campaign_resume"),
    path("campaigns/<uuid:public_id>/stop", api.Stop.as_view(), name="api_campaign_stop"),
    path("sources", source_api.SourceList.as_view(), name="api_sources"),
    path("sources/<uuid:public_id>", source_api.SourceDetail.as_view(), name="api_source"),
]
