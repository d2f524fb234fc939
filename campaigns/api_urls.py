"""Addresses of the management API's campaigns."""

from django.urls import path

from campaigns import api, blocks_api, contents_api, source_api

urlpatterns = [
    path("campaigns", api.CampaignList.as_view(), name="api_campaigns"),
    path("campaigns/<uuid:public_id>", api.CampaignDetail.as_view(), name="api_campaign"),
    path("campaigns/<uuid:public_id>/launch", api.Launch.as_view(), name="api_campaign_launch"),
    path("campaigns/<uuid:public_id>/pause", api.Pause.as_view(), name="api_campaign_pause"),
    path("campaigns/<uuid:public_id>/resume", api.Resume.as_view(), name="api_campaign_resume"),
    path("campaigns/<uuid:public_id>/stop", api.Stop.as_view(), name="api_campaign_stop"),
    path("campaigns/<uuid:public_id>/variants", contents_api.Variants.as_view(), name="api_variants"),
    path(
        "campaigns/<uuid:public_id>/variants/<str:key>/contents/<str:channel>",
        contents_api.Contents.as_view(),
        name="api_content",
    ),
    path("blocks", blocks_api.Blocks.as_view(), name="api_blocks"),
    path("blocks/<uuid:public_id>", blocks_api.BlockDetail.as_view(), name="api_block"),
    path("blocks/<uuid:public_id>/archive", blocks_api.Archive.as_view(), name="api_block_archive"),
    path("blocks/<uuid:public_id>/restore", blocks_api.Restore.as_view(), name="api_block_restore"),
    path("sources", source_api.SourceList.as_view(), name="api_sources"),
    path("sources/<uuid:public_id>", source_api.SourceDetail.as_view(), name="api_source"),
]
