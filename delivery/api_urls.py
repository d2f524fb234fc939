"""Addresses of the management API's deliveries and results."""

from django.urls import path

from delivery import api, api_send, explain_api

urlpatterns = [
    path(
        "profiles/<uuid:public_id>/deliveries", api.ProfileDeliveries.as_view(), name="api_profile_deliveries"
    ),
    path(
        "campaigns/<uuid:public_id>/deliveries",
        api.CampaignDeliveries.as_view(),
        name="api_campaign_deliveries",
    ),
    path("campaigns/<uuid:public_id>/why", explain_api.CampaignWhy.as_view(), name="api_campaign_why"),
    path("campaigns/<uuid:public_id>/results", api.CampaignResults.as_view(), name="api_campaign_results"),
    path("campaigns/<uuid:public_id>/send", api_send.Send.as_view(), name="api_campaign_send"),
    path(
        "campaigns/<uuid:public_id>/send/batch",
        api_send.SendBatch.as_view(),
        name="api_campaign_send_batch",
    ),
    path("deliveries/<str:reference>", api.DeliveryDetail.as_view(), name="api_delivery"),
]
